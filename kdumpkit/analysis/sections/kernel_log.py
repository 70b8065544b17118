"""The end of the kernel's log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_MOST_LINES = 200
_LONGEST_LINE = 1000


@dataclass(frozen=True)
class LogTail:
    """The last lines of the log, as dmesg prints them. The whole log: ``python -m kdumpkit.vmcore.dmesg``."""

    #: how the kernel kept its log
    format: str
    #: of the whole log in the dump
    records: int
    #: of which the bytes are not in the dump
    lost: int
    lines: tuple[str, ...]


def read_log_tail(session: DrgnSession) -> LogTail:
    """The end of the kernel's log out of an open dump."""
    log = session.kernel_log
    lines = log.text.decode("utf-8", "replace").split("\n")
    kept = tuple(line[:_LONGEST_LINE] for line in lines[:-1][-_MOST_LINES:])
    return LogTail(log.format, len(log.records), log.lost, kept)


def describe_log(found: LogTail) -> tuple[SectionTable, ...]:
    """The lines, and how many of the whole log they are."""
    sentence = f"The last {len(found.lines)} lines of a log of {found.records} records ({found.format})."
    if found.lost:
        sentence += f" {found.lost} records are not in the dump."
    return (SectionTable("The log's end", sentence, ("",), tuple((line,) for line in found.lines)),)


SECTION = Section("log", LogTail, read_log_tail, describe_log, needs_symbols=False)
