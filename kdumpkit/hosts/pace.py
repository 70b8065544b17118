"""How fast bytes come, and how long the rest will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

#: the rate is that of the last so many seconds
_WINDOW_S = 10.0
#: before that no rate is told: the first bytes come out of buffers
_FIRST_S = 0.5


class Pace:
    """Told of each progress, says the rate of late. What an earlier try had brought counts for nothing."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: deque[tuple[float, int]] = deque()
        self._left_bytes = 0

    def tell(self, done_bytes: int, total_bytes: int) -> None:
        """So many bytes are here, of so many; 0 in all: not known. Fewer than before: it began anew."""
        if self._seen and done_bytes < self._seen[-1][1]:
            self._seen.clear()
        now = self._now()
        self._seen.append((now, done_bytes))
        # one sample before the window stays, so that a transfer that stands still is seen to do so
        while len(self._seen) > 2 and self._seen[1][0] <= now - _WINDOW_S:
            self._seen.popleft()
        self._left_bytes = max(0, total_bytes - done_bytes)

    @property
    def bytes_per_s(self) -> float | None:
        """None: it is too early to say."""
        if not self._seen:
            return None
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return (last - first) / (last_s - first_s) if last_s >= first_s + _FIRST_S else None

    @property
    def left_s(self) -> float | None:
        """Seconds until all is here; None: too early to say, not known how much it is in all, or nothing comes."""
        rate = self.bytes_per_s
        return self._left_bytes / rate if rate and self._left_bytes else None
