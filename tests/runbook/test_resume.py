"""Which run is gone on with, and which is refused and stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.errors import UsageError
from kdumpkit.evidence.transcript import Transcript, read_transcript
from kdumpkit.parameters import Parameters
from kdumpkit.runbook.resume import resumed_run_dir

SEAL = ("manifest.json", "manifest.json.sig", "result.json", "report.html")


def begun(base: Path, run_id: str, *, host: str = "web01", mode: str = "check", by_hand: bool = False) -> Path:
    """A run that was begun and did not come to its end, sealed."""
    folder = base / "web01" / run_id
    transcript = Transcript(folder)
    if by_hand:
        transcript.stage, transcript.attempt = "01-prerequisites", 1
        transcript.append("stage", {"run_id": run_id, "given": {}, "parameters": {"host": host, "mode": mode}})
    else:
        transcript.append("run", {"host": host, "run_id": run_id, "mode": mode})
    for name in SEAL:
        (folder / name).write_text("sealed")
    return folder


def parameters(base: Path, **values: str) -> Parameters:
    return Parameters(host="web01", transport="ssh", evidence_dir=str(base), **values)  # type: ignore[arg-type]


def test_the_newest_run_is_gone_on_with_and_its_seal_is_taken_off(tmp_path: Path) -> None:
    begun(tmp_path, "20261101T000000Z")
    newest = begun(tmp_path, "20261102T000000Z")
    assert resumed_run_dir(parameters(tmp_path)) == newest
    assert [path.name for path in newest.iterdir()] == ["transcript.jsonl"]


def test_an_older_run_without_a_seal_goes_first_and_a_named_one_before_all(tmp_path: Path) -> None:
    older = begun(tmp_path, "20261101T000000Z")
    named = begun(tmp_path, "20261102T000000Z")
    begun(tmp_path, "20261103T000000Z")
    (older / "manifest.json").unlink()
    assert resumed_run_dir(parameters(tmp_path)) == older
    assert resumed_run_dir(parameters(tmp_path, run_id=named.name)) == named


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ({"mode": "apply"}, {"mode": "check"}, "was begun in mode apply, and the mode is check now"),
        ({"mode": "apply"}, {"mode": "rollback"}, "was begun in mode apply, and the mode is rollback now"),
        ({"mode": "check"}, {"mode": "apply"}, "was begun in mode check, and the mode is apply now"),
        ({"host": "web02"}, {}, "is a run of web02, and not of web01"),
    ],
)
def test_another_mode_or_host_is_refused_and_the_run_stays_as_it_is(
    tmp_path: Path, was: dict[str, str], now: dict[str, str], says: str, by_hand: bool
) -> None:
    folder = begun(tmp_path, "20261101T000000Z", by_hand=by_hand, **was)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=says) as caught:
        resumed_run_dir(parameters(tmp_path, **now))
    assert "nothing was done" in caught.value.message
    assert all((folder / name).exists() for name in SEAL)
    assert len(read_transcript(folder)) == 1


def test_a_run_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    begun(tmp_path, "20261101T000000Z")
    with pytest.raises(UsageError, match="there is no run nope of web01 to resume"):
        resumed_run_dir(parameters(tmp_path, run_id="nope"))
    assert not (tmp_path / "web01" / "nope").exists()
