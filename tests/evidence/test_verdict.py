from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from evidence.records import STAGES, Story
from kdumpkit.checks.finding import SEVERITY, Finding, Status
from kdumpkit.errors import EvidenceError
from kdumpkit.evidence.transcript import read_transcript
from kdumpkit.evidence.verdict import ERROR, INTERRUPTED, NOT_RUN, RunVerdict, judge, verdict_as_json

ONE, TWO = STAGES


def verdict_of(story: Story) -> RunVerdict:
    return judge(read_transcript(story.folder), STAGES)


def test_nothing_was_run(tmp_path: Path) -> None:
    verdict = judge((), STAGES)
    assert (verdict.status, verdict.exit_status) == (NOT_RUN, 1)
    assert [v.status for v in verdict.stages] == [NOT_RUN, NOT_RUN]


@pytest.mark.parametrize("statuses", list(product(Status, repeat=2)))
def test_the_worst_finding_is_the_verdict(tmp_path: Path, statuses: tuple[Status, Status]) -> None:
    story = Story(tmp_path).run()
    for stage, status in zip(STAGES, statuses, strict=True):
        story.begin(stage).find((f"of.{stage}", status)).end()
    verdict = verdict_of(story)
    worst = min(statuses, key=SEVERITY.index)
    assert verdict.status == worst
    assert [v.status for v in verdict.stages] == list(statuses)
    assert verdict.exit_status == (1 if worst in (Status.FAIL, Status.UNKNOWN) else 0)


def test_a_stage_without_a_finding_is_a_skip(tmp_path: Path) -> None:
    verdict = verdict_of(Story(tmp_path).begin(ONE).end().begin(TWO).end())
    assert (verdict.status, verdict.exit_status) == (Status.SKIP, 0)


def test_one_stage_that_was_not_run_makes_the_run_not_run(tmp_path: Path) -> None:
    verdict = verdict_of(Story(tmp_path).begin(ONE).find(("a", Status.PASS)).end())
    assert (verdict.status, verdict.exit_status) == (NOT_RUN, 1)
    assert [v.status for v in verdict.stages] == [Status.PASS, NOT_RUN]


def test_a_stage_without_an_end_was_interrupted(tmp_path: Path) -> None:
    verdict = verdict_of(Story(tmp_path).begin(ONE).find(("a", Status.PASS)).begin(TWO).end())
    assert (verdict.status, verdict.exit_status) == (INTERRUPTED, 1)
    assert [f.id for f in verdict.stages[0].findings] == ["a"]


@pytest.mark.parametrize("exit_status", [1, 2, 3, 4, 5])
def test_an_error_gives_the_run_its_exit_status(tmp_path: Path, exit_status: int) -> None:
    verdict = verdict_of(Story(tmp_path).begin(ONE).find(("a", Status.PASS)).fail(exit_status))
    assert (verdict.status, verdict.exit_status) == (ERROR, exit_status)
    first = verdict.stages[0]
    assert (first.status, first.error["message"], first.error["hint"]) == (ERROR, "it is closed", "open it")
    assert [f.status for f in first.findings] == [Status.PASS]


def test_the_first_stage_that_failed_gives_the_exit_status(tmp_path: Path) -> None:
    assert verdict_of(Story(tmp_path).begin(ONE).fail(3).begin(TWO).fail(4)).exit_status == 3


def test_an_error_outweighs_everything_else(tmp_path: Path) -> None:
    story = Story(tmp_path).begin(ONE).find(("a", Status.FAIL)).end().begin(TWO).fail(4)
    assert (verdict_of(story).status, verdict_of(story).exit_status) == (ERROR, 4)


def test_only_the_last_attempt_counts(tmp_path: Path) -> None:
    story = Story(tmp_path).begin(ONE).find(("a", Status.FAIL), ("old", Status.FAIL)).fail(3)
    story.begin(ONE, attempt=2).find(("a", Status.PASS)).end().begin(TWO).end()
    verdict = verdict_of(story)
    assert (verdict.status, verdict.exit_status) == (Status.PASS, 0)
    assert verdict.stages[0].attempt == 2
    assert [f.id for f in verdict.stages[0].findings] == ["a"]


def test_a_second_attempt_that_was_cut_off_is_interrupted_whatever_the_first_was(tmp_path: Path) -> None:
    story = Story(tmp_path).begin(ONE).find(("a", Status.PASS)).end().begin(ONE, attempt=2).begin(TWO).end()
    assert verdict_of(story).status == INTERRUPTED


def test_a_thing_that_was_put_right_and_read_back_counts_as_read_back(tmp_path: Path) -> None:
    story = Story(tmp_path).begin(ONE).find(("crashkernel.reserved", Status.FAIL)).end()
    story.begin(TWO).find(("crashkernel.reserved", Status.PASS)).end()
    assert verdict_of(story).status == Status.PASS
    again = Story(tmp_path / "again").begin(ONE).find(("a", Status.PASS), ("a", Status.FAIL)).end().begin(TWO).end()
    assert verdict_of(again).status == Status.FAIL


def test_a_cell_that_refused_and_was_run_again_by_hand_does_not_spoil_the_stage(tmp_path: Path) -> None:
    story = Story(tmp_path).begin(ONE).fail(4, "ConsentMissing").find(("a", Status.PASS)).end().begin(TWO).end()
    assert (verdict_of(story).status, verdict_of(story).exit_status) == (Status.PASS, 0)
    story.begin(TWO, attempt=2).end().fail(1)
    assert verdict_of(story).status == ERROR


@pytest.mark.parametrize(
    "bad",
    [
        {"findings": [{"id": "a"}]},
        {"findings": [{"id": "a", "status": "GREAT", "reason": "", "remedy": "", "records": []}]},
        {"findings": 7},
        {},
        {"findings": ["PASS"]},
        {"findings": [{"id": "a", "status": "PASS", "reason": "", "remedy": "", "records": 1}]},
    ],
)
def test_findings_that_are_none_are_evidence_that_does_not_verify(tmp_path: Path, bad: dict[str, object]) -> None:
    story = Story(tmp_path).begin(ONE).note("findings", **bad).end()
    with pytest.raises(EvidenceError, match="record 1 of the transcript holds findings that are none"):
        verdict_of(story)


def test_as_json_it_has_every_stage_and_finding(tmp_path: Path) -> None:
    finding = Finding("a.b", Status.WARN, "so and so", "do this", (3, 4))
    document = verdict_as_json(verdict_of(Story(tmp_path).begin(ONE).find(finding).end()))
    assert document["schema"] == 1
    assert (document["status"], document["exit_status"]) == (NOT_RUN, 1)
    first, second = document["stages"]
    assert (first["stage"], first["status"], first["attempt"], first["error"]) == (ONE, "WARN", 1, None)
    assert first["findings"] == [
        {"id": "a.b", "status": "WARN", "reason": "so and so", "remedy": "do this", "records": [3, 4]}
    ]
    assert (second["stage"], second["status"], second["started_at"]) == (TWO, NOT_RUN, 0.0)
