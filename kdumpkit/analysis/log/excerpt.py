"""The part of a log that a crash is judged by: its report, what came before it, and the first lines of other reports.

A second pass over the log, which only counts lines until the part begins; so a console of any size costs the memory of
this part and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kdumpkit.analysis.log.model import CrashLog
from kdumpkit.analysis.log.paths import bounded_lines
from kdumpkit.analysis.log.prefixes import LINE_LIMIT, parse_message
from kdumpkit.analysis.log.reader import decode_line, without_return_sign
from kdumpkit.errors import UsageError

#: lines before the crash that are looked at: storage and hardware complain for minutes before a machine dies
LINES_BEFORE = 3000
LINES_AFTER = 300
#: a report is printed within so many lines; a longer one is looked at in its beginning
_REPORT_LINES = 2000
_TEXT_LIMIT = 400
_CHUNK_BYTES = 1 << 20


class LogLine(NamedTuple):
    """One line of the log."""

    #: first line = 1
    number: int
    #: without prefixes
    text: str
    #: seconds since boot; None where the line has no such stamp
    time_s: float | None


@dataclass(frozen=True)
class Excerpt:
    """Some lines of a log, in its order."""

    lines: tuple[LogLine, ...] = ()

    def line(self, number: int) -> LogLine | None:
        """The line of that number; None where it is not part of the excerpt."""
        return next((line for line in self.lines if line.number == number), None)

    def find(self, pattern: re.Pattern[str], *, before: int | None = None, limit: int = 4) -> tuple[LogLine, ...]:
        """The last ``limit`` lines in which the pattern is found, before a line number where one is given."""
        found: list[LogLine] = []
        for line in reversed(self.lines):
            if (before is None or line.number < before) and pattern.search(line.text):
                found.append(line)
                if len(found) == limit:
                    break
        return tuple(reversed(found))


def read_excerpt(lines: Iterable[bytes], log: CrashLog) -> Excerpt:
    """The lines that the log's crash is judged by; the same lines as were given to ``read_crash``."""
    return _pick(enumerate(lines, 1), log)


def read_excerpt_file(path: Path | str, log: CrashLog) -> Excerpt:
    """The same from a file. Raises UsageError where it cannot be read any more."""
    try:
        with open(path, "rb", buffering=_CHUNK_BYTES) as file:
            number, offset = 1, 0
            start = _span(log)[0]
            while number < start:
                chunk = file.read(_CHUNK_BYTES)
                if not chunk:
                    break
                newlines = chunk.count(b"\n")
                if number + newlines >= start:
                    # within this chunk: walk to the line
                    at = 0
                    while number < start:
                        at = chunk.index(b"\n", at) + 1
                        number += 1
                    offset += at
                    break
                number += newlines
                offset += len(chunk)
            file.seek(offset)
            return _pick(enumerate(bounded_lines(file), number), log)
    except OSError as error:
        raise UsageError(f"The log {path} cannot be read: {error.strerror or error}.") from error


def _span(log: CrashLog) -> tuple[int, int]:
    if log.fatal is None:
        return max(1, log.line_count - LINES_BEFORE), log.line_count
    last = min(max(log.fatal.last_line, log.fatal.first_line), log.fatal.first_line + _REPORT_LINES)
    return max(1, log.fatal.first_line - LINES_BEFORE), last + LINES_AFTER


def _pick(numbered: Iterable[tuple[int, bytes]], log: CrashLog) -> Excerpt:
    start, end = _span(log)
    kept: list[LogLine] = []
    for number, raw in numbered:
        if number > end:
            break
        if number < start:
            continue
        message = parse_message(without_return_sign(decode_line(raw[:LINE_LIMIT])))
        if message is not None and message.text:
            kept.append(LogLine(number, message.text[:_TEXT_LIMIT], message.time_s))
    return Excerpt(tuple(kept))
