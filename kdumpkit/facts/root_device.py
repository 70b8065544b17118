"""The device that holds ``/``, and how the command line names it."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.mounts import DeviceKind, Mounts
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.unknown import Unknown, Why


@dataclass(frozen=True)
class RootDevice:
    """The device and file system at /. ``command_line_root`` is the value of ``root=``; None: it is not given."""

    source: str
    fstype: str
    uuid: str | None
    device: DeviceKind
    command_line_root: str | None
    records: tuple[int, ...] = ()

    @property
    def kernel_root(self) -> str:
        """What ``root=`` should say for a kernel that mounts the same root.

        The running kernel's own value; without one the mapper path for LVM and the like, else the UUID.
        """
        if self.command_line_root:
            return self.command_line_root
        if self.device in (DeviceKind.LVM, DeviceKind.CRYPT, DeviceKind.MULTIPATH) or self.uuid is None:
            return self.source
        return f"UUID={self.uuid}"


def root_device_from(mounts: Mounts | Unknown, command_line: KernelCommandLine | Unknown) -> RootDevice | Unknown:
    """The root device out of mounts and command line; of several ``root=`` the last counts, as in the kernel."""
    if isinstance(mounts, Unknown):
        return mounts
    root = mounts.of("/")
    if root is None:
        return Unknown("findmnt", Why.NOT_UNDERSTOOD, "nothing is mounted at /", mounts.records)
    if isinstance(command_line, Unknown):
        return command_line
    given = command_line.values("root")
    return RootDevice(
        root.source, root.fstype, root.uuid, root.device, given[-1] if given else None, records_of(mounts, command_line)
    )
