"""A run as the command line tells it."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdumpkit.cli.progress import Progress
from kdumpkit.parameters import Parameters

if TYPE_CHECKING:
    from kdumpkit.runbook.run import RunOutcome


def execute(parameters: Parameters, resume: bool, as_json: bool) -> int:
    """Run the six notebooks for one host, print how it ended and where the evidence is; the exit status."""
    from kdumpkit.runbook.run import run_stages

    return _told(run_stages(parameters, Progress(), resume=resume), as_json)


def execute_replay(recording: Path, output: Path | None, as_json: bool) -> int:
    """Execute the six notebooks from a recording, without any host."""
    from kdumpkit.runbook.run import replay_stages

    to = output or Path("evidence-replay") / recording.resolve().name / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return _told(replay_stages(recording, to, Progress()), as_json)


def _told(outcome: RunOutcome, as_json: bool) -> int:
    from kdumpkit.evidence.verdict import verdict_as_json
    from kdumpkit.runbook.run import describe_failure

    failure = describe_failure(outcome.verdict)
    if failure is not None:
        print(f"kdumpkit: {failure}", file=sys.stderr)
    if as_json:
        document: dict[str, Any] = {"evidence": str(outcome.run_dir), **verdict_as_json(outcome.verdict)}
        print(json.dumps(document, ensure_ascii=False))
    else:
        print(f"{outcome.host}: {outcome.verdict.status} (mode {outcome.mode})")
        print(f"report:   {outcome.report}")
        print(f"evidence: {outcome.run_dir}")
        print(f"verify:   kdumpkit verify {shlex.quote(str(outcome.run_dir))}")
    return outcome.verdict.exit_status
