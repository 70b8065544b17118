from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kdumpkit.analysis.crash_comparison import compare_with_drgn, stale_frames
from kdumpkit.analysis.crash_report import parse_drgn_report
from kdumpkit.analysis.crash_utility import WHOLE_BATCH, CrashFrame, parse_crash_output
from kdumpkit.analysis.sections import SectionError
from kdumpkit.analysis.stack import Frame

RECORDINGS = Path(__file__).parent / "recordings"
#: both of the same dump
REPORT = parse_drgn_report((RECORDINGS / "drgn-report-debian-12-stuck.json").read_bytes())
OUTPUT = parse_crash_output((RECORDINGS / "crash-8.0.2-stuck.txt").read_bytes(), batch=WHOLE_BATCH)


def frame(function: str) -> Frame:
    return Frame(function, "0x1", None, None, "kernel", False, False)


def test_one_dump_read_by_both() -> None:
    doubts = compare_with_drgn(OUTPUT, REPORT).doubts
    assert "crash lists 2 tasks and drgn 84: crash lost the others" in doubts
    (stale,) = [doubt for doubt in doubts if "left over" in doubt]
    assert "handle_mm_fault" in stale
    assert "ksys_write" not in stale
    # CPUs and modules are the same for both
    assert len(doubts) == 3


def test_a_single_task_is_told_in_the_singular() -> None:
    doubts = compare_with_drgn(replace(OUTPUT, tasks=1), REPORT).doubts
    assert any(doubt.startswith("crash lists 1 task and drgn 84: ") for doubt in doubts)


def test_stale_frames_of_the_recorded_dump() -> None:
    task = REPORT.crashed_task
    assert not isinstance(task, SectionError)
    assert [found.function for found in stale_frames(OUTPUT.frames, task.frames)] == [
        "__mod_memcg_lruvec_state",
        "__mod_lruvec_page_state",
        "page_add_new_anon_rmap",
        "__handle_mm_fault",
        "handle_mm_fault",
        "do_user_addr_fault",
        "exit_to_user_mode_prepare",
    ]


def test_names_that_differ_by_what_the_compiler_added() -> None:
    theirs = [CrashFrame(name, "0x1", None) for name in ("machine_kexec", "panic", "f.cold", "g.isra.0", "entry")]
    ours = [frame(name) for name in ("panic", "f", "g", "entry")]
    assert stale_frames(theirs, ours) == ()
    assert stale_frames(theirs, []) == ()


def test_another_task_cpu_or_module_is_said() -> None:
    cpus = (replace(OUTPUT.cpus[0], pid=1), OUTPUT.cpus[1])
    other = replace(OUTPUT, pid=1, cpus=cpus, modules=OUTPUT.modules[1:])
    doubts = compare_with_drgn(other, REPORT).doubts
    assert "crash says that pid 1 panicked and drgn that pid 462 did" in doubts
    assert "on CPU 0 crash sees pid 1 and drgn pid 444" in doubts
    assert "crash lists 17 modules and drgn 18" in doubts


def test_what_drgn_could_not_read_is_not_compared() -> None:
    blind = replace(REPORT, sections={})
    assert compare_with_drgn(OUTPUT, blind).doubts == OUTPUT.doubts
