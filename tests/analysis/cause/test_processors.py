"""What all processors were at, out of the dump: real crashes of the lab, and stacks that stand for other machines."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from kdumpkit.analysis.cause import Cause, Confidence, Origin, find_cause
from kdumpkit.analysis.cause.processors import find_processor, may_hold, read_processors
from kdumpkit.analysis.cause.stalled import Stalled, parse_stalled
from kdumpkit.analysis.crash_report import CrashReport, parse_drgn_report
from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.excerpt import read_excerpt
from kdumpkit.analysis.sections import SectionError
from kdumpkit.analysis.sections.cpus import CpuStack, CpuStacks
from kdumpkit.analysis.spin_waits import SpinLock
from kdumpkit.analysis.stack import Frame
from tests.analysis.cause.samples import soft_lockup

HERE = Path(__file__).parents[1] / "recordings" / "drgn-report-debian-12.json"
KINDS = Path(__file__).parents[2] / "recordings" / "crash-kinds"
LOCK = SpinLock("0xffffffffc0123456", "widget_lock")


def recorded(kind: str) -> CpuStacks:
    section = json.loads((KINDS / kind / "result.json").read_text())["dump"]["sections"]["cpus"]
    return TypeAdapter(CpuStacks).validate_json(json.dumps(section), strict=True)


def log_of(kind: str) -> str:
    return (KINDS / kind / "dmesg.txt").read_text(errors="replace")


def report(cpus: CpuStacks) -> CrashReport:
    """A report that knows the processors and the lab's module, and not the crashed task."""
    found = parse_drgn_report(HERE.read_bytes())
    assert not isinstance(found.modules, SectionError)
    module = dataclasses.replace(found.modules.modules[0], name="kdumpkit_crash", taint="OE")
    modules = dataclasses.replace(found.modules, modules=(module,))
    return dataclasses.replace(found, sections={"cpus": cpus, "modules": modules})


def explained(text: str, cpus: CpuStacks | None) -> Cause:
    lines = text.encode().splitlines()
    log = read_crash(lines)
    cause = find_cause(log, read_excerpt(lines, log), None if cpus is None else report(cpus))
    assert cause is not None
    return cause


def frame(function: str, module: str | None = "kernel", **other: Any) -> Frame:
    values: dict[str, Any] = {"source_file": None, "line": None, "inline": False, "interrupted": False}
    return Frame(function=function, address="0x1", module=module, **(values | other))


def cpu(number: int, functions: str, *, spins_for: SpinLock | None = None, problem: str = "", pid: int = 7) -> CpuStack:
    frames = tuple(frame(*function.split("@")) for function in functions.split())
    return CpuStack(number, False, pid, f"task{number}", frames, problem, spins_for)


def stacks(*cpus: CpuStack) -> CpuStacks:
    return CpuStacks(len(cpus), cpus)


SPINS = "native_queued_spin_lock_slowpath _raw_spin_lock widget_take widget_ioctl do_syscall_64"
SPINNING_LOG = soft_lockup(
    "native_queued_spin_lock_slowpath+0x30/0x2a0",
    "_raw_spin_lock+0x1/0x9;widget_take+0x1/0x9;widget_ioctl+0x1/0x9;do_syscall_64+0x1/0x2",
)
VICTIM = cpu(5, SPINS, spins_for=LOCK)
IDLE = cpu(1, "native_safe_halt default_idle do_idle cpu_startup_entry", pid=0)
PROGRAM = cpu(2, "")


# --- real crashes ---


def test_who_holds_a_spin_lock_in_a_real_dump() -> None:
    cause = explained(log_of("spinlock_victim"), recorded("spinlock_victim"))
    assert (cause.rule, cause.confidence, cause.origin) == ("lockup.holder", Confidence.LIKELY, Origin.MODULE)
    assert "waited for the spin lock kdk_spinlock in kdk_take_spinlock()" in cause.sentence
    assert (
        "only one other is at work in the kernel, so it holds the lock: processor 1, task kdk-holder/1"
        in cause.sentence
    )
    assert "in kdk_hold_spinlock() of the module kdumpkit_crash (kdumpkit_crash/kdumpkit_crash.c:" in cause.sentence
    assert cause.evidence[-1].source == "dump: cpus"
    assert "kdk_hold_spinlock" in cause.evidence[-1].text
    # the log alone knows the victim
    alone = explained(log_of("spinlock_victim"), None)
    assert (alone.rule, alone.confidence) == ("lockup.spin_lock", Confidence.POSSIBLE)
    assert "kdk_hold_spinlock" not in alone.sentence


