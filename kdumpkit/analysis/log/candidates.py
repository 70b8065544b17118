"""The lines of a log that may open a report, told by the words of the rules, which few other lines hold.

One automaton looks for all words at once (RE2): of a log without a crash, this is all that is done.
"""

from __future__ import annotations

import re2

from kdumpkit.analysis.log import boots
from kdumpkit.analysis.log.kinds import LITERALS
from kdumpkit.analysis.log.open_reports import END_OF_REPORT


def _words(*literals: bytes) -> re2._Regexp:
    # with the rest of the line, so that none is found twice
    return re2.compile(b"(?:" + b"|".join(re2.escape(literal) for literal in literals) + rb")[^\n]*")


#: the words of all rules, and of what tells of a boot
WORDS = _words(*LITERALS, *boots.LITERALS)
#: while no report was seen, the end of one tells of another whose beginning is lost
FIRST_WORDS = _words(*LITERALS, *boots.LITERALS, END_OF_REPORT.encode())


def lines_with(words: re2._Regexp, data: bytes) -> list[int]:
    """The numbers of the lines that hold some of the words, from 0 and in order."""
    found: list[int] = []
    index = before = 0
    for match in words.finditer(data):
        at = match.start()
        index += data.count(b"\n", before, at)
        before = at
        found.append(index)
    return found
