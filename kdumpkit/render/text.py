"""Values as plain text: what a terminal, a text-only reader and nbval's comparison see."""

from __future__ import annotations

import textwrap

from kdumpkit.actions.plan import CommandChange, FileChange, Plan
from kdumpkit.checks.finding import Finding
from kdumpkit.evidence.redact import cleaned
from kdumpkit.runbook.step import StageResult, StepReport

#: longest verbatim text that is shown; the rest stays in the transcript
SHOWN_CHARACTERS = 20_000


def shortened(text: str) -> str:
    """The beginning and the end of a long text, with a line that says how much is left out."""
    if len(text) <= SHOWN_CHARACTERS:
        return text
    half = SHOWN_CHARACTERS // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[… {left_out} characters left out here; the transcript has them …]\n{text[-half:]}"


def cut_in_the_middle(text: str, room: int) -> str:
    """A name that fits: its beginning and its end, which tell names of C++ and Rust apart, with one sign between.

    >>> cut_in_the_middle("kdk_read_null", 20), cut_in_the_middle("_RNvNtCs1_4core3ptr13drop_in_place", 20)
    ('kdk_read_null', '_RNvNtCs1_…_in_place')
    """
    shown = " ".join(cleaned(text).split())
    if len(shown) <= room:
        return shown
    end = max(1, (room - 1) // 2)
    return f"{shown[: max(1, room - 1 - end)]}…{shown[-end:]}"


def step_text(report: StepReport) -> str:
    """A step's report as text."""
    parts = [cleaned(report.title)]
    if report.facts:
        width = min(40, max(len(label) for label, _ in report.facts))
        parts += [f"  {cleaned(label):<{width}}  {cleaned(value)}" for label, value in report.facts]
    parts += [finding_text(finding) for finding in report.findings]
    if report.plan is not None:
        parts.append(plan_text(report.plan))
    if report.done:
        parts.append("done:")
        parts += [f"  {cleaned(line)}" for line in report.done]
    if report.undo:
        parts.append("to undo, in this order:")
        parts += [f"  {cleaned(line)}" for line in report.undo]
    for text in report.texts:
        parts.append(f"{cleaned(text.title)}:")
        parts.append(textwrap.indent(shortened(cleaned(text.text)), "  | ", lambda _: True))
    if report.figure is not None:
        parts.append(f"figure: {cleaned(report.figure.caption)}")
    if report.conclusion:
        parts.append(f"=> {cleaned(report.conclusion)}")
    return "\n".join(parts)


def finding_text(finding: Finding) -> str:
    """A finding in one to two lines."""
    line = f"  {finding.status:<7} {finding.id}: {cleaned(finding.reason)}"
    return f"{line}\n          remedy: {cleaned(finding.remedy)}" if finding.remedy else line


def plan_text(plan: Plan) -> str:
    """A plan with its exact file differences and commands."""
    if not plan.changes:
        return f"{cleaned(plan.title)}: nothing to change: {cleaned(plan.reason_if_empty)}"
    lines = [f"{cleaned(plan.title)}:"]
    for number, change in enumerate(plan.changes, 1):
        if isinstance(change, FileChange):
            lines.append(f"  {number}. {'remove' if change.after is None else 'write'} {cleaned(change.path)}")
            lines.append(textwrap.indent(cleaned(change.diff()), "     | ", lambda _: True))
        elif isinstance(change, CommandChange):
            lines.append(f"  {number}. run: {cleaned(change.command.shown())}    ({cleaned(change.why)})")
    lines += [f"  note: {cleaned(note)}" for note in plan.notes]
    return "\n".join(lines)


def result_text(result: StageResult) -> str:
    """A stage's end as text."""
    counts: dict[str, int] = {}
    for finding in result.findings:
        counts[str(finding.status)] = counts.get(str(finding.status), 0) + 1
    summary = ", ".join(f"{n} {status}" for status, n in counts.items()) or "no finding"
    lines = [f"{result.stage} on {cleaned(result.host)} (mode {result.mode}): {result.status}  ({summary})"]
    lines += [finding_text(f) for f in result.findings if str(f.status) not in ("PASS", "SKIP")]
    return "\n".join(lines)
