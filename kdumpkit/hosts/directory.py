"""What a directory of a host holds. Built on ``Host.run`` alone."""

from __future__ import annotations

import re

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.file_states import (
    MISSING_SH,
    Absent,
    DirectoryEntry,
    EntryKind,
    NotPermitted,
    Unreadable,
    checked_path,
)
from kdumpkit.hosts.process import last_line

_LIST_SH = (
    MISSING_SH
    + r"""
if [ ! -e "$1" ]; then missing "$1"; exit 0; fi
if [ ! -d "$1" ]; then echo not-a-directory; exit 0; fi
if [ ! -r "$1" ] || [ ! -x "$1" ]; then echo not-permitted; exit 0; fi
echo listing
exec find -H "$1" -mindepth 1 -maxdepth "$2" -printf '%y %s %T@ %P\0'
"""
)
_ENTRY = re.compile(rb"(\S) (\d{1,20}) (-?\d{1,20}(?:\.\d{0,20})?) (.+)", re.DOTALL)
_KINDS = {b"f": EntryKind.FILE, b"d": EntryKind.DIRECTORY, b"l": EntryKind.LINK}


def list_directory(
    host: Host, path: str, *, depth: int = 1, as_root: bool = True, timeout_s: float = 60.0
) -> tuple[DirectoryEntry, ...] | Absent | NotPermitted | Unreadable:
    """What is in the directory and, to ``depth`` levels, below it, sorted by name; an empty one gives ``()``.

    NotPermitted also where a directory below may not be read: half a listing is not handed out. A path that is a
    link to a directory is followed, links in it are not. Needs GNU find on the host.
    """
    checked_path(path)
    result = host.run(
        Command(
            ("sh", "-c", _LIST_SH, "kdumpkit", path, str(depth)),
            timeout_s=timeout_s,
            as_root=as_root,
            # 1: some name could not be looked at, which the message tells
            accepted=(0, 1),
            title=f"list {path}" + (f", {depth} levels" if depth > 1 else ""),
        )
    ).checked()
    word, _, rest = result.stdout.partition(b"\n")
    if word == b"absent":
        return Absent(path, result.record)
    if word == b"not-permitted" or b"ermission denied" in result.stderr:
        return NotPermitted(path, result.record)
    if word == b"not-a-directory":
        return Unreadable(path, "it is not a directory", result.record)
    # a name that went away between two looks of find is simply not in the listing
    errors = [line for line in result.stderr.splitlines() if b"No such file or directory" not in line]
    if word != b"listing" or (result.exit_status != 0 and errors):
        return Unreadable(path, last_line(b"\n".join(errors)) or "the host gave no reason", result.record)
    return tuple(sorted((_entry(item) for item in rest.split(b"\0")[:-1]), key=lambda entry: entry.name))


def _entry(item: bytes) -> DirectoryEntry:
    found = _ENTRY.fullmatch(item)
    if found is None:
        raise ParseError(f"find printed {last_line(item, 80)!r}, which is no directory entry", "is it GNU find?")
    kind, size, modified, name = found.groups()
    return DirectoryEntry(
        name.decode("utf-8", "surrogateescape"), _KINDS.get(kind, EntryKind.OTHER), int(size), float(modified)
    )
