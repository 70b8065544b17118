"""The rate of a transfer and the time that is left of it."""

from __future__ import annotations

import pytest

from kdumpkit.facts.text import transfer_text
from kdumpkit.hosts.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_no_rate_before_there_is_one(clock: Clock) -> None:
    pace = Pace(clock)
    assert (pace.bytes_per_s, pace.left_s) == (None, None)
    pace.tell(0, 1000)
    clock.s += 0.1
    pace.tell(900, 1000)
    assert (pace.bytes_per_s, pace.left_s) == (None, None)


def test_rate_and_time_left(clock: Clock) -> None:
    pace = Pace(clock)
    for second in range(5):
        pace.tell(second * 100, 1000)
        clock.s += 1
    assert pace.bytes_per_s == 100
    assert pace.left_s == 6


def test_what_an_earlier_try_brought_is_not_counted(clock: Clock) -> None:
    pace = Pace(clock)
    pace.tell(5_000_000, 5_001_000)
    clock.s += 2
    pace.tell(5_000_200, 5_001_000)
    assert (pace.bytes_per_s, pace.left_s) == (100, 8)


def test_the_rate_is_that_of_late(clock: Clock) -> None:
    pace = Pace(clock)
    for second in range(100):
        pace.tell(second * 1000 if second < 50 else 50_000 + (second - 50) * 10, 100_000)
        clock.s += 1
    assert pace.bytes_per_s == pytest.approx(10)
    clock.s += 1000
    pace.tell(50_490, 100_000)
    assert pace.bytes_per_s == 0
    assert pace.left_s is None


def test_a_transfer_that_begins_anew(clock: Clock) -> None:
    pace = Pace(clock)
    pace.tell(1000, 2000)
    clock.s += 5
    pace.tell(10, 2000)
    clock.s += 1
    pace.tell(110, 2000)
    assert pace.bytes_per_s == 100


def test_how_much_in_all_may_not_be_known(clock: Clock) -> None:
    pace = Pace(clock)
    pace.tell(0, 0)
    clock.s += 2
    pace.tell(200, 0)
    assert (pace.bytes_per_s, pace.left_s) == (100, None)


def test_words() -> None:
    gib = 1 << 30
    assert transfer_text(gib, 26 * gib, 110 * 2**20, 238.0) == "1 GiB of 26 GiB, 110 MiB/s, about 4 min left"
    assert transfer_text(gib, 26 * gib, 110 * 2**20, 42.4) == "1 GiB of 26 GiB, 110 MiB/s, about 42 s left"
    assert transfer_text(512, 0, None, None) == "512 bytes"
