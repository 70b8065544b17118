"""The last minutes of a log as numbers: how much was logged when, and when each report began."""

from __future__ import annotations

from typing import Any

from kdumpkit.analysis.log.excerpt import Excerpt
from kdumpkit.analysis.log.model import CrashLog

SPAN_S = 300.0
_BINS = 60
_MOST_MARKS = 12
_LABEL = 100


def log_timeline(log: CrashLog, excerpt: Excerpt, span_s: float = SPAN_S) -> dict[str, Any] | None:
    """Lines per bin and marks, in seconds before the crash's first line; None where the log has no times.

    ``bins`` covers ``begin_s`` (negative) to ``end_s`` (0 or later) in equal parts; ``marks`` are
    ``[seconds, severity, title]`` of reports, the crash's own among them; ``lines`` is the sum of the bins; ``words``
    say what a picture of it shows.
    """
    crash = log.fatal
    if crash is None or crash.time_s is None:
        return None
    origin = crash.time_s
    times = [
        line.time_s - origin
        for line in excerpt.lines
        if line.time_s is not None and -span_s <= line.time_s - origin <= span_s
    ]
    if not times:
        return None
    begin = max(-span_s, min(times))
    end = max(0.0, *(t for t in times))
    width = (end - begin) / _BINS or 1.0
    bins = [0] * _BINS
    for time_s in times:
        bins[min(_BINS - 1, int((time_s - begin) / width))] += 1
    marks = [
        [round(block.time_s - origin, 3), block.severity.name.lower(), _label(block.title)]
        for block in log.blocks
        if block.time_s is not None and begin <= block.time_s - origin <= end
    ]
    own = [0.0, crash.severity.name.lower(), _label(crash.title)]
    others = [mark for mark in marks if mark != own]
    kept = sorted([own, *others[-(_MOST_MARKS - 1) :]], key=lambda mark: float(str(mark[0])))
    reports = len(others) + 1
    plural = "" if reports == 1 else "s"
    return {
        "begin_s": round(begin, 3),
        "end_s": round(end, 3),
        "bins": bins,
        "lines": len(times),
        "marks": kept,
        "marks_left_out": reports - len(kept),
        "words": (
            f"The last {end - begin:.0f} s of the log: {len(times)} lines, {reports} report{plural} of the kernel. "
            f'0 is the crash\'s first line, "{own[2]}".'
        ),
    }


def _label(title: str) -> str:
    # an address that is cut off would look like another one
    return title if len(title) <= _LABEL else title[: _LABEL - 1] + "…"
