"""The frame that a kernel died in: of fifteen real crashes, and of stacks that other kernels leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kdumpkit.analysis.crashing_frame import Arrival, arrival_of, crashing_frame, crashing_number
from kdumpkit.analysis.stack import Frame

KINDS = Path(__file__).resolve().parent.parent / "recordings" / "crash-kinds"
#: kind -> function, and the line of the source that it was at
REAL = {
    "bug_on": ("kdk_bug", "kdumpkit_crash.c:55"),
    "divide_error": ("kdk_divide", "kdumpkit_crash.c:67"),
    "gpf": ("kdk_read_wild", "kdumpkit_crash.c:57"),
    # khungtaskd found it, and called panic
    "hung_task": ("check_hung_uninterruptible_tasks", "hung_task.c:226"),
    "nmi": ("kdk_spin", "kdumpkit_crash.c:125"),
    "null_deref": ("kdk_read_null", "kdumpkit_crash.c:38"),
    # the page fault of a program, deeper on the stack, is not what it died of
    "oom_panic": ("__alloc_pages_may_oom", "page_alloc.c:4525"),
    "paging_request": ("kdk_read_unmapped", "kdumpkit_crash.c:47"),
    # not the timer's interrupt, nor cpu_relax from a header
    "rcu_stall": ("kdk_spin", "kdumpkit_crash.c:112"),
    "soft_lockup": ("kdk_spin", "kdumpkit_crash.c:112"),
    "spinlock_victim": ("native_queued_spin_lock_slowpath", "qspinlock.c:327"),
    "stack_corruption": ("kdk_smash_stack", "kdumpkit_crash.c:95"),
    "stack_overflow": ("kdk_recurse", "kdumpkit_crash.c:70"),
    "sysrq": ("sysrq_handle_crash", "sysrq.c:155"),
    "warning": ("kdk_warn", "kdumpkit_crash.c:65"),
}
#: compiled into the frame below, by name, where the recordings do not keep that
INLINE = (
    *("rep_nop", "cpu_relax", "virt_spin_lock", "instr_sysvec_apic_timer_interrupt"),
    *("__run_hrtimer", "local_apic_timer_interrupt"),
)


def frames(*functions: str | None, inline: tuple[str, ...] = ()) -> list[Frame]:
    return [
        Frame(name, "0x0", None, None, "kernel" if name else None, bool(name and name in inline), False)
        for name in functions
    ]


def recorded(kind: str) -> list[Frame]:
    task = json.loads((KINDS / kind / "result.json").read_text())["dump"]["sections"]["crashed_task"]
    return [
        Frame(f["function"], "0x0", f["source_file"], f["line"], f["module"], f["function"] in INLINE, False)
        for f in task["frames"]
    ]


def test_every_recorded_kind_is_tried() -> None:
    assert set(REAL) == {path.name for path in KINDS.iterdir()}


@pytest.mark.parametrize("kind", REAL)
def test_frame_of_a_real_crash(kind: str) -> None:
    found = crashing_frame(recorded(kind))
    assert found is not None
    assert (found.function, f"{str(found.source_file).rsplit('/', 1)[-1]}:{found.line}") == REAL[kind]


@pytest.mark.parametrize(
    ("functions", "crashing"),
    [
        (("crash_setup_regs", "__crash_kexec", "panic", "sysrq_handle_crash", "__handle_sysrq"), "sysrq_handle_crash"),
        (("__crash_kexec", "oops_end", "page_fault_oops", "exc_page_fault", "broken_probe"), "broken_probe"),
        (("broken_probe", "do_one_initcall"), "broken_probe"),
        (("panic",), "panic"),
        (("__crash_kexec", "panic", None), "panic"),
        # panic in an interrupt's handler is not what the interrupt came upon
        (("panic", "widget_irq", "__handle_irq_event_percpu", "asm_common_interrupt", "do_idle"), "widget_irq"),
        # an exception within an interrupt: the innermost of the two
        (("__warn", "asm_exc_invalid_op", "widget_poll", "asm_sysvec_apic_timer_interrupt", "memcpy"), "widget_poll"),
        (("widget_poll.isra.0", "kthread"), "widget_poll.isra.0"),
    ],
)
def test_frame_that_called_what_reports_the_crash(functions: tuple[str | None, ...], crashing: str) -> None:
    found = crashing_frame(frames(*functions))
    assert found is not None
    assert found.function == crashing


def test_a_jump_into_nowhere_is_where_it_died() -> None:
    assert crashing_number(frames(None, "widget_ioctl", "do_syscall_64", None)) == 0


def test_what_a_header_gave_is_passed_over_and_what_the_file_itself_gave_is_not() -> None:
    stack = [
        Frame("list_del", "0x1", "include/linux/list.h", 148, "widget", True, True),
        Frame("widget_unlink", "0x1", "drivers/widget.c", 20, "widget", True, False),
        Frame("widget_close", "0x1", "drivers/widget.c", 33, "widget", False, False),
    ]
    assert crashing_number(stack) == 1


def test_no_frames_at_all() -> None:
    assert crashing_frame([]) is None


@pytest.mark.parametrize(
    ("function", "arrival"),
    [
        ("asm_exc_invalid_op", Arrival.EXCEPTION),
        ("page_fault", Arrival.EXCEPTION),
        ("el1h_64_sync", Arrival.EXCEPTION),
        ("asm_sysvec_apic_timer_interrupt", Arrival.INTERRUPT),
        ("el1h_64_irq", Arrival.INTERRUPT),
        ("asm_exc_nmi", Arrival.NMI),
        ("exc_page_fault", None),
        ("el0_svc", None),
        ("entry_SYSCALL_64_after_hwframe", None),
        (None, None),
    ],
)
def test_what_comes_in_at_a_frame(function: str | None, arrival: Arrival | None) -> None:
    assert arrival_of(function) is arrival
