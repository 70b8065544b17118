"""Where a dump will be written and how much room is there."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.kdump_settings import DumpTargetKind, KdumpSettings
from kdumpkit.facts.mounts import Mount, Mounts
from kdumpkit.facts.reading import answered, record_numbers, records_of
from kdumpkit.facts.text import decimal, decoded, excerpt
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.base import Host

# ext4 keeps 2 % of the blocks, at most 4096 clusters, back from root too, for what it must never fail to write; only
# the size for everybody leaves them out (ext4_calculate_resv_clusters and ext4_statfs in the kernel's fs/ext4/super.c,
# since Linux 3.10; /sys/fs/ext4/<device>/reserved_clusters). Clusters are blocks of 4 KiB unless bigalloc made others.
_EXT4_KEPT_BACK_BYTES = 4096 * 4096


@dataclass(frozen=True)
class FileSystemSpace:
    """Sizes of one file system, in bytes, from ``df -B1``. ``available_bytes`` is what is left for everybody."""

    target: str
    fstype: str
    total_bytes: int
    used_bytes: int
    available_bytes: int

    @property
    def free_bytes(self) -> int:
        """Total minus used: with the blocks that are kept for root, which the capture kernel is.

        Without those that ext4 gives to nobody.
        """
        nobodys = min(self.total_bytes // 50, _EXT4_KEPT_BACK_BYTES) if self.fstype == "ext4" else 0
        return max(self.total_bytes - self.used_bytes - nobodys, self.available_bytes)


@dataclass(frozen=True)
class DumpTarget:
    """``directory`` is where dumps lie (None: the settings that name it are not known).

    ``remote`` is the server of a network target or the device of a raw one, None for a local one. ``directory_exists``
    False: it is made in ``mount`` when the service starts.
    """

    kind: DumpTargetKind
    directory: str | None
    directory_exists: bool | Unknown
    remote: str | None
    mount: Mount | Unknown
    space: FileSystemSpace | Unknown
    records: tuple[int, ...] = ()


def with_parents(directory: str) -> tuple[str, ...]:
    """The directory and each that it lies in, deepest first: the first that exists tells the file system."""
    path = posixpath.normpath("/" + directory.lstrip("/"))
    paths = [path]
    while path != "/" and len(paths) < 64:
        path = posixpath.dirname(path)
        paths.append(path)
    return tuple(paths)


def parse_df(data: bytes, asked: Sequence[str]) -> dict[str, FileSystemSpace]:
    """Sizes by asked path, without those that are not there.

    From ``df -B1 --output=size,used,avail,fstype,file,target``. Raises ParseError.
    """
    found: dict[str, FileSystemSpace] = {}
    longest_first = sorted(asked, key=len, reverse=True)
    for line in decoded(data, "df").rstrip("\n").split("\n")[1:]:
        fields = line.split(None, 4)
        if len(fields) != 5:
            raise ParseError(f"df: {excerpt(line)} is not three sizes, a type, a file and a mount")
        rest = fields[4]
        # both may have spaces in them, and the file is known
        path = next((path for path in longest_first if rest.startswith(path + " ")), None)
        if path is None:
            raise ParseError(f"df: {excerpt(line)} is about a file that was not asked for")
        total, used, available = (decimal(text, "df") for text in fields[:3])
        found[path] = FileSystemSpace(rest[len(path) :].strip(), fields[3], total, used, available)
    return found


def read_dump_target(
    host: Host, settings: KdumpSettings | Unknown, mounts: Mounts | Unknown, *, as_root: bool = True
) -> DumpTarget:
    """Where dumps will be written, and the room there. One command, none for a network target.

    Settings that are not known give Unknown sizes: the default directory is not taken for the configured one.
    """
    if isinstance(settings, Unknown):
        return DumpTarget(DumpTargetKind.LOCAL, None, settings, None, settings, settings, settings.records)
    kind, target, directory = settings.target_kind, settings.target, settings.directory
    if kind is not DumpTargetKind.LOCAL:
        what = "a device without a file system" if kind is DumpTargetKind.RAW else "another machine"
        elsewhere = Unknown(target or str(kind), Why.NOT_ANSWERED, f"the room on {what} is not asked for")
        return DumpTarget(kind, directory, elsewhere, target, elsewhere, elsewhere, settings.records)
    if directory is None:
        where = Unknown(target or settings.path, Why.NOT_ANSWERED, "it is not mounted, so its room cannot be seen")
        return DumpTarget(kind, None, where, None, where, where, settings.records)
    return read_local_dump_target(host, directory, mounts, settings.records, as_root=as_root)


def read_local_dump_target(
    host: Host, directory: str, mounts: Mounts | Unknown, records: tuple[int, ...] = (), *, as_root: bool = True
) -> DumpTarget:
    """The file system that holds ``directory``, or will hold it once it is made, with its sizes."""
    asked = with_parents(directory)
    command = Command(
        ("df", "-B1", "--output=size,used,avail,fstype,file,target", "--", *asked),
        timeout_s=20,
        as_root=as_root,
        # status 1: a directory is not there yet
        accepted=(0, 1),
    )
    answer = answered(host, command, lambda result: (parse_df(result.stdout, asked), record_numbers(result.record)))
    if isinstance(answer, Unknown):
        return DumpTarget(
            DumpTargetKind.LOCAL, directory, answer, None, answer, answer, record_numbers(*records, *answer.records)
        )
    sizes, df_records = answer
    deepest = next((path for path in asked if path in sizes), None)
    space: FileSystemSpace | Unknown
    mount: Mount | Unknown
    if deepest is None:
        space = mount = Unknown("df", Why.NOT_UNDERSTOOD, "it answered for no directory", df_records)
    else:
        space = sizes[deepest]
        target = space.target
        mount = (
            mounts
            if isinstance(mounts, Unknown)
            else mounts.of(target) or Unknown("findmnt", Why.NOT_UNDERSTOOD, f"it has no mount for {target}")
        )
    return DumpTarget(
        DumpTargetKind.LOCAL,
        directory,
        deepest == asked[0],
        None,
        mount,
        space,
        record_numbers(*records, *df_records, *records_of(mounts)),
    )
