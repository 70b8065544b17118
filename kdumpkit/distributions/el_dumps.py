"""How Enterprise Linux, Fedora and Amazon Linux lay out their dumps.

``<path>/<address>-YYYY-MM-DD-HH:MM:SS/`` from the capture kernel (early EL 7: ``YYYY.MM.DD-HH:MM:SS``),
``<path>/YYYY-MM-DD-HH:MM/`` for what was copied from a raw device at the next start, and of ``kdumpctl test``
``<path>/kdump-test-<s>-<ns>/``, without address and date. Source: kdump.sh and kdumpctl of kdump-utils, and
kdump-lib-initramfs.sh.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from kdumpkit.distributions.answers import DumpCandidate, DumpState
from kdumpkit.distributions.dump_listing import DumpDirectory, dump_directories, oldest_first, parse_files

_DIRECTORY = re.compile(
    r"(?:(?P<address>.+)-)?(?P<stamp>[0-9]{4}[-.][0-9]{2}[-.][0-9]{2}-[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
)
_TEST = re.compile(r"kdump-test-(?P<seconds>[0-9]{9,11})-[0-9]+")
#: vmcore.flat is what ssh targets get: it has to be put in order before most tools read it
_FINISHED = ("vmcore", "vmcore.flat")
_INCOMPLETE = ("vmcore-incomplete", "vmcore-incomplete.flat")
_LOGS = ("vmcore-dmesg.txt", "vmcore-dmesg-incomplete.txt")


def parse_el_listing(listing: bytes, directory: str) -> tuple[DumpCandidate, ...]:
    """The dumps below ``directory``, oldest first by the time in the name. What is no dump is left out.

    A log without a dump is LOG_ONLY: the log is saved first, so the dump itself failed (no room, no memory).
    """
    found = dump_directories(parse_files(listing), directory, stamp_of)
    return oldest_first(candidate for folder in found for candidate in _candidates(folder))


def stamp_of(name: str) -> str | None:
    """The time in a directory's name as ``YYYY-MM-DD-HH:MM[:SS]``; None where it is no directory of a dump.

    That of ``kdumpctl test`` is when the test was begun, in UTC; others are by the capture kernel's clock and zone.
    """
    found = _DIRECTORY.fullmatch(name)
    if found:
        return found["stamp"].replace(".", "-")
    test = _TEST.fullmatch(name)
    if test is None:
        return None
    return datetime.fromtimestamp(int(test["seconds"]), UTC).strftime("%Y-%m-%d-%H:%M:%S")


def _candidates(folder: DumpDirectory) -> Iterable[DumpCandidate]:
    stamp = stamp_of(folder.name) or ""
    log = folder.first(*_LOGS)
    log_path = log.path if log else None
    dumps = 0
    for name in (*_FINISHED, *_INCOMPLETE):
        file = folder.files.get(name)
        if file is None:
            continue
        dumps += 1
        finished = name in _FINISHED and file.size_bytes > 0
        state = DumpState.FINISHED if finished else DumpState.INCOMPLETE
        yield DumpCandidate(folder.path, stamp, state, file.path, file.size_bytes, file.modified_at, log_path)
    if not dumps:
        yield folder.without_dump(stamp, log)
