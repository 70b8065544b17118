"""Mounted file systems, from ``findmnt``, and what lies under them."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, answered, record_numbers
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import FileContent, read_files


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
        """The mount that holds this absolute path (links in it are not followed); None where nothing is at /."""
        wanted = posixpath.normpath("/" + path.lstrip("/"))
        best: Mount | None = None
        for mount in self.mounts:
            inside = mount.target == "/" or wanted == mount.target or wanted.startswith(mount.target + "/")
            if inside and (best is None or len(mount.target) >= len(best.target)):
                best = mount
        return best


#: name and uuid of each device-mapper device: the uuid begins with what made it
MAPPER_PATHS = ("/sys/block/dm-*/dm/name", "/sys/block/dm-*/dm/uuid")
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "fuse.sshfs", "afs", "lustre"}
_COLUMNS = "TARGET,SOURCE,FSTYPE,OPTIONS,UUID"


def parse_findmnt(data: bytes, mapper: Mapping[str, str] | None = None, records: tuple[int, ...] = ()) -> Mounts:
    """Mounts out of ``findmnt --json --list``. Raises ParseError.

    ``mapper`` gives the device-mapper uuid of a device.
    """
    try:
        answer = json.loads(decoded(data, "findmnt"))
        rows = answer["filesystems"]
        mounts = tuple(_mount(row, mapper or {}) for row in rows)
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise ParseError(f"findmnt: the answer is not its list of file systems ({type(error).__name__})") from error
    if not mounts:
        raise ParseError("findmnt: the list of file systems is empty")
    return Mounts(mounts, records)


def _mount(row: object, mapper: Mapping[str, str]) -> Mount:
    if not isinstance(row, dict):
        raise TypeError("a mount is no object")
    target, source, fstype, options, uuid = (row.get(name) for name in _COLUMNS.lower().split(","))
    if not isinstance(target, str) or not target.startswith("/"):
        raise ValueError("a mount has no target")
    source, fstype = str(source or ""), str(fstype or "")
    words = tuple(str(options or "").split(","))
    return Mount(target, source, fstype, words, str(uuid) if uuid else None, device_kind(source, fstype, mapper))


def device_kind(source: str, fstype: str, mapper: Mapping[str, str]) -> DeviceKind:
    """What carries a file system. A mapper device whose uuid is not known is OTHER_MAPPER, LVM or not."""
    if fstype in _NETWORK:
        return DeviceKind.NETWORK
    if not source.startswith("/dev/"):
        return DeviceKind.NONE
    if not source.startswith(("/dev/mapper/", "/dev/dm-")):
        return DeviceKind.PLAIN
    uuid = mapper.get(source, "")
    for prefix, kind in (
        ("LVM-", DeviceKind.LVM),
        ("CRYPT-", DeviceKind.CRYPT),
        ("mpath-", DeviceKind.MULTIPATH),
    ):
        # partitions of a device put part<number>- in front
        if uuid.startswith(prefix) or (uuid.startswith("part") and uuid.partition("-")[2].startswith(prefix)):
            return kind
    return DeviceKind.OTHER_MAPPER


def mapper_uuids(files: Files) -> dict[str, str]:
    """The device-mapper uuid of ``/dev/mapper/<name>`` and ``/dev/dm-<n>``, out of files that were read."""
    found: dict[str, str] = {}
    for path, state in files.items():
        if not path.startswith("/sys/block/dm-") or not path.endswith("/dm/uuid") or not isinstance(state, FileContent):
            continue
        uuid = state.data.decode("utf-8", "replace").strip()
        found["/dev/" + path.split("/")[3]] = uuid
        name = files.get(path.removesuffix("uuid") + "name")
        if isinstance(name, FileContent):
            found["/dev/mapper/" + name.data.decode("utf-8", "replace").strip()] = uuid
    return found


def read_mounts(host: Host, files: Files | None = None) -> Mounts | Unknown:
    """All mounts. ``files``: what read_files answered for MAPPER_PATHS, read here where it is not given."""
    known = files if files is not None else read_files(host, MAPPER_PATHS, max_bytes=4096)
    mapper = mapper_uuids(known)
    command = Command(("findmnt", "--json", "--list", "--nofsroot", "--output", _COLUMNS), timeout_s=20)
    return answered(host, command, lambda result: parse_findmnt(result.stdout, mapper, record_numbers(result.record)))
