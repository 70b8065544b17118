"""Mounted file systems, from ``findmnt``, and what lies under them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DeviceKind(StrEnum):
    """What carries a file system."""

    PLAIN = "plain"
    LVM = "lvm"
    CRYPT = "crypt"
    MULTIPATH = "multipath"
    OTHER_MAPPER = "device mapper"
    NETWORK = "network"
    NONE = "none"


@dataclass(frozen=True)
class Mount:
    """One mount. ``uuid`` is None where the file system has none; ``device`` NONE: no block device (tmpfs, overlay)."""

    target: str
    source: str
    fstype: str
    options: tuple[str, ...]
    uuid: str | None
    device: DeviceKind

    @property
    def read_only(self) -> bool:
        return "ro" in self.options


@dataclass(frozen=True)
class Mounts:
    """All mounts in the kernel's order; a later one over the same target hides the earlier."""

    mounts: tuple[Mount, ...]
    records: tuple[int, ...] = ()

    def of(self, path: str) -> Mount | None:
        """The mount that holds this absolute path."""
        raise NotImplementedError
