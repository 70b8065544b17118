"""What tests of logs share."""

from __future__ import annotations

from kdumpkit.analysis.log import CrashBlock, read_crash


def fatal(text: str) -> CrashBlock:
    """The report that a log ends with; a log without one fails the test."""
    found = read_crash(text.encode().splitlines(keepends=True)).fatal
    assert found is not None
    return found
