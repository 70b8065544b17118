"""How kdump-tools lays out its dumps: ``<directory>/[<host>-]YYYYMMDDHHMM/`` with ``dump.``, ``dmesg.`` and their kin.

Source: kdump_save_core() and define_stampdir() in kdump-config 1:1.8.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kdumpkit.distributions.answers import DumpCandidate, DumpState
from kdumpkit.distributions.dump_listing import DumpDirectory, dump_directories, oldest_first, parse_files

#: NFS and ssh targets put the host's name or address before the stamp
_DIRECTORY = re.compile(r"(?:.+-)?(?P<stamp>[0-9]{12})")
_EXTENSION = r"(?:\.(?:gz|bz2|lz4|xz|zst))?"
_FINISHED = re.compile(r"(?:dump|vmcore)\.[0-9]{12}" + _EXTENSION)
_INCOMPLETE = re.compile(r"(?:dump|vmcore)-incomplete" + _EXTENSION)
_DMESG = re.compile(r"dmesg\.[0-9]{12}")


def parse_listing(listing: bytes, directory: str) -> tuple[DumpCandidate, ...]:
    """The dumps below ``directory``, oldest first by name and then by time of change."""
    found = dump_directories(parse_files(listing), directory, _DIRECTORY.fullmatch)
    return oldest_first(candidate for folder in found for candidate in _candidates(folder))


def _candidates(folder: DumpDirectory) -> Iterable[DumpCandidate]:
    matched = _DIRECTORY.fullmatch(folder.name)
    stamp = matched["stamp"] if matched else ""
    logs = [file for name, file in folder.files.items() if _DMESG.fullmatch(name)]
    log = max(logs, key=lambda file: file.modified_at, default=None)
    log_path = log.path if log else None
    dumps = 0
    for name, file in folder.files.items():
        if _FINISHED.fullmatch(name):
            # nothing in it: the pipe into the file hides that makedumpfile failed
            state = DumpState.FINISHED if file.size_bytes else DumpState.INCOMPLETE
        elif _INCOMPLETE.fullmatch(name):
            state = DumpState.INCOMPLETE
        else:
            continue
        dumps += 1
        yield DumpCandidate(folder.path, stamp, state, file.path, file.size_bytes, file.modified_at, log_path)
    if not dumps:
        yield folder.without_dump(stamp, log)
