"""A person steps through a notebook: cells run twice and out of order, consent typed, and the record still replays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kdumpkit.checks.finding import Status
from kdumpkit.errors import ConsentMissing, KdumpkitError, ParameterError, ReplayDivergence
from kdumpkit.evidence.transcript import Record, Transcript, read_transcript
from kdumpkit.evidence.verdict import judge
from kdumpkit.parameters import parameters_cell
from kdumpkit.render.text import result_text, step_text
from kdumpkit.runbook import session as session_module
from kdumpkit.runbook import stage as stage_module
from kdumpkit.runbook.lock import recorded_owner
from kdumpkit.runbook.panic_test import PanicTest
from kdumpkit.runbook.session import ENV_REPLAY, ENV_RUN_DIR, open_session

from .hosts import RecordedAnswers

STAGE = "05-panic-test"
Stopped = Callable[[int, int], tuple[RecordedAnswers, dict[str, object], Path]]
#: the notebook's cells in order
CELLS = (
    "summary",
    "check_gates",
    "plot_dump_space",
    "take_baseline",
    "give_consent",
    "trigger_panic",
    "wait_for_return",
    "find_dump",
    "verify_dump",
    "plot_timeline",
)


@pytest.fixture
def by_hand(
    live_from: Stopped, records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> tuple[RecordedAnswers, dict[str, object], Path]:
    """The panic test about to be begun live, with a person at the front end."""
    begin = max(r.number for r in records if r.kind == "stage" and r.stage == STAGE)
    monkeypatch.setattr(session_module, "_person_at_front_end", lambda: True)
    # what is asked with the run's name in it has an answer only for the recorded run's
    recorded_id = str(records[begin].data["run_id"])
    owner = recorded_owner(records[begin:], recorded_id)
    monkeypatch.setattr(stage_module, "recorded_owner", lambda *_: owner)
    # answers carry the times of the recording; a failure carries this moment's, and would look like years of waiting
    kept = Transcript.record_failure
    monkeypatch.setattr(Transcript, "record_failure", lambda t, h, c, e, *_: kept(t, h, c, e, t.now, 1.0))
    host, given, run_dir = live_from(begin - 1, begin)
    run_dir = run_dir.rename(run_dir.with_name(recorded_id))
    monkeypatch.setenv(ENV_RUN_DIR, str(run_dir))
    return host, given, run_dir


def crashed(host: RecordedAnswers) -> int:
    return sum(line.endswith("sysrq-c") or "panic in one second" in line for line in host.asked)


def test_run_by_hand_replays_as_it_was(
    by_hand: tuple[RecordedAnswers, dict[str, object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, given, run_dir = by_hand
    run = PanicTest.open(given)
    shown = {name: step_text(getattr(run, name)()) for name in CELLS[:4]}
    # the consent of the parameters cell does not count where a person sits
    assert given["consent"] == "kdumpkit-lab"
    with pytest.raises(ConsentMissing, match="there is no consent") as caught:
        run.trigger_panic()
    assert "type kdumpkit-lab into the field" in caught.value.hint
    report = run.give_consent()
    assert report.ask == "kdumpkit-lab"
    assert report.answer is not None
    report.answer("kdumpkit")
    with pytest.raises(ConsentMissing, match="consent is for 'kdumpkit'"):
        run.trigger_panic()
    assert crashed(host) == 0
    report.answer("kdumpkit-lab")
    # a new field is empty: what was typed into the old one is gone
    report = run.give_consent()
    with pytest.raises(ConsentMissing, match="there is no consent"):
        run.trigger_panic()
    assert crashed(host) == 0
    assert report.answer is not None
    report.answer("kdumpkit-lab")
    shown["trigger_panic"] = step_text(run.trigger_panic())
    assert crashed(host) == 1
    assert "never asked for twice" in run.trigger_panic().conclusion
    assert crashed(host) == 1
    for name in CELLS[6:]:
        shown[name] = step_text(getattr(run, name)())
    shown["find_dump"] = step_text(run.find_dump())
    live = run.result()
    assert live.status is Status.PASS
    records = read_transcript(run_dir)
    begin = next(r for r in records if r.kind == "stage" and r.stage == STAGE)
    assert begin.data["by_hand"] is True
    assert [r.data["given"] for r in records if r.kind == "consent" and r.stage == STAGE] == ["kdumpkit-lab"]
    begun = [r.step for r in records if r.kind == "step"]
    assert (begun.count("trigger-panic"), begun.count("give-consent"), begun.count("find-dump")) == (5, 2, 2)
    assert judge(records, (STAGE,)).stages[0].status == "PASS"

    monkeypatch.setattr(session_module, "_person_at_front_end", lambda: False)
    monkeypatch.setenv(ENV_REPLAY, str(run_dir))
    replay = PanicTest.open(given)
    again = {name: step_text(getattr(replay, name)()) for name in CELLS}
    assert "typed into the field" in again.pop("give_consent")
    assert again == shown
    assert result_text(replay.result()) == result_text(live)
    assert crashed(host) == 1


def test_cell_that_is_run_again_looks_again(by_hand: tuple[RecordedAnswers, dict[str, object], Path]) -> None:
    host, given, _ = by_hand
    run = PanicTest.open(given)
    run.check_gates()
    first = len(host.asked)
    run.plot_dump_space()
    assert len(host.asked) == first
    run.check_gates()
    assert host.asked[first:] == host.asked[1:first]


def test_headless_cell_that_is_run_again_does_not(
    by_hand: tuple[RecordedAnswers, dict[str, object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, given, run_dir = by_hand
    monkeypatch.setattr(session_module, "_person_at_front_end", lambda: False)
    run = PanicTest.open(given)
    run.check_gates()
    first = len(host.asked)
    run.check_gates()
    assert len(host.asked) == first
    assert not [r for r in read_transcript(run_dir) if r.kind == "step"]


def test_wait_that_is_stopped_by_hand_is_a_sentence(
    by_hand: tuple[RecordedAnswers, dict[str, object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, given, run_dir = by_hand
    run = PanicTest.open(given)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_wait", stop)
    run.session.note("intent", {"what": "panic", "boot_id": "x", "label": "y"})
    with pytest.raises(KdumpkitError, match="wait-for-return was stopped by hand") as caught:
        run.wait_for_return()
    assert "run this cell again" in caught.value.hint
    assert [r.step for r in read_transcript(run_dir) if r.kind == "error"] == ["wait-for-return"]
    run.session.interactive = False
    with pytest.raises(KeyboardInterrupt):
        run.wait_for_return()


def test_person_may_replay_cells_in_any_order(
    by_hand: tuple[RecordedAnswers, dict[str, object], Path],
    monkeypatch: pytest.MonkeyPatch,
    records: tuple[Record, ...],
) -> None:
    from .conftest import RECORDING

    _, given, _ = by_hand
    monkeypatch.setenv(ENV_REPLAY, str(RECORDING))
    run = PanicTest.open(given)
    assert ("replay", "no host is reached: every answer is that of the recorded run") in run.summary().facts
    timeline = run.plot_timeline()
    dump = run.find_dump()
    assert run.find_dump() == dump
    assert step_text(run.plot_timeline()) == step_text(timeline)
    with pytest.raises(ConsentMissing):
        run.trigger_panic()
    run.give_consent_text("kdumpkit-lab")
    assert run.trigger_panic().done
    assert run.wait_for_return().findings[0].status is Status.PASS


def test_headless_replay_panics_as_the_run_did(records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    from .conftest import RECORDING

    given = next(r.data["given"] for r in records if r.kind == "stage")
    monkeypatch.setenv(ENV_REPLAY, str(RECORDING))
    run = PanicTest.open(given)
    for name in CELLS[:5]:
        getattr(run, name)()
    # what the step itself had noted when it was recorded is not taken for an earlier attempt
    assert run.trigger_panic().done == ("the kernel panics in one second",)
    assert run.wait_for_return().findings[0].status is Status.PASS
    assert [data["what"] for data in run.session.recall("intent")].count("panic") == 1


def test_replay_with_other_parameters_names_each(records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    from .conftest import RECORDING

    monkeypatch.setenv(ENV_REPLAY, str(RECORDING))
    given = next(r.data["given"] for r in records if r.kind == "stage")
    changed = {**given, "mode": "plan", "crashkernel": "256M"}
    with pytest.raises(ReplayDivergence) as caught:
        open_session(STAGE, changed)
    assert "mode is 'plan' here and was 'apply'" in caught.value.message
    assert "crashkernel is '256M' here and was left at its default" in caught.value.message
    assert "host is" not in caught.value.message


def test_mistyped_name_is_forgotten_once_the_cell_is_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "ENV_PYTEST", "NOT_UNDER_PYTEST")
    monkeypatch.delenv(ENV_REPLAY, raising=False)
    right = parameters_cell()
    wrong = right.replace("crashkernel: str", "crash_kernel: str")
    values = {"host": "web01", "evidence_dir": str(tmp_path), "crash_kernel": ""}
    refused = (
        [wrong],
        [right, wrong],
        [wrong, right, "crash_kernel = 'x'"],
        [wrong, 'host: str = "web01"'],
        # what papermill injects
        [right, 'crash_kernel = "256M"'],
        ["def broken(", wrong],
    )
    for inputs in refused:
        with pytest.raises(ParameterError, match="did you mean 'crashkernel'"):
            open_session("01-prerequisites", {**values, "In": ["", *inputs]})
    session = open_session("01-prerequisites", {**values, "In": ["", wrong, right, "show(run.summary())"]})
    assert session.begin.data["given"] == {"host": "web01", "evidence_dir": str(tmp_path)}
