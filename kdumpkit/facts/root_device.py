"""The device that holds ``/``, and how the command line names it."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.facts.mounts import DeviceKind


@dataclass(frozen=True)
class RootDevice:
    """``command_line_root`` is the value of ``root=`` (None: not given); ``kernel_root`` a ``root=`` that can be pasted."""

    source: str
    fstype: str
    uuid: str | None
    device: DeviceKind
    command_line_root: str | None
    records: tuple[int, ...] = ()

    @property
    def kernel_root(self) -> str:
        """What ``root=`` should say: the running one's value, else the mapper path for LVM, else the UUID, else the source."""
        if self.command_line_root:
            return self.command_line_root
        if self.device in (DeviceKind.LVM, DeviceKind.CRYPT, DeviceKind.MULTIPATH) or self.uuid is None:
            return self.source
        return f"UUID={self.uuid}"
