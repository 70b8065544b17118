"""Values as plain text: what a terminal, a text-only reader and nbval's comparison see."""

from __future__ import annotations

import re
import textwrap

from kdumpkit.actions.plan import CommandChange, FileChange, Plan
from kdumpkit.checks.finding import Finding
from kdumpkit.evidence.redact import redact_text
from kdumpkit.runbook.step import StageResult, StepReport

#: longest verbatim text that is shown; the rest stays in the transcript
SHOWN_CHARACTERS = 20_000

# escape sequences of a terminal, and all control characters but tab and newline
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def cleaned(text: str) -> str:
    """Text from a host made safe to show: no secrets, no control sequences, no direction overrides."""
    return _CONTROL.sub("", redact_text(text.replace("\r\n", "\n")).replace("\r", "\n"))


def shortened(text: str) -> str:
    """The beginning and the end of a long text, with a line that says how much is left out."""
    if len(text) <= SHOWN_CHARACTERS:
        return text
    half = SHOWN_CHARACTERS // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[… {left_out} characters left out here; the transcript has them …]\n{text[-half:]}"


def step_text(report: StepReport) -> str:
    """A step's report as text."""
    parts = [report.title]
    if report.facts:
        width = min(40, max(len(label) for label, _ in report.facts))
        parts += [f"  {label:<{width}}  {cleaned(value)}" for label, value in report.facts]
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
        parts.append(f"{text.title}:")
        parts.append(textwrap.indent(shortened(cleaned(text.text)), "  | ", lambda _: True))
    if report.figure is not None:
        parts.append(f"figure: {report.figure.caption}")
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
        return f"{plan.title}: nothing to change: {plan.reason_if_empty}"
    lines = [f"{plan.title}:"]
    for number, change in enumerate(plan.changes, 1):
        if isinstance(change, FileChange):
            lines.append(f"  {number}. {'remove' if change.after is None else 'write'} {change.path}")
            lines.append(textwrap.indent(cleaned(change.diff()), "     | ", lambda _: True))
        elif isinstance(change, CommandChange):
            lines.append(f"  {number}. run: {cleaned(change.command.shown())}    ({change.why})")
    lines += [f"  note: {note}" for note in plan.notes]
    return "\n".join(lines)


def result_text(result: StageResult) -> str:
    """A stage's end as text."""
    counts: dict[str, int] = {}
    for finding in result.findings:
        counts[str(finding.status)] = counts.get(str(finding.status), 0) + 1
    summary = ", ".join(f"{n} {status}" for status, n in counts.items()) or "no finding"
    lines = [f"{result.stage} on {result.host} (mode {result.mode}): {result.status}  ({summary})"]
    lines += [finding_text(f) for f in result.findings if str(f.status) not in ("PASS", "SKIP")]
    return "\n".join(lines)
