"""Copying one file from a host: resumable, checked on both ends, never half there under its own name.

The bytes land in ``.NAME.TAG.part`` beside the destination. TAG is made of the host, the path, the size and the
time of change, so that a part is only ever continued with the same file; it is renamed when the digests agree.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import CommandFailed, DiskFull, HostLocked, NotVerified
from kdumpkit.hosts.base import Fetched, Host, Progress
from kdumpkit.hosts.process import Sink, last_line

#: runs a command and gives its standard output to a sink as it comes; the timeout bounds silence
Stream = Callable[[Command, Sink], CommandResult]

#: longest silence of a transfer that is still waited for, in seconds
STALL_TIMEOUT_S = 60.0
#: a digest of many GB takes a while: at least this many bytes a second are expected
_DIGEST_BYTES_PER_S = 10_000_000
_SPARE_BYTES = 16 << 20
_PROGRESS_EVERY_S = 0.1
_FULL = (errno.ENOSPC, errno.EDQUOT)

_STAT = '[ -f "$1" ] && [ -r "$1" ] && stat -L -c "%s %Y %i" -- "$1" && exit; [ -e "$1" ] || exit 4; exit 5'


@dataclass(frozen=True)
class _Remote:
    size_bytes: int
    identity: str
    as_root: bool


class _Part:
    """The file that grows: counts, hashes and shows progress as the bytes come."""

    def __init__(self, file: BinaryIO, total_bytes: int, progress: Progress | None) -> None:
        self._file = file
        self._total_bytes = total_bytes
        self._progress = progress
        self._shown_at = 0.0
        self.size_bytes = 0
        self.digest = hashlib.sha256()

    def take_over(self) -> None:
        """Hash what an earlier try left, and go on behind it."""
        self._file.seek(0)
        while chunk := self._file.read(1 << 20):
            self.digest.update(chunk)
            self.size_bytes += len(chunk)

    def restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self.size_bytes = 0
        self.digest = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self.digest.update(chunk)
        self.size_bytes += len(chunk)
        now = time.monotonic()
        if self._progress is not None and now >= self._shown_at + _PROGRESS_EVERY_S:
            self._shown_at = now
            self._progress(min(self.size_bytes, self._total_bytes), self._total_bytes)

    def finish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._progress is not None:
            self._progress(self.size_bytes, self._total_bytes)


def fetch_file(host: Host, stream: Stream, remote: str, local: Path, progress: Progress | None) -> Fetched:
    """A verified copy of ``remote`` as ``local``; ``local`` is replaced, in one step, when all is well.

    Raises:
        CommandFailed: the file is not there, is not a regular file, or may not be read.
        DiskFull: no room here; nothing is left behind.
        HostLocked: another fetch writes the same file.
        HostLost, CommandTimeout: broken off; the part is kept and the next fetch goes on from there.
        NotVerified: the digests of both ends differ, or the file changed while it was read.
    """
    local = Path(local)
    local.parent.mkdir(parents=True, exist_ok=True)
    found = _look(host, remote)
    tag = hashlib.sha256(f"{host.name}\0{remote}\0{found.identity}".encode("utf-8", "surrogateescape"))
    part = local.with_name(f".{local.name}.{tag.hexdigest()[:16]}.part")
    for stale in local.parent.glob(f".{_glob_escaped(local.name)}.*.part"):
        if stale != part:
            stale.unlink(missing_ok=True)  # of another version of the file: of no use any more
    with open(part, "a+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise HostLocked(f"another fetch writes {part}", "wait for it to end, or stop it") from error
        _check_room(local, found.size_bytes - os.fstat(file.fileno()).st_size, part)
        try:
            landed = _Part(file, found.size_bytes, progress)
            landed.take_over()
            resumed = landed.size_bytes > 0
            _transfer(host, stream, remote, found, landed)
            theirs = _remote_digest(host, remote, found)
            if resumed and landed.digest.hexdigest() != theirs:
                landed.restart()  # the part was damaged: once more, from the first byte
                _transfer(host, stream, remote, found, landed)
            landed.finish()
        except OSError as error:
            if error.errno in _FULL:
                part.unlink(missing_ok=True)
                raise _no_room(local, found.size_bytes) from error
            raise
        ours = landed.digest.hexdigest()
        if ours != theirs or landed.size_bytes != found.size_bytes:
            part.unlink(missing_ok=True)
            raise NotVerified(
                f"{remote} on {host.name} and its copy here differ "
                f"({found.size_bytes} bytes sha256 {theirs[:12]}, {landed.size_bytes} bytes sha256 {ours[:12]}): "
                "it changed while it was read, or the transfer is broken; the copy was removed",
                "make sure that nothing writes the file any more, then fetch it again",
            )
        os.replace(part, local)
    _sync_directory(local.parent)
    return Fetched(local, landed.size_bytes, ours)


def _look(host: Host, remote: str) -> _Remote:
    # as ourselves first: a file that the login may read needs no sudo
    for as_root in (False, True):
        looked = host.run(
            Command(("sh", "-c", _STAT, "kdumpkit", remote), as_root=as_root, title=f"stat {remote}", timeout_s=30)
        )
        fields = looked.stdout.split()
        if looked.exit_status == 0 and len(fields) == 3:
            return _Remote(int(fields[0]), looked.text.strip(), as_root)
    why = {4: "it is not there", 5: "it is not a regular file, or may not be read"}.get(
        looked.exit_status, last_line(looked.stderr) or f"stat ended with status {looked.exit_status}"
    )
    raise CommandFailed(f"{remote} cannot be fetched from {host.name}: {why}", f"on {host.name}: ls -ld {remote}")


def _transfer(host: Host, stream: Stream, remote: str, found: _Remote, landed: _Part) -> None:
    if landed.size_bytes > found.size_bytes:
        landed.restart()
    if landed.size_bytes == found.size_bytes:
        return
    before = landed.size_bytes
    result = stream(
        Command(
            ("tail", "-c", f"+{before + 1}", "--", remote),
            timeout_s=STALL_TIMEOUT_S,
            as_root=found.as_root,
            title=f"fetch {remote}",
        ),
        landed,
    )
    if result.exit_status != 0:
        raise CommandFailed(
            f"{remote} on {host.name} could not be read to its end: {last_line(result.stderr)}",
            f"on {host.name}: ls -l {remote}",
        )


def _remote_digest(host: Host, remote: str, found: _Remote) -> str:
    # read from standard input: sha256sum escapes odd names and marks the line when it prints them
    command = Command(
        ("sh", "-c", 'exec sha256sum <"$1"', "kdumpkit", remote),
        timeout_s=60 + found.size_bytes / _DIGEST_BYTES_PER_S,
        as_root=found.as_root,
        title=f"sha256sum {remote}",
    )
    words = host.run(command).checked().text.split()
    if not words or len(words[0]) != 64:
        raise NotVerified(f"{host.name}: sha256sum of {remote} gave no digest", f"on {host.name}: sha256sum {remote}")
    return words[0]


def _check_room(local: Path, needed_bytes: int, part: Path) -> None:
    room = os.statvfs(local.parent)
    if needed_bytes > 0 and room.f_bavail * room.f_frsize < needed_bytes + _SPARE_BYTES:
        part.unlink(missing_ok=True)
        raise _no_room(local, needed_bytes)


def _no_room(local: Path, needed_bytes: int) -> DiskFull:
    room = os.statvfs(local.parent)
    return DiskFull(
        f"no room here for {local}: {needed_bytes} bytes are needed, {room.f_bavail * room.f_frsize} are free",
        f"df -h {local.parent}; then make room or choose another directory",
    )


def _sync_directory(directory: Path) -> None:
    with contextlib.suppress(OSError):
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _glob_escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
