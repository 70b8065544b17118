"""The file into which a copy grows: room for it, what an earlier try left of it, its digest, its pace."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from pathlib import Path
from typing import BinaryIO

from kdumpkit.errors import DiskFull
from kdumpkit.hosts.base import Progress

#: left free for everybody else on the disk that is written to
SPARE_BYTES = 256 << 20
_PROGRESS_EVERY_S = 0.1
_PIECE_BYTES = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Part:
    """Counts, hashes and shows progress as the bytes come. Only a chunk at a time is in memory."""

    def __init__(self, path: Path, file: BinaryIO, total_bytes: int, progress: Progress | None) -> None:
        self.path = path
        self._file = file
        self._total_bytes = total_bytes
        self._progress = progress
        self._shown_at = 0.0
        self.size_bytes = 0
        self.digest = hashlib.sha256()

    def take_over(self) -> None:
        """Hash what an earlier try left, and go on behind it."""
        self._file.seek(0)
        while chunk := self._file.read(_PIECE_BYTES):
            self.digest.update(chunk)
            self.size_bytes += len(chunk)

    def restart(self) -> None:
        """Throw away what is there."""
        self._file.seek(0)
        self._file.truncate()
        self.size_bytes = 0
        self.digest = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        """Raises DiskFull where there is no room left; what was written by then stays."""
        rest = memoryview(chunk)
        try:
            while rest:
                # a disk that fills up takes a part of it first
                written = self._file.write(rest)
                self.digest.update(rest[:written])
                self.size_bytes += written
                rest = rest[written:]
        except OSError as error:
            raise self._explained(error) from error
        now = time.monotonic()
        if self._progress is not None and now >= self._shown_at + _PROGRESS_EVERY_S:
            self._shown_at = now
            self._progress(min(self.size_bytes, self._total_bytes), self._total_bytes)

    def finish(self) -> None:
        """All is on disk when this returns. Raises DiskFull where a disk notices only now."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._explained(error) from error
        if self._progress is not None:
            self._progress(self.size_bytes, self._total_bytes)

    def _explained(self, error: OSError) -> OSError | DiskFull:
        if error.errno not in _FULL:
            return error
        return DiskFull(
            f"the disk here became full after {self.size_bytes >> 20} of {self._total_bytes >> 20} MiB for "
            f"{self.path}: {error.strerror}; what came is kept",
            f"make room: df -h {self.path.parent}; the next fetch goes on from there",
        )


def require_room(local: Path, size_bytes: int, there_bytes: int) -> None:
    """Raises DiskFull where ``size_bytes``, less what an earlier try left, do not fit beside ``SPARE_BYTES``."""
    room = os.statvfs(local.parent)
    free = room.f_bavail * room.f_frsize
    needed = size_bytes - there_bytes
    if needed > 0 and free < needed + SPARE_BYTES:
        left = f" ({there_bytes >> 20} MiB of it are there from an earlier try)" if there_bytes else ""
        raise DiskFull(
            f"no room here for {local}: it has {_mebibytes(size_bytes)} MiB{left}, {free >> 20} MiB are free, and "
            f"{SPARE_BYTES >> 20} MiB of them are left alone; nothing was fetched",
            f"df -h {local.parent}; then make room or choose another directory",
        )


def _mebibytes(size_bytes: int) -> int:
    return -(-size_bytes // (1 << 20))
