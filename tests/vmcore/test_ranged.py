"""Bytes read by ranges: the same as the file's own, asked for once, and not all kept."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdumpkit.errors import HostError, HostLost
from kdumpkit.vmcore import ranged
from kdumpkit.vmcore.ranged import RangedView

DATA = os.urandom(10_000)


class Elsewhere:
    """The other end: counts what is asked."""

    def __init__(self, content: bytes = DATA) -> None:
        self.content = content
        self.asked: list[list[tuple[int, int]]] = []
        self.loses = False

    def __call__(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        self.asked.append(list(ranges))
        if self.loses:
            raise HostLost("web01 is gone", "look at its console")
        return [self.content[offset : offset + length] for offset, length in ranges]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 10_100), st.integers(-5, 3000)), max_size=12))
def test_every_read_is_as_from_the_file(reads: list[tuple[int, int]]) -> None:
    view = RangedView(Elsewhere(), len(DATA), block_bytes=512, cache_bytes=2048)
    for offset, size in reads:
        expected = DATA[offset : offset + size] if offset >= 0 and size > 0 else b""
        assert view.read_at(offset, size) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 10_100), st.integers(-5, 1500)), max_size=30), st.integers(0, 9000))
def test_many_ranges_are_as_from_the_file(ranges: list[tuple[int, int]], before: int) -> None:
    view = RangedView(Elsewhere(), len(DATA), block_bytes=512, cache_bytes=2048)
    view.read_at(before, 700)
    expected = [DATA[offset : offset + size] if offset >= 0 and size > 0 else b"" for offset, size in ranges]
    assert view.read_many(ranges) == expected


def test_many_short_ranges_are_one_question_and_no_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    there = Elsewhere()
    view = RangedView(there, len(DATA), block_bytes=1000, cache_bytes=10_000)
    view.read_at(0, 1)
    wanted = [(10, 5), (1990, 20), (5000, 7), (5000, 7)]
    assert view.read_many(wanted) == [DATA[offset : offset + size] for offset, size in wanted]
    assert there.asked == [[(0, 1000)], [(1990, 20), (5000, 7), (5000, 7)]]
    assert list(view._blocks) == [0]
    monkeypatch.setattr(ranged, "_MOST_RANGES", 2)
    view.read_many([(4000, 1), (4100, 1), (4200, 1)])
    assert there.asked[2:] == [[(4000, 1), (4100, 1)], [(4200, 1)]]


def test_what_is_here_is_not_asked_for_again() -> None:
    there = Elsewhere()
    view = RangedView(there, len(DATA), block_bytes=1000, cache_bytes=10_000)
    view.read_at(1500, 10)
    view.read_at(1990, 20)
    view.read_at(1000, 2000)
    assert there.asked == [[(1000, 1000)], [(2000, 1000)]]
    assert view.read_bytes == 2000


def test_blocks_side_by_side_are_one_range_and_all_gaps_one_question() -> None:
    there = Elsewhere()
    view = RangedView(there, len(DATA), block_bytes=1000, cache_bytes=10_000)
    view.read_at(3000, 1)
    assert view.read_at(0, 9999) == DATA[:9999]
    assert there.asked == [[(3000, 1000)], [(0, 3000), (4000, 6000)]]


def test_memory_stays_flat() -> None:
    there = Elsewhere()
    view = RangedView(there, len(DATA), block_bytes=100, cache_bytes=1000)
    for offset in range(0, len(DATA), 100):
        view.read_at(offset, 100)
    assert len(view._blocks) == 10
    view.read_at(len(DATA) - 100, 100)
    assert len(there.asked) == 100
    view.read_at(0, 100)
    assert len(there.asked) == 101


def test_the_block_that_was_used_last_is_kept_longest() -> None:
    there = Elsewhere()
    view = RangedView(there, len(DATA), block_bytes=100, cache_bytes=200)
    for offset in (0, 100, 0, 200, 0):
        view.read_at(offset, 10)
    assert there.asked == [[(0, 100)], [(100, 100)], [(200, 100)]]


def test_a_lost_host_is_not_asked_again() -> None:
    there = Elsewhere()
    view = RangedView(there, len(DATA), block_bytes=100)
    view.read_at(0, 10)
    there.loses = True
    for _ in range(3):
        with pytest.raises(HostLost, match="web01 is gone"):
            view.read_at(500, 10)
    assert len(there.asked) == 2
    assert view.failure is not None
    assert view.read_at(5, 10) == DATA[5:15]


def test_an_answer_that_is_too_short_is_an_error() -> None:
    view = RangedView(Elsewhere(DATA[:450]), len(DATA), block_bytes=100)
    assert view.read_at(300, 100) == DATA[300:400]
    with pytest.raises(HostError, match="50 bytes came where 100 at 400"):
        view.read_at(420, 10)


def test_close_and_segment_headers_are_handed_on() -> None:
    ended: list[bool] = []
    view = RangedView(Elsewhere(), len(DATA), segment_headers=lambda: iter([b"head"]), ended=lambda: ended.append(True))
    assert list(view.segment_headers() or ()) == [b"head"]
    view.close()
    assert ended == [True]
    assert RangedView(Elsewhere(), 1).segment_headers() is None
