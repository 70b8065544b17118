"""What can be said about a file of a host: four different answers, and what a directory holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FileContent:
    """A regular file that was read, perhaps an empty one."""

    path: str
    data: bytes
    #: permission bits; None where they were not asked for, and where the file went away right after it was read
    mode: int | None
    #: the file is longer than ``data``, which holds its first ``max_bytes``
    truncated: bool = False
    record: int = -1


@dataclass(frozen=True)
class Absent:
    """There is no such file, or nothing matches the pattern."""

    path: str
    record: int = -1


@dataclass(frozen=True)
class NotPermitted:
    """The login may not read it, or may not look whether it is there."""

    path: str
    record: int = -1


@dataclass(frozen=True)
class Unreadable:
    """It is there and has no content to give: a directory, a device, a dangling link, an I/O error."""

    path: str
    reason: str
    record: int = -1


FileState = FileContent | Absent | NotPermitted | Unreadable


#: Shell function: how far towards $1 one can look, and so why there is nothing to see of it.
MISSING_SH = r"""
missing() {
  d=$1
  while [ ! -e "$d" ] && [ ! -L "$d" ]; do d=${d%/*}; d=${d:-/}; done
  if [ -d "$d" ] && [ ! -x "$d" ]; then echo not-permitted; else echo absent; fi
}
"""


def checked_path(path: str) -> str:
    """The path itself. Raises ValueError where it is not absolute: a login's directory is not ours to rely on."""
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"not an absolute path: {path!r}")
    return path