@pytest.mark.parametrize(
    ("kind", "rule"), [("soft_lockup", "lockup.out_of_tree"), ("rcu_stall", "rcu_stall.out_of_tree")]
)
def test_the_stuck_processors_own_stack_stands_in_for_one_that_the_log_does_not_print(kind: str, rule: str) -> None:
    text = "\n".join(line for line in log_of(kind).splitlines() if "+0x" not in line)
    assert explained(text, None).confidence is Confidence.UNKNOWN
    cause = explained(text, recorded(kind))
    assert (cause.rule, cause.origin) == (rule, Origin.MODULE)
    assert "kdk_spin() of the module kdumpkit_crash" in cause.sentence


def test_an_nmi_tells_what_all_processors_were_at() -> None:
    cause = explained(log_of("nmi"), recorded("nmi"))
    assert cause.rule == "hardware.nmi"
    for number in (0, 1):
        assert f"processor {number}, task kdk-spin/{number} (pid " in cause.sentence
    assert [row.source for row in cause.evidence].count("dump: cpus") == 2


# --- other machines ---


def test_several_may_hold_it() -> None:
    cause = explained(SPINNING_LOG, stacks(VICTIM, IDLE, cpu(3, "ext4_x ext4_y"), cpu(4, "xfs_x"), PROGRAM))
    assert (cause.rule, cause.confidence) == ("lockup.holder", Confidence.POSSIBLE)
    assert "one of them holds it: processor 3, task task3 (pid 7) in ext4_x(); processor 4" in cause.sentence
    assert "task1" not in cause.sentence
    assert "task2" not in cause.sentence


def test_others_that_wait_for_the_same_are_victims_too() -> None:
    other = cpu(3, SPINS.replace("widget_take", "widget_more"), spins_for=LOCK)
    cause = explained(SPINNING_LOG, stacks(VICTIM, other, cpu(4, "widget_hold")))
    assert "it holds the lock: processor 4, task task4 (pid 7) in widget_hold()" in cause.sentence


def test_two_that_wait_for_each_other() -> None:
    other = cpu(3, SPINS.replace("widget_take", "gadget_take"), spins_for=SpinLock("0xffffffffc0654321", None))
    cause = explained(SPINNING_LOG, stacks(VICTIM, IDLE, other))
    assert (
        "processor 3, task task3 (pid 7) in gadget_take(), which itself waits for the spin lock 0xffffffffc0654321"
        in (cause.sentence)
    )


def test_a_processor_that_did_not_answer_may_hold_it() -> None:
    cause = explained(SPINNING_LOG, stacks(VICTIM, IDLE, cpu(3, "", problem="its registers are not in the dump")))
    assert "processor 3, task task3 (pid 7), which did not answer when the dump was made" in cause.sentence


def test_nobody_is_left_to_hold_it() -> None:
    cause = explained(SPINNING_LOG, stacks(VICTIM, IDLE, PROGRAM))
    assert (cause.rule, cause.confidence) == ("lockup.never_released", Confidence.POSSIBLE)
    assert "that another processor held" not in cause.sentence


def test_a_processor_that_waits_for_itself() -> None:
    within = (
        "native_queued_spin_lock_slowpath _raw_spin_lock widget_irq __handle_irq_event_percpu common_interrupt "
        "asm_common_interrupt widget_hold widget_ioctl do_syscall_64"
    )
    cause = explained(SPINNING_LOG, stacks(cpu(5, within, spins_for=LOCK), IDLE))
    assert (cause.rule, cause.confidence) == ("lockup.itself", Confidence.LIKELY)
    assert "waited for itself in widget_hold()" in cause.sentence


def test_a_module_of_others_that_holds_it() -> None:
    text = SPINNING_LOG.replace("Modules linked in: ext4", "Modules linked in: ext4 gadget(OE)")
    cause = explained(text, stacks(VICTIM, IDLE, cpu(3, "gadget_hold@gadget ext4_x")))
    assert (cause.origin, cause.confidence) == (Origin.MODULE, Confidence.LIKELY)
    assert any("modinfo gadget" in step.command for step in cause.next_steps)


