"""Time as the record knows it, so that a replay takes the same turns as the run did, at once."""

from __future__ import annotations

import time
from typing import Protocol


class _Timed(Protocol):
    now: float


class RecordedClock:
    """``now()`` is the end of the newest recorded event, live and in replay alike; ``sleep()`` sleeps only live."""

    def __init__(self, record: _Timed, *, replaying: bool) -> None:
        self._record = record
        self._replaying = replaying

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._record.now

    def sleep(self, seconds: float) -> None:
        if not self._replaying:
            time.sleep(seconds)


def utc(seconds: float) -> str:
    """A time as text: ``2026-11-23 05:15:00 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
