"""Logs from files, each line bounded, so that a file without line ends costs no memory."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from kdumpkit.analysis.log.model import CrashLog
from kdumpkit.analysis.log.prefixes import LINE_LIMIT
from kdumpkit.analysis.log.reader import read_crash_blocks
from kdumpkit.disk_room import LOOK_EVERY_BYTES, require_room
from kdumpkit.errors import UsageError

_BLOCK_BYTES = 1 << 16
_COPY_BYTES = 1 << 20


def read_crash_file(path: Path | str) -> CrashLog:
    """The crash reports of one file.

    Raises UsageError where it cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as log:
            return read_crash_blocks(iter(lambda: log.read(_BLOCK_BYTES), b""))
    except OSError as error:
        raise UsageError(
            f"The log {path} cannot be read: {error.strerror or error}.",
            f"ls -l {shlex.quote(str(path))}",
        ) from error


def oops(paths: Iterable[Path | str]) -> Iterator[dict[str, object]]:
    """One JSON-ready dict for each log, in order, with its ``file``; ``kind: none`` where it holds no crash.

    Raises UsageError for the first file that cannot be read.
    """
    for path in paths:
        yield {"file": str(path)} | read_crash_file(path).as_json()


@contextmanager
def seekable(path: Path | str) -> Iterator[Path]:
    """The file itself, or a copy of what comes from standard input (``-``), a pipe or a device, which ends here.

    Raises UsageError where it cannot be read, and DiskFull before the copy would fill the disk.
    """
    source = Path("/dev/stdin") if str(path) == "-" else Path(path)
    if source.is_file() or not source.exists() or source.is_dir():
        yield source
        return
    with tempfile.NamedTemporaryFile(prefix="kdumpkit-log-") as copy:
        try:
            with open(source, "rb") as pipe:
                _copy(pipe, copy, f"The log {path} cannot be read from a copy")
            copy.flush()
        except OSError as error:
            raise UsageError(f"The log {path} cannot be read: {error.strerror or error}.") from error
        yield Path(copy.name)


def _copy(pipe: BinaryIO, copy: IO[bytes], failed: str) -> None:
    # what comes through a pipe may have no end
    looked_at = copied = 0
    while block := pipe.read(_COPY_BYTES):
        if copied >= looked_at:
            require_room(Path(copy.name).parent, LOOK_EVERY_BYTES, failed)
            looked_at = copied + LOOK_EVERY_BYTES
        copied += copy.write(block)


def bounded_lines(log: BinaryIO) -> Iterator[bytes]:
    """Lines of a file, none longer than ``LINE_LIMIT``; the rest of a longer one is left out."""
    readline = log.readline
    while line := readline(LINE_LIMIT):
        yield line
        while len(line) == LINE_LIMIT and not line.endswith(b"\n"):
            line = readline(LINE_LIMIT)
