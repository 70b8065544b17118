"""How kdump-tools lays out its dumps: ``<directory>/[<host>-]YYYYMMDDHHMM/`` with ``dump.``, ``dmesg.`` and their kin.

Source: kdump_save_core() and define_stampdir() in kdump-config 1:1.8.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kdumpkit.command import Command, command
from kdumpkit.distributions.answers import DumpCandidate, DumpState, ListedFile
from kdumpkit.errors import ParameterError

#: NFS and ssh targets put the host's name or address before the stamp
_DIRECTORY = re.compile(r"(?:.+-)?(?P<stamp>[0-9]{12})")
_EXTENSION = r"(?:\.(?:gz|bz2|lz4|xz|zst))?"
_FINISHED = re.compile(r"(?:dump|vmcore)\.[0-9]{12}" + _EXTENSION)
_INCOMPLETE = re.compile(r"(?:dump|vmcore)-incomplete" + _EXTENSION)
_DMESG = re.compile(r"dmesg\.[0-9]{12}")


def listing_command(directory: str) -> Command:
    """Lists two levels: kind, size in bytes, time of change and path, each file ended by NUL.

    Exit status 1 is accepted: the directory is absent (before the first dump), or a file went away while it was listed.
    """
    if not directory.startswith("/") or "\0" in directory:
        raise ParameterError(f"{directory!r} is not an absolute path", "give the dump directory as /var/crash")
    # -H: the directory itself may be a link to another file system
    argv = ("find", "-H", directory, "-mindepth", "1", "-maxdepth", "2", "-printf", r"%y %s %T@ %p\0")
    return command(*argv, timeout_s=60, as_root=True, accepted=(0, 1))


def parse_files(listing: bytes) -> tuple[ListedFile, ...]:
    """The files of a listing; entries that are cut off or not understood are left out."""
    files = []
    for entry in listing.split(b"\0")[:-1]:
        words = entry.decode("utf-8", "surrogateescape").split(" ", 3)
        if (
            len(words) == 4
            and words[1].isascii()
            and words[1].isdigit()
            and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", words[2])
        ):
            files.append(ListedFile(words[3], words[0], int(words[1]), float(words[2])))
    return tuple(files)


def parse_listing(listing: bytes, directory: str) -> tuple[DumpCandidate, ...]:
    """The dumps below ``directory``, oldest first by name and then by time of change."""
    root = directory.rstrip("/") + "/"
    contents: dict[str, list[ListedFile]] = {}
    directories: dict[str, ListedFile] = {}
    for file in parse_files(listing):
        below = file.path.removeprefix(root).split("/")
        if not file.path.startswith(root) or not _DIRECTORY.fullmatch(below[0]):
            continue
        if len(below) == 1 and file.kind == "d":
            directories[below[0]] = file
        elif len(below) == 2 and file.kind == "f":
            contents.setdefault(below[0], []).append(file)
    found = [
        candidate
        for name, listed in directories.items()
        for candidate in _candidates(root + name, listed, contents.get(name, ()))
    ]
    return tuple(sorted(found, key=lambda dump: (dump.stamp, dump.modified_at, dump.path or "")))


def _candidates(path: str, directory: ListedFile, files: Iterable[ListedFile]) -> Iterable[DumpCandidate]:
    matched = _DIRECTORY.fullmatch(path.rsplit("/", 1)[-1])
    stamp = matched["stamp"] if matched else ""
    named = {file.path.rsplit("/", 1)[-1]: file for file in files}
    logs = [file for name, file in named.items() if _DMESG.fullmatch(name)]
    log = max(logs, key=lambda file: file.modified_at, default=None)
    dumps = 0
    for name, file in named.items():
        if _FINISHED.fullmatch(name):
            # nothing in it: the pipe into the file hides that makedumpfile failed
            state = DumpState.FINISHED if file.size_bytes else DumpState.INCOMPLETE
        elif _INCOMPLETE.fullmatch(name):
            state = DumpState.INCOMPLETE
        else:
            continue
        dumps += 1
        log_path = log.path if log else None
        yield DumpCandidate(path, stamp, state, file.path, file.size_bytes, file.modified_at, log_path)
    if not dumps:
        state = DumpState.LOG_ONLY if log else DumpState.EMPTY
        changed = log.modified_at if log else directory.modified_at
        yield DumpCandidate(path, stamp, state, None, 0, changed, log.path if log else None)
