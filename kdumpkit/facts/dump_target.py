"""Where a dump will be written and how much room is there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kdumpkit.facts.mounts import Mount
from kdumpkit.facts.unknown import Unknown


class DumpTargetKind(StrEnum):
    LOCAL = "local"
    NFS = "nfs"
    SSH = "ssh"
    FTP = "ftp"


@dataclass(frozen=True)
class FileSystemSpace:
    """Sizes of one file system, in bytes, from ``df -B1``. ``available_bytes`` is what root's dump can count on."""

    target: str
    source: str
    fstype: str
    total_bytes: int
    used_bytes: int
    available_bytes: int

    @property
    def free_bytes(self) -> int:
        """Total minus used: with the blocks that are kept for root, which the capture kernel is."""
        return max(self.total_bytes - self.used_bytes, self.available_bytes)


@dataclass(frozen=True)
class DumpTarget:
    """``directory`` is where dumps lie; ``remote`` the server for a network target, whose room is not known here.

    ``directory_exists`` False: it is made by the first dump, in ``mount``.
    """

    kind: DumpTargetKind
    directory: str
    directory_exists: bool | Unknown
    remote: str | None
    mount: Mount | Unknown
    space: FileSystemSpace | Unknown
    records: tuple[int, ...] = ()
