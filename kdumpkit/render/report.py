"""``report.html``: one page about a run, from its record and its notebooks' figures, with nothing outside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kdumpkit.checks.finding import SEVERITY, Finding
from kdumpkit.evidence.transcript import Record, read_transcript, write_synced
from kdumpkit.evidence.verdict import INTERRUPTED, NOT_RUN, RunVerdict, judge
from kdumpkit.render.page import page_template, picture
from kdumpkit.runbook.clock import utc

REPORT = "report.html"


def write_report(run_dir: Path, stages: Sequence[str]) -> Path:
    """Write the report of a run and return where it is."""
    page = page_template("report.html.j2").render(_context(run_dir, stages))
    path = run_dir / REPORT
    write_synced(path, page.encode())
    return path


def _context(run_dir: Path, stages: Sequence[str]) -> dict[str, Any]:
    records = read_transcript(run_dir)
    verdict = judge(records, stages)
    begin = next((r for r in records if r.kind in ("run", "stage")), None)
    parameters: dict[str, Any] = next((r.data["parameters"] for r in records if r.kind == "stage"), {})
    values = _values(records)
    findings = [(f, v.stage) for v in verdict.stages for f in v.findings]
    newest = {f.id: (f, stage) for f, stage in findings}
    open_findings = sorted(
        (f for f, _ in newest.values() if str(f.status) not in ("PASS", "SKIP")),
        key=lambda f: SEVERITY.index(f.status),
    )
    return {
        "host": parameters.get("host", run_dir.parent.name),
        "run_id": run_dir.name,
        "mode": parameters.get("mode", ""),
        "system": values.get("system", ""),
        "verdict": verdict,
        "begun": utc(begin.started_at) if begin else "",
        "ended": utc(max((r.ended_at for r in records), default=0.0)),
        "sentence": _sentence(verdict, values, str(parameters.get("mode", ""))),
        "stages": [_stage_row(run_dir, v) for v in verdict.stages],
        "open_findings": [_finding_row(f, "") for f in open_findings],
        "crash": _crash_rows(values),
        "figures": _figures(run_dir, stages),
        "changes": _changes(records),
        "downs": _downs(records),
        "findings": [_finding_row(f, stage) for f, stage in newest.values()],
        "record_count": len(records),
    }


def _values(records: Sequence[Record]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for record in records:
        if record.kind == "values":
            values.update(record.data["values"])
    return values


def _sentence(verdict: RunVerdict, values: dict[str, Any], mode: str) -> str:
    broken = next((v for v in verdict.stages if v.error), None)
    if broken is not None:
        return f"The run stopped in {broken.stage}: {broken.error['message']}"
    cut_off = next((v for v in verdict.stages if v.status == INTERRUPTED), None)
    if cut_off is not None:
        return f"The run was cut off in {cut_off.stage}, and what it was doing then has no recorded end."
    if any(v.status == NOT_RUN for v in verdict.stages):
        return "The run did not go through all stages."
    if values.get("conclusion") and values.get("dump_of_test"):
        away = values.get("away_s")
        took = f" The host was away for {away} s." if away else ""
        return f"The kernel of this host was really crashed, and it left a dump. {values['conclusion']}{took}"
    if verdict.exit_status:
        return "Something is not as it must be for a crash dump; see below."
    if mode == "rollback":
        return "What an earlier run had changed on this host is taken back; see below for what stays."
    meaning = {"check": "everything was read and nothing was changed", "plan": "every change was shown, none was made"}
    return f"All that was looked at is in order; {meaning.get(mode, 'the host was not crashed')}. No dump was proved."


def _stage_row(run_dir: Path, verdict: Any) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for finding in verdict.findings:
        counts[str(finding.status)] = counts.get(str(finding.status), 0) + 1
    error = verdict.error
    hint = f"\nnext: {error['hint']}" if error.get("hint") else ""
    notebook = f"{verdict.stage}.ipynb"
    return {
        "name": verdict.stage,
        "status": verdict.status,
        "counts": ", ".join(f"{n} {status}" for status, n in counts.items()),
        "took": f"{verdict.ended_at - verdict.started_at:.1f} s" if verdict.started_at else "",
        "notebook": notebook if (run_dir / notebook).exists() else "",
        "error": f"{error['message']}{hint}" if error else "",
    }


def _finding_row(finding: Finding, stage: str) -> dict[str, str]:
    return {
        "status": str(finding.status),
        "id": finding.id,
        "reason": finding.reason,
        "remedy": finding.remedy,
        "stage": stage,
        "records": ", ".join(str(n) for n in finding.records if n >= 0),
    }


def _crash_rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    crash, vmcore = values.get("crash"), values.get("vmcore") or {}
    if not crash:
        return []
    rows = [
        ("dump", str(values.get("analysed_path", ""))),
        ("format", str(vmcore.get("described") or "")),
        ("sha256", str(values.get("dump_sha256") or "")),
        *_cause_rows(values.get("cause"), values.get("signature")),
        ("kind", str(crash["kind"])),
        ("panic message", str(crash["panic_reason"] or "")),
        ("capture kernel died of", _capture_death(values.get("capture_death"))),
        ("crashed task", f"{crash['comm']} (pid {crash['pid']}) on CPU {crash['cpu']}" if crash["comm"] else ""),
        ("call trace", " < ".join(crash["call_trace"] or ())),
        ("kernel", f"{crash['kernel_release'] or vmcore.get('release') or ''}"),
        ("build id", str(vmcore.get("build_id") or "")),
        ("symbols", str(values.get("vmlinux") or "none of this build: read from the log alone")),
    ]
    return [(label, value) for label, value in rows if value]


def _cause_rows(cause: dict[str, Any] | None, signature: dict[str, Any] | None) -> list[tuple[str, str]]:
    if not cause:
        return []
    rests_on = [f"{_place(row)}: {row['text']}" for row in cause["evidence"]]
    next_steps = [f"{row['text']}\n    {row['command']}".rstrip() for row in cause["next_steps"]]
    rows = [
        ("cause", f"{str(cause['sentence']).rstrip('.')} ({cause['confidence']})"),
        ("where it lies", str(cause["origin"])),
        ("rests on", "\n".join(rests_on)),
        ("what to do next", "\n".join(f"{number}. {step}" for number, step in enumerate(next_steps, 1))),
        ("surer with", "\n".join(cause["would_raise"])),
    ]
    return [*rows, ("signature", f"{signature['hash']}: {signature['title']}")] if signature else rows


def _place(evidence: dict[str, Any]) -> str:
    return str(evidence["source"]) if evidence["line"] is None else f"line {evidence['line']}"


def _capture_death(died: dict[str, Any] | None) -> str:
    return "" if died is None else f"{died['panic_reason'] or died['title']} ({str(died['kind']).replace('_', ' ')})"


def _figures(run_dir: Path, stages: Sequence[str]) -> list[dict[str, str]]:
    found = []
    for stage in stages:
        path = run_dir / f"{stage}.ipynb"
        if not path.exists():
            continue
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", ()):
                png = output.get("data", {}).get("image/png")
                if png:
                    alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
                    png = picture(base64.b64decode("".join(png)))
                    found.append({"png": png, "alt": alt, "stage": stage})
    return found


def _changes(records: Sequence[Record]) -> list[dict[str, Any]]:
    changes = []
    undo = {(r.stage, r.attempt, r.step): r.data["commands"] for r in records if r.kind == "undo"}
    for record in records:
        # a reboot and a panic are told by themselves, below
        if record.kind == "plan" and record.data["done"] and not record.step.startswith("trigger-"):
            key = (record.stage, record.attempt, record.step)
            changes.append(
                {
                    "title": record.data["plan"]["title"],
                    "stage": record.stage,
                    "done": list(record.data["done"]),
                    "undo": "\n".join(undo.get(key, ())),
                }
            )
    return changes


def _downs(records: Sequence[Record]) -> list[str]:
    words = {"reboot": "The host was rebooted", "panic": "The host's kernel was made to panic"}
    return [
        f"{words[r.data['what']]} at {utc(r.started_at)}, with consent given for {r.data['host']}."
        for r in records
        if r.kind == "intent" and r.data.get("what") in words
    ]
