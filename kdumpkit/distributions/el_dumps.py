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

from kdumpkit.distributions.answers import DumpCandidate, DumpState, ListedFile
from kdumpkit.distributions.kdump_tools_dumps import parse_files

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
    root = directory.rstrip("/") + "/"
    contents: dict[str, list[ListedFile]] = {}
    directories: dict[str, ListedFile] = {}
    for file in parse_files(listing):
        below = file.path.removeprefix(root).split("/")
        if not file.path.startswith(root) or stamp_of(below[0]) is None:
            continue
        if len(below) == 1 and file.kind == "d":
            directories[below[0]] = file
        elif len(below) == 2 and file.kind == "f":
            contents.setdefault(below[0], []).append(file)
    found = [
        candidate
        for name, listed in directories.items()
        for candidate in _candidates(root + name, stamp_of(name) or "", listed, contents.get(name, ()))
    ]
    return tuple(sorted(found, key=lambda dump: (dump.stamp, dump.modified_at, dump.path or "")))


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


def _candidates(path: str, stamp: str, directory: ListedFile, files: Iterable[ListedFile]) -> Iterable[DumpCandidate]:
    named = {file.path.rsplit("/", 1)[-1]: file for file in files}
    log = next((named[name] for name in _LOGS if name in named), None)
    log_path = log.path if log else None
    dumps = 0
    for name in (*_FINISHED, *_INCOMPLETE):
        file = named.get(name)
        if file is None:
            continue
        dumps += 1
        finished = name in _FINISHED and file.size_bytes > 0
        state = DumpState.FINISHED if finished else DumpState.INCOMPLETE
        yield DumpCandidate(path, stamp, state, file.path, file.size_bytes, file.modified_at, log_path)
    if not dumps:
        state = DumpState.LOG_ONLY if log else DumpState.EMPTY
        yield DumpCandidate(path, stamp, state, None, 0, (log or directory).modified_at, log_path)