def test_whoever_does_not_answer_another_processor_is_told() -> None:
    text = soft_lockup(
        "smp_call_function_many_cond+0x1/0x2", "on_each_cpu+0x1/0x9;widget_flush+0x1/0x9;do_exit+0x1/0x2"
    )
    alone = explained(text, None)
    assert (alone.rule, alone.confidence) == ("lockup.other_processor", Confidence.POSSIBLE)
    cause = explained(text, stacks(cpu(5, "smp_call_function_many_cond widget_flush"), IDLE, cpu(3, "gadget_loop")))
    assert (cause.rule, cause.confidence) == ("lockup.other_processor", Confidence.LIKELY)
    assert "one of them did not answer: processor 3, task task3 (pid 7) in gadget_loop()" in cause.sentence


def test_a_stalled_processor_that_spins_is_a_victim() -> None:
    text = (
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\nrcu: \t5-....: (0 ticks this GP) idle=1/1/0x4\n"
        "\t(detected by 1, t=5252 jiffies, g=1, q=2)\n"
    )
    cause = explained(text, stacks(VICTIM, IDLE, cpu(3, "widget_hold")))
    assert cause.rule == "rcu_stall.holder"
    assert "Processor 5 passed no quiescent state" in cause.sentence
    assert "it holds the lock: processor 3" in cause.sentence


def test_a_processor_that_spins_does_not_hold_what_it_waits_for() -> None:
    # nor where it is not known which lock that is
    (one,) = read_processors(stacks(VICTIM))
    assert may_hold((dataclasses.replace(one, lock="another"),), one) == ()
    assert may_hold((dataclasses.replace(one, cpu=6, lock=""),), one) == ()
    assert len(may_hold((dataclasses.replace(one, cpu=6, lock="another"),), one)) == 1


def test_no_section_no_processors() -> None:
    assert read_processors(None) == ()
    assert find_processor(read_processors(stacks(IDLE)), 9) is None
    (one,) = read_processors(stacks(VICTIM))
    assert may_hold((one,), one) == ()


# --- whom a stall names ---


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rcu: \t1-....: (670 ticks this GP) idle=2694/1/0x4000000000000000", Stalled((1,))),
        ("rcu: \t15-...!: (1 GPs behind) idle=b46/1/0x4000000000000004", Stalled((15,))),
        ("rcu: \t3-..9.: (0 ticks this GP) idle=b46/1/0x4000000000000004", Stalled((3,), (3,))),
        # 3.10
        ("\t12: (5249 ticks this GP) idle=cf1/140000000000001/0", Stalled((12,))),
        ("INFO: rcu_sched self-detected stall on CPU { 2}  (t=5250 jiffies g=1 c=0 q=3)", Stalled((2,))),
        ("INFO: rcu_sched detected stalls on CPUs/tasks: { 1 30} (detected by 0, t=5252 jiffies)", Stalled((1, 30))),
        (
            "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-... P123 } 21 jiffies s: 6649",
            Stalled((1,), (), (123,)),
        ),
        ("rcu: \tTasks blocked on level-0 rcu_node (CPUs 0-1): P9294/1:b..l P12", Stalled((), (), (9294, 12))),
        ("rcu: \t(detected by 1, t=10502 jiffies, g=10641, q=2)", Stalled()),
        ("CPU: 1 PID: 375 Comm: kdk-spin/1", Stalled()),
    ],
)
def test_whom_a_stall_names(line: str, expected: Stalled) -> None:
    assert parse_stalled([line.strip()]) == expected


def test_a_task_that_was_preempted_while_it_read_is_named() -> None:
    text = (
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n"
        "rcu: \tTasks blocked on level-0 rcu_node (CPUs 0-1): P9294/1:b..l\n\t(detected by 1, t=5252 jiffies)\n"
    )
    assert "The task with pid 9294, preempted while reading, did not get on" in explained(text, None).sentence


def test_a_processor_without_ticks_is_told() -> None:
    text = soft_lockup("widget_a+0x1/0x2", "widget_loop+0x1/0x9;do_exit+0x1/0x2", panic=False).replace(
        "watchdog: BUG: soft lockup - CPU#5 stuck for 26s! [worker:900]",
        "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:\nrcu: \t5-....: (0 ticks this GP) idle=1/1/0x4",
    )
    assert "Processor 5 took no timer tick in all that time" in explained(text, None).sentence
