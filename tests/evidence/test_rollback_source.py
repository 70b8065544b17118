"""Which run is taken back, and what it changed in which stage."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.errors import EvidenceError, UsageError
from kdumpkit.evidence.rollback_source import CHANGE, SOURCE, TAKEN_BACK, find_rollback_source, recorded_source
from kdumpkit.evidence.transcript import read_transcript
from kdumpkit.evidence.verdict import judge

from .records import Story

FIRST, SECOND = "01-prerequisites", "02-grub-crashkernel"


def plan(title: str, changes: int) -> dict[str, object]:
    return {"title": title, "changes": [{}] * changes}


def run(root: Path, name: str, *changes: str) -> Story:
    story = Story(root / name).run().begin(SECOND).step("change-boot-loader")
    story.note("intent", what="change", plan=plan("crashkernel", len(changes)))
    for change in changes:
        story.note(CHANGE, change={"what": change})
    return story.note("plan", plan={}, done=[]).end()


def test_the_newest_run_that_changed_something(tmp_path: Path) -> None:
    run(tmp_path, "20260101T000000Z", "old")
    run(tmp_path, "20260102T000000Z", "one", "two")
    Story(tmp_path / "20260103T000000Z").run().begin(SECOND).end()
    (tmp_path / ".lock").write_text("")
    (tmp_path / "notes").mkdir()
    found = find_rollback_source(tmp_path, SECOND)
    assert found == {
        "run_id": "20260102T000000Z",
        "changes": [{"what": "one"}, {"what": "two"}],
        "taken_back_by": "",
        "unfinished": [],
    }
    # in another stage the same run changed nothing
    assert find_rollback_source(tmp_path, FIRST)["run_id"] == "20260102T000000Z"
    assert find_rollback_source(tmp_path, FIRST)["changes"] == []


def test_a_run_that_is_named(tmp_path: Path) -> None:
    run(tmp_path, "r1", "old")
    run(tmp_path, "r2", "new")
    assert find_rollback_source(tmp_path, SECOND, "r1")["changes"] == [{"what": "old"}]
    with pytest.raises(UsageError, match="there is no run r9"):
        find_rollback_source(tmp_path, SECOND, "r9")
    Story(tmp_path / "r3").run().begin(SECOND).end()
    assert find_rollback_source(tmp_path, SECOND, "r3") == {
        "run_id": "r3", "changes": [], "taken_back_by": "", "unfinished": []
    }  # fmt: skip


def test_what_was_taken_back_already(tmp_path: Path) -> None:
    run(tmp_path, "r1", "old")
    Story(tmp_path / "r2").run().begin(SECOND).note(TAKEN_BACK, run_id="r1").end()
    assert find_rollback_source(tmp_path, SECOND)["taken_back_by"] == "r2"
    assert find_rollback_source(tmp_path, FIRST)["taken_back_by"] == ""


def test_a_run_that_was_killed_within_a_plan(tmp_path: Path) -> None:
    story = Story(tmp_path / "r1").run().begin(SECOND)
    story.note("intent", what="change", plan=plan("crashkernel=256M", 2)).note(CHANGE, change={"what": "one"})
    assert find_rollback_source(tmp_path, SECOND)["unfinished"] == ["crashkernel=256M"]
    # a failure that was told is no riddle
    story.fail()
    assert find_rollback_source(tmp_path, SECOND)["unfinished"] == []


def test_nothing_was_ever_changed(tmp_path: Path) -> None:
    assert find_rollback_source(tmp_path / "none", SECOND)["run_id"] == ""


def test_a_transcript_that_was_tampered_with_is_not_acted_on(tmp_path: Path) -> None:
    run(tmp_path, "r1", "one")
    path = tmp_path / "r1" / "transcript.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"what":"one"', b'"what":"two"'))
    with pytest.raises(EvidenceError):
        find_rollback_source(tmp_path, SECOND)


def test_a_replay_is_told_what_the_run_was_told(tmp_path: Path) -> None:
    story = Story(tmp_path).run().begin(SECOND)
    assert recorded_source(read_transcript(tmp_path)) is None
    story.note(SOURCE, source={"run_id": "r1"})
    assert recorded_source(read_transcript(tmp_path)) == {"run_id": "r1"}


def test_the_verdict_of_a_run_in_mode_rollback_is_on_the_stages_that_it_goes_through(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.note("run", host="web01", run_id="r", stages=[SECOND, FIRST])
    story.begin(SECOND).end().begin(FIRST).end()
    verdict = judge(read_transcript(tmp_path), (FIRST, SECOND, "03-reboot-check"))
    assert [stage.stage for stage in verdict.stages] == [SECOND, FIRST]
    assert verdict.exit_status == 0
    assert [v.stage for v in judge(read_transcript(tmp_path), (FIRST,)).stages] == [FIRST]
