"""The lines around a crash: the same from a file as from lines, wherever in a console the crash stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kdumpkit.analysis.log import read_crash, read_crash_file
from kdumpkit.analysis.log.excerpt import LINES_AFTER, LINES_BEFORE, read_excerpt, read_excerpt_file
from kdumpkit.analysis.log_timeline import log_timeline
from tests.analysis.log.test_reader import BORING, REPORT


@pytest.mark.parametrize("before", [0, 1, 2999, 3000, 3001, 40_000])
@pytest.mark.parametrize("long", [0, 9000, 3_000_000])
def test_from_a_file_as_from_lines(before: int, long: int, tmp_path: Path) -> None:
    lines = [b"x" * long + b"\n"] + [BORING] * before + REPORT.splitlines(keepends=True) + [BORING] * 1000
    path = tmp_path / "log"
    path.write_bytes(b"".join(lines))
    log = read_crash_file(path)
    assert log.fatal is not None
    found = read_excerpt_file(path, log)
    assert found == read_excerpt(lines, log)
    first = log.fatal.first_line
    title = found.line(first)
    assert title is not None
    assert title.text.startswith("BUG: unable to handle page fault")
    assert title.time_s == 100.000001
    numbers = [line.number for line in found.lines]
    assert numbers == sorted(set(numbers))
    assert numbers[0] >= first - LINES_BEFORE
    assert numbers[-1] == log.fatal.last_line + LINES_AFTER
    assert all(len(line.text) <= 400 for line in found.lines)


def test_find_gives_the_last_lines_in_their_order() -> None:
    lines = [b"one 1", b"two", b"one 2", b"one 3"]
    found = read_excerpt(lines, read_crash(lines))
    assert [line.text for line in found.find(re.compile("one"), limit=2)] == ["one 2", "one 3"]
    assert [line.text for line in found.find(re.compile("one"), before=4)] == ["one 1", "one 2"]
    assert found.line(99) is None


def test_timeline_counts_lines_and_marks_reports() -> None:
    lines = [b"[  %3d.500000] usb 1-1: device" % second for second in range(40, 100)] + REPORT.splitlines()
    log = read_crash(lines)
    data = log_timeline(log, read_excerpt(lines, log))
    assert data is not None
    assert sum(data["bins"]) == data["lines"] == 68
    assert data["begin_s"] == pytest.approx(-59.500001)
    assert data["marks"] == [[0.0, "fatal", "BUG: unable to handle page fault for address: ffffa1b2c3d4e5f6"]]
    assert data["marks_left_out"] == 0
    assert data["words"].startswith(
        "The last 60 s of the log: 68 lines, 1 report of the kernel. 0 is the crash's first"
    )


def test_timeline_of_a_log_without_times() -> None:
    lines = [line.partition(b"] ")[2] for line in REPORT.splitlines()]
    log = read_crash(lines)
    assert log.fatal is not None
    assert log_timeline(log, read_excerpt(lines, log)) is None
    assert log_timeline(read_crash([b""]), read_excerpt([b""], read_crash([b""]))) is None


def test_timeline_of_a_clock_that_jumps_back_and_of_one_instant() -> None:
    lines = [b"[99999.000000] late", *REPORT.splitlines(), b"[    1.000000] capture kernel"]
    log = read_crash(lines)
    data = log_timeline(log, read_excerpt(lines, log))
    assert data is not None
    assert sum(data["bins"]) == data["lines"]
    one = [b"[    5.000000] Kernel panic - not syncing: x"]
    data = log_timeline(read_crash(one), read_excerpt(one, read_crash(one)))
    assert data is not None
    assert (data["begin_s"], data["end_s"], data["lines"]) == (0.0, 0.0, 1)
