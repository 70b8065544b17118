"""What a dump's log and stacks say of why the kernel died, as steps of stage 06 show it."""

from __future__ import annotations

from kdumpkit.analysis.cause import find_cause
from kdumpkit.analysis.cause.cause import Cause, Confidence
from kdumpkit.analysis.crash_report import LOG_AND_STACK, CrashReport
from kdumpkit.analysis.log.excerpt import Excerpt
from kdumpkit.analysis.log.model import CrashLog
from kdumpkit.analysis.sections.table import table_text
from kdumpkit.analysis.signature import Signature, find_signature
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.runbook.step import StepReport, Verbatim


def explain(log: CrashLog, excerpt: Excerpt, report: CrashReport | None) -> tuple[StepReport, Cause, Signature] | None:
    """The cause with what it rests on and what to do next; None where the log shows no crash.

    ``report`` is drgn's; None where there were no symbols, and the log alone is asked.
    """
    cause = find_cause(log, excerpt, report)
    if cause is None or log.fatal is None:
        return None
    signature = find_signature(log.fatal)
    weak = ", made without a function of its own, so other defects may have it too" if signature.weak else ""
    facts = (
        ("confidence", str(cause.confidence)),
        ("where it lies", str(cause.origin)),
        ("signature", f"{signature.hash}{weak}"),
        ("the same crash elsewhere is named", signature.title),
        *((("surer with", "; ".join(cause.would_raise)),) if cause.would_raise else ()),
    )
    rests_on = "\n".join(
        f"{one.source}{f' line {one.line}' if one.line is not None else ''}: {one.text}" for one in cause.evidence
    )
    next_steps = "\n".join(
        f"{step.text}\n    {step.command}" if step.command else step.text for step in cause.next_steps
    )
    texts = [Verbatim("what it rests on", rests_on)] if rests_on else []
    if next_steps:
        texts.append(Verbatim("next steps", next_steps))
    status = Status.WARN if cause.confidence is Confidence.UNKNOWN else Status.PASS
    finding = Finding("analysis.cause", status, cause.sentence)
    return StepReport("Cause", facts=facts, findings=(finding,), texts=tuple(texts)), cause, signature


def show_sections(report: CrashReport) -> StepReport:
    """What else drgn read out of the dump: processors, blocked tasks, locks, memory, I/O, mounts, network, settings."""
    tables = [table for table in report.tables() if table.title not in LOG_AND_STACK]
    texts = tuple(Verbatim(table.title, table_text(table)) for table in tables)
    return StepReport("The machine as it was", texts=texts)
