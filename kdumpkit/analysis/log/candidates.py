"""The lines of a log that may open a report, told by the words of the rules, which few other lines hold.

One automaton looks for all words at once (RE2): of a log without a crash, this is all that is done.
"""

from __future__ import annotations

from collections.abc import Callable

import re2

from kdumpkit.analysis.log import boots
from kdumpkit.analysis.log.kinds import LITERALS
from kdumpkit.analysis.log.open_reports import DIE_TAILS, END_OF_REPORT


def _finder(*words: bytes) -> Callable[[bytes], list[int]]:
    # with the rest of the line, so that none is found twice
    pattern = re2.compile(b"(?:" + b"|".join(re2.escape(word) for word in words) + rb")[^\n]*")

    def find(data: bytes) -> list[int]:
        found: list[int] = []
        index = before = 0
        for match in pattern.finditer(data):
            at = match.start()
            index += data.count(b"\n", before, at)
            before = at
            found.append(index)
        return found

    return find


#: the numbers of the lines, from 0 and in order, that hold words of a rule, or of what tells of a boot
find_candidates = _finder(*LITERALS, *boots.LITERALS)
#: the same while no report was seen: the end of one then tells of another whose beginning is lost
find_first_candidates = _finder(*LITERALS, *boots.LITERALS, *(words.encode() for words in (END_OF_REPORT, *DIE_TAILS)))
