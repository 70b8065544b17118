"""A crash in words: what stage 06 shows of a log's report and of a dump's stack."""

from __future__ import annotations

from typing import Any

from kdumpkit.analysis.crash_report import CrashReport
from kdumpkit.analysis.crashing_frame import crashing_frame
from kdumpkit.analysis.log.model import CrashBlock
from kdumpkit.analysis.sections.section import SectionError
from kdumpkit.analysis.stack import frame_line
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.runbook.step import StepReport, Verbatim

_KEPT = (
    "kind",
    "panicked",
    "panic_reason",
    "title",
    "rip_symbol",
    "rip_offset",
    "rip_module",
    "comm",
    "pid",
    "cpu",
    "kernel_release",
    "tainted",
    "call_trace",
)


def kept_fields(block: CrashBlock) -> dict[str, Any]:
    """What of a crash block is kept for the stages and the report, as plain values."""
    fields = block.as_json()
    return {name: fields[name] for name in _KEPT}


def kind_words(block: CrashBlock) -> str:
    """The kind of a crash as it stands in a sentence."""
    return "a panic by sysrq-c" if block.kind == "sysrq" else block.kind.replace("_", " ")


def crash_facts(block: CrashBlock) -> list[tuple[str, str]]:
    """Labels and values of a crash block; "" for what the log does not print."""
    rip = f"{block.rip_symbol}{block.rip_offset or ''}" if block.rip_symbol else ""
    return [
        ("kind", block.kind),
        ("panic", block.panic_reason or ""),
        ("at", rip + (f" [{block.rip_module}]" if block.rip_module else "")),
        ("task", f"{block.comm} (pid {block.pid}) on CPU {block.cpu}" if block.comm else ""),
        ("kernel", block.kernel_release or ""),
        ("taint", "; ".join(block.taints) or ("not tainted" if block.tainted == "" else "")),
        ("call trace", " < ".join(block.call_trace[:8])),
    ]


def stack_words(title: str, report: CrashReport, record: int) -> tuple[StepReport, dict[str, Any]]:
    """The crashed task as a step shows it, and the values that are kept of it."""
    values: dict[str, Any] = {}
    task, tasks, modules = report.crashed_task, report.tasks, report.modules
    facts: list[tuple[str, str]] = [("drgn", report.drgn_version or "version not known")]
    texts: list[Verbatim] = []
    if isinstance(task, SectionError):
        finding = Finding("analysis.stack", Status.FAIL, f"the crashed task could not be read: {task.error}")
        return StepReport(title, facts=tuple(facts), findings=(finding,)), values
    facts.append(("task", f"{task.command} (pid {task.pid}), child of {task.parent}, on CPU {task.cpu}"))
    texts.append(Verbatim("its stack, innermost first", "\n".join(frame_line(frame) for frame in task.frames)))
    if not isinstance(tasks, SectionError):
        states = ", ".join(f"{number} {state}" for state, number in sorted(tasks.by_state.items()))
        facts.append(("tasks", f"{tasks.total}: {states}"))
        values["task_count"] = tasks.total
        if tasks.blocked:
            blocked = "\n".join(f"{found.pid} {found.command}" for found in tasks.blocked)
            texts.append(Verbatim("tasks in uninterruptible sleep", blocked))
    if not isinstance(modules, SectionError):
        tainted = [f"{m.name} ({m.taint})" for m in modules.modules if m.taint]
        facts.append(("modules", f"{len(modules.modules)}; tainting: {', '.join(tainted) or 'none'}"))
    named = [frame for frame in task.frames if frame.function]
    inner = crashing_frame(task.frames)
    where = "" if inner is None else f" in {inner.function or inner.address}"
    where += f" ({inner.source_file}:{inner.line})" if inner is not None and inner.source_file else ""
    sentence = f"{task.command} (pid {task.pid}) was on CPU {task.cpu}{where}, {len(task.frames)} frames deep"
    values["stack"] = sentence
    values["stack_task"] = {"comm": task.command, "pid": task.pid, "cpu": task.cpu}
    status = Status.PASS if named else Status.FAIL
    step = StepReport(
        title,
        facts=tuple(facts),
        findings=(Finding("analysis.stack", status, sentence, "", (record,)),),
        texts=tuple(texts),
    )
    return step, values
