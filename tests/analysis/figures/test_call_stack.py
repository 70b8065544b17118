"""The call stack as data, of real crashes: from their logs, and from what drgn read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kdumpkit.analysis.crash_report import CrashReport, parse_drgn_report
from kdumpkit.analysis.figures.call_stack import MOST_ROWS, CallStack, Mark, StackRow, call_stack
from kdumpkit.analysis.figures.missing import Missing
from kdumpkit.analysis.log import read_crash, read_crash_file
from kdumpkit.analysis.log.model import CrashBlock

TESTS = Path(__file__).resolve().parents[2]
KINDS = TESTS / "recordings" / "crash-kinds"
STUCK = (TESTS / "analysis" / "recordings" / "drgn-report-debian-12-stuck.json").read_bytes()
#: kind -> the marked row of the log's stack, and the function just below it that the kernel vouches for
OF_LOG = {
    "bug_on": ("kdk_bug", "kdk_set_trigger"),
    "divide_error": ("kdk_divide", "kdk_set_trigger"),
    "gpf": ("kdk_read_wild", "kdk_set_trigger"),
    "hung_task": ("kdk_wait_mutex", "kthread"),
    "nmi": ("kdk_spin", "kthread"),
    "null_deref": ("kdk_read_null", "kdk_set_trigger"),
    "oom_panic": ("__alloc_pages_slowpath.constprop.0", "__alloc_pages"),
    "paging_request": ("kdk_read_unmapped", "kdk_set_trigger"),
    "rcu_stall": ("kdk_spin", "kthread"),
    "soft_lockup": ("kdk_spin", "kthread"),
    "spinlock_victim": ("native_queued_spin_lock_slowpath", "_raw_spin_lock"),
    "stack_corruption": ("kdk_smash_stack", None),
    "stack_overflow": ("kdk_recurse", "kdk_recurse"),
    "sysrq": ("sysrq_handle_crash", "__handle_sysrq.cold"),
    "warning": ("kdk_warn", "kdk_set_trigger"),
}
STUCK_KINDS = {"hung_task", "rcu_stall", "soft_lockup", "spinlock_victim"}


def fatal(kind: str) -> CrashBlock:
    found = read_crash_file(KINDS / kind / "dmesg.txt").fatal
    assert found is not None
    return found


def of_log(kind: str) -> CallStack:
    found = call_stack(fatal(kind), None)
    assert isinstance(found, CallStack)
    return found


def report(*frames: dict[str, Any], **sections: Any) -> CrashReport:
    """The recorded report with another stack of the crashed task."""
    document = json.loads(STUCK)
    if frames:
        document["sections"]["crashed_task"]["frames"] = list(frames)
    document["sections"] |= sections
    return parse_drgn_report(json.dumps(document).encode())


def frame(function: str | None, source: str | None = None, line: int | None = None, **changes: Any) -> dict[str, Any]:
    module = None if function is None else "kernel"
    known = {"function": function, "address": "0x1", "source_file": source, "line": line, "module": module}
    return known | {"inline": False, "interrupted": False, "variables": []} | changes


def marked(stack: CallStack) -> tuple[int, StackRow]:
    (found,) = [(n, row) for n, row in enumerate(stack.rows) if row.mark in (Mark.DIED, Mark.STUCK)]
    return found


def test_every_recorded_kind_is_tried() -> None:
    assert set(OF_LOG) == {path.name for path in KINDS.iterdir()}


@pytest.mark.parametrize("kind", OF_LOG)
def test_the_log_alone_gives_a_stack_with_the_place_where_it_died(kind: str) -> None:
    stack = of_log(kind)
    number, row = marked(stack)
    below = [other.function for other in stack.rows[number + 1 :] if other.reliable]
    function, caller = OF_LOG[kind]
    assert row.function == function
    assert row.reliable
    assert (below[0] if below else None) == caller
    assert row.mark is (Mark.STUCK if kind in STUCK_KINDS else Mark.DIED)
    assert stack.source == "log"
    assert f"in {function}" in stack.words
    assert all(other.place.startswith("+0x") for other in stack.rows)
    assert sum(other.times + other.left_out_before for other in stack.rows) == stack.frames
    assert len(stack.rows) <= MOST_ROWS


def test_the_registers_stand_below_the_way_in_of_what_stopped_them() -> None:
    stack = of_log("nmi")
    number, row = marked(stack)
    assert [other.mark for other in stack.rows[:number]].count(Mark.NMI) == 1
    assert stack.rows[number - 1].function == "end_repeat_nmi"
    assert row.module == "kdumpkit_crash"


def test_guesses_are_told_from_what_the_kernel_vouches_for() -> None:
    stack = of_log("sysrq")
    guesses = [row.function for row in stack.rows if not row.reliable]
    assert guesses[:2] == ["_printk", "page_add_file_rmap"]
    assert f"{len(guesses)} in grey, with a question mark" in stack.words
    crash = fatal("oom_panic")
    without = call_stack(replace(crash, frames=tuple(frame for frame in crash.frames if frame.reliable)), None)
    assert isinstance(without, CallStack)
    assert "in grey" not in without.words


def test_a_recursion_is_one_row_and_the_place_where_it_ended_another() -> None:
    rows = of_log("stack_overflow").rows
    assert [(row.function, row.times) for row in rows[:3]] == [
        ("kdk_recurse", 1),
        ("kdk_recurse", 51),
        ("kdk_overflow_stack", 1),
    ]


def test_the_dump_has_source_lines_and_what_was_compiled_in() -> None:
    stack = call_stack(None, report())
    assert isinstance(stack, CallStack)
    number, row = marked(stack)
    assert (stack.source, row.function, row.place) == ("dump", "sysrq_handle_crash", "drivers/tty/sysrq.c:155")
    assert [other.function for other in stack.rows if other.inline] == [
        "crash_setup_regs",
        "pde_write",
        "do_syscall_x64",
    ]
    assert stack.rows[-1].mark is Mark.PROGRAM
    assert number == 3
    assert stack.words.endswith("It died in sysrq_handle_crash (drivers/tty/sysrq.c:155).")


def test_the_way_in_of_an_exception_is_marked() -> None:
    stack = call_stack(
        None,
        report(
            frame("panic", "kernel/panic.c", 358),
            frame("exc_invalid_op"),
            frame("asm_exc_invalid_op"),
            frame("kdk_warn", "x.c", 65, module="widget"),
            frame("asm_sysvec_apic_timer_interrupt"),
            frame("cpu_idle"),
        ),
    )
    assert isinstance(stack, CallStack)
    assert [str(row.mark) for row in stack.rows] == ["", "", "exception", "died here", "interrupt", ""]
    assert "in kdk_warn of the module widget (x.c:65)" in stack.words


def test_of_a_hung_task_its_own_stack_is_shown_and_not_the_watchers() -> None:
    blocked = json.loads(STUCK)["sections"]["blocked_tasks"]["groups"]
    group = next(g for g in blocked if g["waits_for"] == "a mutex" and g["frames"])
    pid = group["tasks"][0]["pid"]
    lines = [
        f"[  10.0] INFO: task kdk_mutex1:{pid} blocked for more than 10 seconds.",
        "[  10.0]       Not tainted 6.1.0-56-cloud-amd64 #1 Debian 6.1.192-1",
        "[  10.0] Kernel panic - not syncing: hung_task: blocked tasks",
    ]
    crash = read_crash([line.encode() for line in lines]).fatal
    assert crash is not None
    assert (crash.kind, crash.pid) == ("hung_task", pid)
    stack = call_stack(crash, report())
    assert isinstance(stack, CallStack)
    _, row = marked(stack)
    assert row.mark is Mark.STUCK
    assert not row.function.startswith(("__schedule", "schedule", "mutex", "__mutex"))
    assert f"(pid {pid}), blocked for" in stack.words
    # a task that the dump does not have, as where its stack was not read: the stack of who found it
    other = read_crash([line.encode().replace(str(pid).encode(), b"99999") for line in lines]).fatal
    assert isinstance(other, CrashBlock)
    watcher = call_stack(other, report())
    assert isinstance(watcher, CallStack)
    assert "It died in sysrq_handle_crash" in watcher.words


def test_of_a_long_stack_the_top_the_place_and_the_end_are_shown() -> None:
    reports = [frame("panic")] * 1 + [frame(f"exc_number_{n}") for n in range(30)]
    below = [frame(f"f{n}") for n in range(80)]
    stack = call_stack(None, report(*reports, *below))
    assert isinstance(stack, CallStack)
    number, row = marked(stack)
    assert row.function == "f0"
    assert stack.rows[0].function == "panic"
    assert stack.rows[-1].function == "f79"
    assert 20 <= len(stack.rows) <= MOST_ROWS
    assert stack.frames == 111 == sum(other.times + other.left_out_before for other in stack.rows)
    assert [bool(other.left_out_before) for other in stack.rows].count(True) == 2
    assert not stack.rows[number].left_out_before


def test_without_any_stack_it_says_so() -> None:
    assert call_stack(None, None) == Missing("no crash was read, so there is no stack")
    bare = read_crash([b"[ 1.0] Kernel panic - not syncing: Out of memory"]).fatal
    assert isinstance(call_stack(bare, None), Missing)
    unread = report(crashed_task={"error": "no symbols"})
    assert isinstance(call_stack(bare, unread), Missing)
    of_log_instead = call_stack(fatal("gpf"), unread)
    assert isinstance(of_log_instead, CallStack)
    assert of_log_instead.source == "log"
