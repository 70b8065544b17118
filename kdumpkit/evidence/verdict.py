"""How a run ended, told from its transcript alone: findings and errors, never a notebook's own status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kdumpkit.checks.finding import (
    Finding,
    Status,
    finding_as_json,
    finding_from_json,
    newest_findings,
    worst_status,
)
from kdumpkit.errors import EvidenceError
from kdumpkit.evidence.transcript import Record

#: what a stage can be beside a finding's status
NOT_RUN = "NOT RUN"
ERROR = "ERROR"
INTERRUPTED = "INTERRUPTED"


@dataclass(frozen=True)
class StageVerdict:
    """One stage, its last attempt."""

    stage: str
    #: a finding's status, or ERROR (it raised), INTERRUPTED (it has no end), NOT RUN
    status: str
    attempt: int
    findings: tuple[Finding, ...]
    #: the error that ended it: type, message, hint, exit_status; empty where there was none
    error: dict[str, Any]
    started_at: float
    ended_at: float


@dataclass(frozen=True)
class RunVerdict:
    """The whole run."""

    #: PASS only if every stage came to its end without a FAIL or UNKNOWN
    status: str
    exit_status: int
    stages: tuple[StageVerdict, ...]


def judge(records: Sequence[Record], stages: Sequence[str]) -> RunVerdict:
    """The verdict on a run that was to go through ``stages``.

    Raises EvidenceError where a record does not hold what its kind says.
    """
    planned = next(
        (record.data["stages"] for record in records if record.kind == "run" and "stages" in record.data), ()
    )
    # a run in mode rollback goes through some of the stages only, and in another order
    wanted = [stage for stage in planned if stage in stages] if planned else stages
    verdicts = tuple(_judge_stage(records, stage) for stage in wanted)
    errors = [v for v in verdicts if v.error]
    if errors:
        return RunVerdict(ERROR, int(errors[0].error.get("exit_status", 1)), verdicts)
    if any(v.status in (INTERRUPTED, NOT_RUN) for v in verdicts):
        return RunVerdict(next(v.status for v in verdicts if v.status in (INTERRUPTED, NOT_RUN)), 1, verdicts)
    worst = worst_status(newest_findings(f for v in verdicts for f in v.findings))
    return RunVerdict(str(worst), 1 if worst in (Status.FAIL, Status.UNKNOWN) else 0, verdicts)


def _judge_stage(records: Sequence[Record], stage: str) -> StageVerdict:
    own = [record for record in records if record.stage == stage]
    begins = [record for record in own if record.kind == "stage"]
    if not begins:
        return StageVerdict(stage, NOT_RUN, 0, (), {}, 0.0, 0.0)
    begin = begins[-1]
    attempt = [record for record in own if record.attempt == begin.attempt]
    findings = newest_findings(f for r in attempt if r.kind == "findings" for f in _findings(r))
    # the last word counts: by hand a cell that refused can be run again, and the stage then comes to its end
    ends = [record for record in attempt if record.kind in ("error", "result")]
    ended = max(record.ended_at for record in attempt)
    if ends and ends[-1].kind == "error":
        return StageVerdict(stage, ERROR, begin.attempt, findings, dict(ends[-1].data), begin.started_at, ended)
    if not ends:
        return StageVerdict(stage, INTERRUPTED, begin.attempt, findings, {}, begin.started_at, ended)
    return StageVerdict(stage, str(worst_status(findings)), begin.attempt, findings, {}, begin.started_at, ended)


def _findings(record: Record) -> list[Finding]:
    try:
        return [finding_from_json(data) for data in record.data["findings"]]
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(
            f"record {record.number} of the transcript holds findings that are none: {error!r}",
            "take a fresh copy of the evidence from where it was first written",
        ) from error


def verdict_as_json(verdict: RunVerdict) -> dict[str, Any]:
    """The verdict as it stands in ``result.json``."""
    return {
        "schema": 1,
        "status": verdict.status,
        "exit_status": verdict.exit_status,
        "stages": [
            {
                "stage": v.stage,
                "status": v.status,
                "attempt": v.attempt,
                "started_at": v.started_at,
                "ended_at": v.ended_at,
                "error": v.error or None,
                "findings": [finding_as_json(f) for f in v.findings],
            }
            for v in verdict.stages
        ],
    }
