"""Values as HTML for a notebook cell: every byte from a host is escaped, status is a word and not only a colour."""

from __future__ import annotations

from html import escape

from kdumpkit.actions.plan import CommandChange, FileChange, Plan
from kdumpkit.checks.finding import Finding
from kdumpkit.evidence.redact import cleaned
from kdumpkit.render.text import shortened
from kdumpkit.runbook.step import StageResult, StepReport

#: colours with a contrast of at least 4.5 : 1 on white, and on the dark theme through currentColor borders
STATUS_COLOUR = {"PASS": "#1a7f37", "WARN": "#9a6700", "FAIL": "#cf222e", "UNKNOWN": "#6639ba", "SKIP": "#57606a"}
# the font is named, for the page of nbconvert gives every element its own, and columns would not stand below each other
_PRE = (
    "font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #d0d7de;padding:.5em;"
    "max-height:28em;overflow:auto"
)


def shown(text: str) -> str:
    """Text from a host, cleaned and escaped."""
    return escape(cleaned(text))


def status_html(status: str) -> str:
    """A status as a word on its colour."""
    colour = STATUS_COLOUR.get(status, "#57606a")
    return (
        f'<strong style="color:#fff;background:{colour};padding:.1em .5em;border-radius:.3em">{escape(status)}</strong>'
    )


def step_html(report: StepReport) -> str:
    """A step's report."""
    parts = [f"<div><p><strong>{shown(report.title)}</strong></p>"]
    if report.facts:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{shown(label)}</th>'
            f'<td style="text-align:left"><code>{shown(value)}</code></td></tr>'
            for label, value in report.facts
        )
        parts.append(f"<table>{rows}</table>")
    if report.findings:
        parts.append(findings_html(report.findings))
    if report.plan is not None:
        parts.append(plan_html(report.plan))
    if report.done:
        items = "".join(f"<li>{shown(line)}</li>" for line in report.done)
        parts.append(f"<p>Done:</p><ol>{items}</ol>")
    if report.undo:
        lines = "\n".join(shown(line) for line in report.undo)
        parts.append(f'<p>To undo, in this order:</p><pre style="{_PRE}">{lines}</pre>')
    for text in report.texts:
        body = escape(shortened(cleaned(text.text)))
        parts.append(f'<p>{shown(text.title)}</p><pre tabindex="0" style="{_PRE}">{body}</pre>')
    if report.conclusion:
        parts.append(f"<p>{shown(report.conclusion)}</p>")
    parts.append("</div>")
    return "".join(parts)


def findings_html(findings: tuple[Finding, ...]) -> str:
    """Findings as a table."""
    rows = []
    for finding in findings:
        remedy = f"<br>remedy: <code>{shown(finding.remedy)}</code>" if finding.remedy else ""
        records = ", ".join(str(number) for number in finding.records if number >= 0)
        rows.append(
            f'<tr><td style="text-align:left">{status_html(str(finding.status))}</td>'
            f'<th scope="row" style="text-align:left"><code>{escape(finding.id)}</code></th>'
            f'<td style="text-align:left">{shown(finding.reason)}{remedy}</td>'
            f'<td style="text-align:left">{records}</td></tr>'
        )
    head = "".join(
        f'<th scope="col" style="text-align:left">{name}</th>' for name in ("status", "finding", "reason", "records")
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def plan_html(plan: Plan) -> str:
    """A plan with its exact commands and differences."""
    if not plan.changes:
        return f"<p>{shown(plan.title)}: nothing to change: {shown(plan.reason_if_empty)}</p>"
    items = []
    for change in plan.changes:
        if isinstance(change, FileChange):
            verb = "remove" if change.after is None else "write"
            diff = _diff_html(change.diff())
            items.append(f'<li>{verb} <code>{shown(change.path)}</code><pre style="{_PRE}">{diff}</pre></li>')
        elif isinstance(change, CommandChange):
            items.append(f"<li>run <code>{shown(change.command.shown())}</code>: {shown(change.why)}</li>")
    notes = "".join(f"<p>{shown(note)}</p>" for note in plan.notes)
    return f"<p>{shown(plan.title)}:</p><ol>{''.join(items)}</ol>{notes}"


def _diff_html(diff: str) -> str:
    lines = []
    for line in cleaned(diff).splitlines():
        if line.startswith("+") and not line.startswith("+++"):
            lines.append(f'<ins style="color:#1a7f37;text-decoration:none">{escape(line)}</ins>')
        elif line.startswith("-") and not line.startswith("---"):
            lines.append(f'<del style="color:#cf222e;text-decoration:none">{escape(line)}</del>')
        else:
            lines.append(escape(line))
    return "\n".join(lines)


def result_html(result: StageResult) -> str:
    """A stage's end."""
    open_findings = tuple(f for f in result.findings if str(f.status) not in ("PASS", "SKIP"))
    head = (
        f"<p>{status_html(str(result.status))} <strong>{escape(result.stage)}</strong> on "
        f"<strong>{shown(result.host)}</strong>, mode {escape(result.mode)}, {len(result.findings)} findings</p>"
    )
    return head + (findings_html(open_findings) if open_findings else "")
