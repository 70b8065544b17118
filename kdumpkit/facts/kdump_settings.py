"""What a distribution's kdump settings say, in words that are the same for every family.

Each family reads its own files into a fact of its own (``kdump_tools``, ``kdump_conf``, ``sysconfig_kdump``) and tells
here what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kdumpkit.facts.unknown import Unknown


class DumpTargetKind(StrEnum):
    """By which way a dump leaves the capture kernel."""

    LOCAL = "local"
    RAW = "raw"
    NFS = "nfs"
    CIFS = "cifs"
    SSH = "ssh"
    SFTP = "sftp"
    FTP = "ftp"

    @property
    def on_network(self) -> bool:
        """True where the dump leaves the host, so that the room for it cannot be seen from there."""
        return self not in (DumpTargetKind.LOCAL, DumpTargetKind.RAW)


@dataclass(frozen=True)
class SettingsSwitch:
    """A line that switches kdump on as a whole (USE_KDUMP). ``value`` None: it is not set.

    ``on`` is Unknown where only a shell could tell, ``remedy`` a line to paste that switches it on.
    """

    name: str
    value: str | None
    origin: str
    on: bool | Unknown
    remedy: str


@dataclass(frozen=True)
class SettingsProblem:
    """Something in the settings that does not do what it looks like, or that contradicts itself.

    ``id`` is the second half of a finding's id (``settings.<id>``): ``syntax``, ``target``, ``collector``, ... Fatal
    ones keep the capture kernel from being loaded, or the dump from being written.
    """

    id: str
    origin: str
    text: str
    why: str
    fatal: bool
    remedy: str = ""


@dataclass(frozen=True)
class KdumpSettings:
    """The meaning of one host's settings; defaults of the distribution are filled in, None is "not set".

    ``directory`` is where dumps lie as the running system sees it; None where that cannot be said (a device that is not
    mounted). ``target`` is the server, the export or the device that the settings name; None for the file system that
    holds ``directory``. ``collector`` is the whole command line of the core collector. ``switch`` is None for families
    whose service alone decides. ``values`` are the keys that are set, for people; secrets are masked.
    """

    paths: tuple[str, ...]
    directory: str | None
    target_kind: DumpTargetKind = DumpTargetKind.LOCAL
    target: str | None = None
    collector: str = ""
    dump_level: int | None = None
    compression: str | None = None
    switch: SettingsSwitch | None = None
    kernel: str | None = None
    initramfs: str | None = None
    command_line: str | None = None
    command_line_append: str | None = None
    command_line_remove: str | None = None
    kexec_arguments: str | None = None
    keep_dumps: int | None = None
    values: tuple[tuple[str, str], ...] = ()
    problems: tuple[SettingsProblem, ...] = ()
    records: tuple[int, ...] = ()

    @property
    def path(self) -> str:
        """The file that decides."""
        return self.paths[0]

    @property
    def switched_off(self) -> bool:
        """True where a switch is known to be off: the service then loads nothing, and looks well."""
        return self.switch is not None and self.switch.on is False
