"""Copying one file from a host: resumable, checked on both ends, never half there under its own name.

The bytes land in ``.NAME.TAG.part`` beside the destination. TAG is made of the host, the path, the size and the
time of change, so that a part is only ever continued with the same file; before it is, its digest is compared with
that of the same bytes on the host. It is renamed when the digests of the whole agree.

On the host this is one look at the file, one command that sends it, and one digest.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import CommandFailed, HostLocked, NotVerified
from kdumpkit.hosts.base import Fetched, Host, Progress, Runs
from kdumpkit.hosts.part import Part, require_room
from kdumpkit.hosts.process import Sink, last_line

#: runs a command and gives its standard output to a sink as it comes; the timeout bounds silence
Stream = Callable[[Command, Sink], CommandResult]

#: longest silence of a transfer that is still waited for, in seconds
STALL_TIMEOUT_S = 60.0
#: a digest of many GB takes a while: at least this many bytes a second are expected
_DIGEST_BYTES_PER_S = 10_000_000

# a dump is root's alone, but the folder it lies in mostly tells its size to everybody: then one look is enough
_STAT = (
    '[ -f "$1" ] && stat -L -c "%s %Y %i" -- "$1" && { [ -r "$1" ] && exit 0; exit 6; }; [ -e "$1" ] || exit 4; exit 5'
)
_UNREADABLE = 6


@dataclass(frozen=True)
class RemoteFile:
    """A regular file on a host. ``identity`` changes with its content; ``as_root``: the login may not read it."""

    path: str
    size_bytes: int
    identity: str
    as_root: bool


def fetch_file(host: Host, stream: Stream, remote: str, local: Path, progress: Progress | None) -> Fetched:
    """A verified copy of ``remote`` as ``local``; ``local`` is replaced, in one step, when all is well.

    Raises:
        CommandFailed: the file is not there, is not a regular file, or may not be read.
        DiskFull: no room here, which is seen before the first byte is sent, or somebody else filled the disk
            meanwhile; the part is kept.
        HostLocked: another fetch writes the same file.
        HostLost, CommandTimeout: broken off; the part is kept and the next fetch goes on from there.
        NotVerified: the digests of both ends differ, or the file changed while it was read.
    """
    local = Path(local)
    local.parent.mkdir(parents=True, exist_ok=True)
    found = look_at(host, remote)
    part = _part_of(host, found, local)
    for stale in local.parent.glob(f".{_glob_escaped(local.name)}.*.part"):
        if stale != part:
            stale.unlink(missing_ok=True)  # of another version of the file: of no use any more
    there_bytes = part.stat().st_size if part.exists() else 0
    require_room(local, found.size_bytes, min(there_bytes, found.size_bytes))
    with open(part, "a+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise HostLocked(f"another fetch writes {part}", "wait for it to end, or stop it") from error
        landed = Part(part, file, found.size_bytes, progress)
        landed.take_over()
        if landed.size_bytes and not _is_begin_of(host, found, landed):
            landed.restart()
        # beside the transfer, which keeps one processor of the host busy and its disk hardly at all
        digest = host.begin(digest_command(found))
        _transfer(host, stream, found, landed)
        theirs = parse_digest(digest(), host.name, found.path)
        landed.finish()
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


def look_at(host: Runs, remote: str) -> RemoteFile:
    """The file's size, and whether it takes root to read it. Raises CommandFailed where there is none to be read."""
    # as ourselves first: a file that the login may read needs no sudo
    for as_root in (False, True):
        looked = host.run(
            Command(
                ("sh", "-c", _STAT, "kdumpkit", remote),
                as_root=as_root,
                title=f"stat {remote}",
                timeout_s=30,
                inline=True,
            )
        )
        fields = looked.stdout.split()
        unreadable = looked.exit_status == _UNREADABLE and not as_root
        if (looked.exit_status == 0 or unreadable) and len(fields) == 3:
            return RemoteFile(remote, int(fields[0]), looked.text.strip(), as_root or unreadable)
    why = {4: "it is not there", 5: "it is not a regular file, or may not be read"}.get(
        looked.exit_status, last_line(looked.stderr) or f"stat ended with status {looked.exit_status}"
    )
    raise CommandFailed(f"{remote} cannot be fetched from {host.name}: {why}", f"on {host.name}: ls -ld {remote}")


def digest_command(found: RemoteFile, first_bytes: int | None = None) -> Command:
    """Prints the sha256 of the file; of its ``first_bytes`` alone where that is given."""
    # read from standard input: sha256sum escapes odd names and marks the line when it prints them
    if first_bytes is None:
        argv: tuple[str, ...] = ("sh", "-c", 'exec sha256sum <"$1"', "kdumpkit", found.path)
    else:
        argv = ("sh", "-c", 'head -c "$2" <"$1" | sha256sum', "kdumpkit", found.path, str(first_bytes))
    size_bytes = found.size_bytes if first_bytes is None else first_bytes
    what = "" if first_bytes is None else f", first {first_bytes} bytes"
    return Command(
        argv,
        timeout_s=60 + size_bytes / _DIGEST_BYTES_PER_S,
        as_root=found.as_root,
        title=f"sha256sum {found.path}{what}",
    )


def parse_digest(result: CommandResult, host: str, remote: str) -> str:
    """The digest that :func:`digest_command` printed, in hex. Raises CommandFailed, and NotVerified for no digest."""
    words = result.checked().text.split()
    if not words or len(words[0]) != 64:
        raise NotVerified(f"{host}: sha256sum of {remote} gave no digest", f"on {host}: sha256sum {remote}")
    return words[0]


def _part_of(host: Host, found: RemoteFile, local: Path) -> Path:
    tag = hashlib.sha256(f"{host.name}\0{found.path}\0{found.identity}".encode("utf-8", "surrogateescape"))
    return local.with_name(f".{local.name}.{tag.hexdigest()[:16]}.part")


def _is_begin_of(host: Host, found: RemoteFile, landed: Part) -> bool:
    # a machine that lost power may have kept the length of a part and not its bytes
    if landed.size_bytes > found.size_bytes:
        return False
    theirs = parse_digest(host.run(digest_command(found, landed.size_bytes)), host.name, found.path)
    return landed.digest.hexdigest() == theirs


def _transfer(host: Host, stream: Stream, found: RemoteFile, landed: Part) -> None:
    if landed.size_bytes == found.size_bytes:
        return
    result = stream(
        Command(
            ("tail", "-c", f"+{landed.size_bytes + 1}", "--", found.path),
            timeout_s=STALL_TIMEOUT_S,
            as_root=found.as_root,
            title=f"fetch {found.path}",
        ),
        landed,
    )
    if result.exit_status != 0:
        raise CommandFailed(
            f"{found.path} on {host.name} could not be read to its end: {last_line(result.stderr)}",
            f"on {host.name}: ls -l {found.path}",
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
