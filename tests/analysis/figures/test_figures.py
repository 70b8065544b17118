"""Tasks, memory and the dump's pages as data, and that each figure can be missing alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kdumpkit.analysis.crash_report import CrashReport, parse_drgn_report
from kdumpkit.analysis.figures import crash_figures
from kdumpkit.analysis.figures.dump_composition import DumpComposition, dump_composition
from kdumpkit.analysis.figures.memory_by_use import MemoryByUse, memory_by_use
from kdumpkit.analysis.figures.missing import Missing
from kdumpkit.analysis.figures.tasks_by_state import TasksByState, tasks_by_state
from kdumpkit.analysis.log import read_crash_file
from kdumpkit.analysis.log.excerpt import Excerpt, read_excerpt_file
from kdumpkit.vmcore.contents import DumpContents

TESTS = Path(__file__).resolve().parents[2]
STUCK = (TESTS / "analysis" / "recordings" / "drgn-report-debian-12-stuck.json").read_bytes()
LOG = TESTS / "recordings" / "crash-kinds" / "null_deref" / "dmesg.txt"
MIB = 1 << 20
NAMES = ("call_stack", "timeline", "tasks_by_state", "memory_by_use", "dump_composition")


def report(**sections: Any) -> CrashReport:
    document = json.loads(STUCK)
    document["sections"] |= sections
    return parse_drgn_report(json.dumps(document).encode())


def memory(sizes: dict[str, int], total: int, **changes: Any) -> CrashReport:
    found = json.loads(STUCK)["sections"]["memory"]
    found |= {"total_bytes": total, "uses": [{"name": name, "size_bytes": n} for name, n in sizes.items()]} | changes
    return report(memory=found)


def test_tasks_in_uninterruptible_sleep_come_first() -> None:
    found = tasks_by_state(report())
    assert isinstance(found, TasksByState)
    assert [(state.letter, state.tasks) for state in found.states] == [("D", 12), ("I", 41), ("S", 27), ("R", 4)]
    assert found.total == sum(state.tasks for state in found.states) == 84
    assert found.longest_wait_s is not None
    assert "12 in uninterruptible sleep: kdk_holder (409)" in found.words
    assert "the longest for 1 min 18 s" in found.words


def test_where_no_task_was_blocked_that_is_said() -> None:
    found = tasks_by_state(report(tasks={"total": 3, "by_state": {"S": 2, "Q": 1}, "blocked": []}))
    assert isinstance(found, TasksByState)
    assert [(state.letter, state.tasks, state.meaning != "") for state in found.states] == [
        ("D", 0, True),
        ("S", 2, True),
        ("Q", 1, False),
    ]
    assert found.words.endswith("none was in uninterruptible sleep.")


def test_uses_of_memory_add_up_to_all_of_it() -> None:
    found = memory_by_use(report())
    assert isinstance(found, MemoryByUse)
    assert sum(use.size_bytes for use in found.uses) == found.total_bytes
    assert found.uses[0].name == "free"
    assert found.uses[-1].name == "other"
    assert found.uses[-1].size_bytes > 0


def test_what_is_counted_twice_is_taken_once() -> None:
    sizes = {"free": 100, "programs (anonymous)": 50, "page cache": 40, "of it shared memory": 8, "of it swap cache": 5}
    found = memory_by_use(memory(sizes | {"kernel stacks": 3, "of it dirty": 30}, 300, huge_pages_bytes=64))
    assert isinstance(found, MemoryByUse)
    assert {use.name: use.size_bytes for use in found.uses} == {
        "free": 100,
        "programs (anonymous)": 50,
        "page cache (files)": 27,
        "shared memory, tmpfs": 8,
        "kernel stacks": 3,
        "huge pages set aside": 64,
        "other": 48,
    }


def test_counters_beyond_all_memory_are_told_and_still_add_up() -> None:
    found = memory_by_use(memory({"free": 100 * MIB, "page cache": 60 * MIB}, 150 * MIB))
    assert isinstance(found, MemoryByUse)
    assert found.total_bytes == 160 * MIB == sum(use.size_bytes for use in found.uses)
    assert "The counters say 10 MiB more than there is." in found.words


def test_a_kernel_without_counters_has_no_such_figure() -> None:
    assert isinstance(memory_by_use(memory({}, 150 * MIB)), Missing)
    assert isinstance(memory_by_use(memory({"free": 1}, 0)), Missing)


def contents(**changes: Any) -> DumpContents:
    values = {"page_bytes": 4096, "present_pages": 1000, "held_pages": 300, "zero_pages": 100, "stored_bytes": 99_000}
    return DumpContents(**(values | {"dump_level": 31, "compression": "zstd"} | changes))


def test_parts_of_a_dump_add_up() -> None:
    found = dump_composition(contents())
    assert isinstance(found, DumpComposition)
    assert (found.held_bytes, found.zero_bytes, found.left_out_bytes) == (200 * 4096, 100 * 4096, 700 * 4096)
    assert found.total_bytes == 1000 * 4096
    assert "dump level 31: page cache, private page cache, memory of programs, free pages" in found.words
    assert "In the file this takes 96 KiB, compressed by zstd." in found.words


@pytest.mark.parametrize(
    ("changes", "says", "says_not"),
    [
        ({"present_pages": None}, "the dump holds", "left out"),
        ({"held_pages": 1000}, "the dump holds", "left out"),
        ({"zero_pages": 0}, "left out", "of zeros"),
        ({"dump_level": None}, "left out.", "level"),
        ({"dump_level": 1}, "(dump level 1)", "page cache"),
        ({"compression": "none"}, "not compressed", "compressed by"),
    ],
)
def test_what_a_dump_does_not_tell_is_not_told(changes: dict[str, Any], says: str, says_not: str) -> None:
    found = dump_composition(contents(**changes))
    assert isinstance(found, DumpComposition)
    assert says in found.words
    assert says_not not in found.words


def test_of_an_elf_core_zeros_are_among_what_it_holds() -> None:
    found = dump_composition(contents(zero_pages=None, dump_level=None, compression="none"))
    assert isinstance(found, DumpComposition)
    assert (found.held_bytes, found.zero_bytes, found.left_out_bytes) == (300 * 4096, None, 700 * 4096)
    assert found.total_bytes == 1000 * 4096
    assert "the dump holds 1.2 MiB, pages of zeros among them; 2.7 MiB are left out." in found.words


def test_with_everything_there_each_figure_is_made() -> None:
    log = read_crash_file(LOG)
    figures = crash_figures(log, read_excerpt_file(LOG, log), report(), contents()).as_json()
    assert tuple(figures) == NAMES
    assert all(figure["words"] for figure in figures.values())
    assert json.loads(json.dumps(figures))["call_stack"]["rows"][3]["mark"] == "died here"


@pytest.mark.parametrize(
    ("gone", "section"),
    [("tasks_by_state", "tasks"), ("memory_by_use", "memory"), ("timeline", ""), ("dump_composition", "")],
)
def test_each_figure_can_be_missing_alone(gone: str, section: str) -> None:
    log = read_crash_file(LOG)
    excerpt = Excerpt() if gone == "timeline" else read_excerpt_file(LOG, log)
    read = report(**({section: {"error": "it is damaged"}} if section else {}))
    figures = crash_figures(log, excerpt, read, None if gone == "dump_composition" else contents()).as_json()
    assert [name for name, figure in figures.items() if "missing" in figure] == [gone]
    if section:
        assert figures[gone] == {"missing": "it is damaged"}


def test_without_symbols_there_are_those_of_the_log_and_of_the_file() -> None:
    log = read_crash_file(LOG)
    why = "this needs the kernel's debug symbols"
    unread = report(**{name: {"error": why} for name in json.loads(STUCK)["sections"]})
    figures = crash_figures(log, read_excerpt_file(LOG, log), unread, contents()).as_json()
    assert figures["call_stack"]["source"] == "log"
    missing = {name: figure["missing"] for name, figure in figures.items() if "missing" in figure}
    assert missing == {"tasks_by_state": why, "memory_by_use": why}


def test_of_nothing_nothing_is_drawn() -> None:
    figures = crash_figures(None, Excerpt(), None, None).as_json()
    assert all(list(figure) == ["missing"] for figure in figures.values())
