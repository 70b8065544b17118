"""A run as a whole: what is refused before it begins, and what a replay of another version's record says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kdumpkit.errors import ConsentMissing, ReplayDivergence, UsageError
from kdumpkit.evidence.transcript import Transcript, read_transcript
from kdumpkit.evidence.verdict import StageVerdict
from kdumpkit.parameters import Parameters
from kdumpkit.runbook.run import replay_stages, run_stages, seal

from .conftest import RECORDING


class Silent:
    def stage_begins(self, stage: str, number: int, of: int) -> None: ...
    def step_begins(self, number: int, of: int, step: str) -> None: ...
    def waiting(self, text: str, elapsed_s: float, expected_s: float) -> None: ...
    def stage_ends(self, verdict: StageVerdict) -> None: ...


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ({"mode": "apply", "transport": "ssh"}, ConsentMissing, "no consent"),
        ({"mode": "apply", "transport": "ssh", "consent": "  "}, ConsentMissing, "no consent"),
        ({"mode": "apply", "transport": "local", "consent": "web01"}, ConsentMissing, "never rebooted or crashed"),
        ({"signing_key": "/nonexistent/key"}, UsageError, "signing_key"),
        ({"host_file": "parameters/web02.yaml"}, UsageError, "for notebooks that are run by hand"),
        ({"run_id": "20261123T055828Z"}, UsageError, "a new run was asked for"),
    ],
)
def test_what_would_be_refused_later_is_refused_before_anything(
    tmp_path: Path, values: dict[str, object], error: type[Exception], says: str
) -> None:
    parameters = Parameters(host="web01", evidence_dir=str(tmp_path), **values)  # type: ignore[arg-type]
    with pytest.raises(error, match=says):
        run_stages(parameters, Silent())
    assert not list(tmp_path.iterdir())


def test_resume_of_nothing_is_wrong_use(tmp_path: Path) -> None:
    parameters = Parameters(host="web01", evidence_dir=str(tmp_path))
    with pytest.raises(UsageError, match="no run of web01 to resume"):
        run_stages(parameters, Silent(), resume=True)


def test_record_that_does_not_fit_is_not_replayed_into_a_verdict(tmp_path: Path) -> None:
    other = tmp_path / "recording"
    transcript = Transcript(other)
    for record in read_transcript(RECORDING):
        if record.stage != "01-prerequisites":
            continue
        data = json.loads(json.dumps(dict(record.data)))
        if record.kind == "command" and data["argv"][0] == "dpkg-query":
            data["argv"].append("--of-another-version")
        transcript.stage, transcript.attempt, transcript.step = record.stage, record.attempt, record.step
        transcript.append(record.kind, data, started_at=record.started_at, duration_s=record.duration_s)
    with pytest.raises(ReplayDivergence, match="01-prerequisites does not replay"):
        replay_stages(other, tmp_path / "out", Silent())


def test_a_run_whose_first_stage_could_not_be_opened_is_told_by_its_beginning(tmp_path: Path) -> None:
    run_dir = tmp_path / "evidence" / "web01" / "r1"
    transcript = Transcript(run_dir)
    transcript.append("run", {"host": "web01", "run_id": "r1", "mode": "check"})
    transcript.stage, transcript.attempt = "01-prerequisites", 1
    transcript.append("stage", {"run_id": "r1", "given": {}, "parameters": {}})
    outcome = seal(run_dir, Parameters(host="web01", evidence_dir=str(tmp_path / "evidence")))
    assert (outcome.host, outcome.mode) == ("web01", "check")


@pytest.mark.parametrize("fetched", [True, False])
def test_an_empty_dump_folder_does_not_stay(tmp_path: Path, fetched: bool) -> None:
    run_dir = tmp_path / "evidence" / "web01" / "r1"
    Transcript(run_dir).append("run", {"host": "web01", "run_id": "r1", "mode": "check"})
    dumps = tmp_path / "dumps" / "web01" / "r1"
    dumps.mkdir(parents=True)
    if fetched:
        (dumps / "dump").write_text("KDUMP")
    seal(run_dir, Parameters(host="web01", evidence_dir=str(tmp_path / "evidence")))
    assert dumps.exists() is fetched
