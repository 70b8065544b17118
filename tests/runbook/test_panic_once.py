"""A run that was stopped between the intent and the outcome of a panic: it finds out, and never panics a host twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kdumpkit.actions import crash
from kdumpkit.analysis import find_test_log
from kdumpkit.checks.finding import Status
from kdumpkit.errors import GateClosed
from kdumpkit.evidence.transcript import Record, Transcript, read_transcript
from kdumpkit.runbook.clock import RecordedClock
from kdumpkit.runbook.panic_test import PanicTest
from kdumpkit.runbook.reboot_check import RebootCheck

from .hosts import RecordedAnswers

Stopped = Callable[[int, int], tuple[RecordedAnswers, dict[str, object], Path]]


def number_of(records: tuple[Record, ...], kind: str, **data: object) -> int:
    return next(r.number for r in records if r.kind == kind and all(r.data.get(k) == v for k, v in data.items()))


def test_intent_is_on_disk_before_the_trigger_and_outcome_after(records: tuple[Record, ...]) -> None:
    for what, trigger in (("reboot", "reboot in one second"), ("panic", "panic in one second: sysrq-c")):
        intent = number_of(records, "intent", what=what)
        triggered = number_of(records, "command", title=trigger)
        outcome = number_of(records, "outcome", what=what)
        assert intent < triggered < outcome


@pytest.mark.parametrize("stopped_after", ["intent", "trigger"])
def test_panic_that_happened_is_found_out_and_not_repeated(
    live_from: Stopped, records: tuple[Record, ...], stopped_after: str
) -> None:
    intent = number_of(records, "intent", what="panic")
    last = intent if stopped_after == "intent" else number_of(records, "command", title="panic in one second: sysrq-c")
    # the host has been through it: it answers as it did after its return
    back = number_of(records, "outcome", what="panic")
    sighting = max(r.number for r in records[:back] if r.data.get("title") == "which boot is this")
    host, given, run_dir = live_from(last, sighting)
    run = PanicTest.open(given)
    assert "already" in run.check_gates().conclusion
    assert "kept from the attempt" in run.take_baseline().conclusion
    run.give_consent()
    assert "never asked for twice" in run.trigger_panic().conclusion
    assert run.wait_for_return().findings[0].status is Status.PASS
    assert run.find_dump().findings[0].status is Status.PASS
    assert {f.status for f in run.verify_dump().findings} == {Status.PASS}
    assert not [line for line in host.asked if "panic in one second" in line or "/dev/kmsg" in line]
    own = [r for r in read_transcript(run_dir) if r.attempt == 2 and r.stage == "05-panic-test"]
    assert [r.data["came_back"] for r in own if r.kind == "outcome"] == [True]
    assert not [r for r in own if r.kind == "intent"]


def test_panic_that_never_happened_is_said_and_not_repeated(
    live_from: Stopped, records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = number_of(records, "intent", what="panic")
    # the host still answers from the boot in which the panic was asked for, for longer than any panic takes to begin
    seconds = iter(range(0, 100_000, 30))
    monkeypatch.setattr(RecordedClock, "now", lambda _: float(next(seconds)))
    host, given, run_dir = live_from(intent, 0)
    boot_id = records[intent].data["boot_id"]
    sightings = [r for r in records if r.data.get("title") == "which boot is this" and "failure" not in r.data]
    same_boot = [r for r in sightings if boot_id in r.data["stdout"]["text"]]
    host.only("which boot is this", same_boot[:1])
    run = PanicTest.open(given)
    run.check_gates()
    assert "never asked for twice" in run.trigger_panic().conclusion
    with pytest.raises(GateClosed, match="not asked for a second time"):
        run.wait_for_return()
    outcome = [r.data for r in read_transcript(run_dir) if r.kind == "outcome" and r.data["what"] == "panic"]
    assert outcome == [{"what": "panic", "came_back": False, "happened": False}]


def test_reboot_is_asked_for_once_in_a_run(live_from: Stopped, records: tuple[Record, ...]) -> None:
    intent = number_of(records, "intent", what="reboot")
    back = number_of(records, "outcome", what="reboot")
    sighting = max(r.number for r in records[:back] if r.data.get("title") == "which boot is this")
    host, given, _ = live_from(intent, sighting)
    run = RebootCheck.open(given)
    run.compare_before()
    run.give_consent()
    report = run.trigger_reboot()
    assert not report.done
    assert run.wait_for_return().findings[0].status is Status.PASS
    assert {f.status for f in run.compare_reservation().findings} == {Status.PASS}
    assert not [line for line in host.asked if "reboot in one second" in line]


def test_another_machine_at_the_same_address_is_not_the_host_that_was_asked(
    live_from: Stopped, records: tuple[Record, ...]
) -> None:
    intent = number_of(records, "intent", what="reboot")
    sighting = max(
        r.number
        for r in records[: number_of(records, "outcome", what="reboot")]
        if r.data.get("title") == "which boot is this"
    )
    _, given, run_dir = live_from(intent, sighting)
    transcript = Transcript(run_dir)
    transcript.stage, transcript.attempt = records[intent].stage, records[intent].attempt
    transcript.append("intent", {**records[intent].data, "machine_id": "0" * 32})
    run = RebootCheck.open(given)
    run.compare_before()
    run.give_consent()
    run.trigger_reboot()
    with pytest.raises(GateClosed, match="not the host that was asked to reboot: Another machine answers"):
        run.wait_for_return()
    kept = {f["id"]: f["status"] for r in read_transcript(run_dir) if r.kind == "findings" for f in r.data["findings"]}
    assert kept["boot.changed"] == "FAIL"


def test_without_a_baseline_nothing_is_crashed(live_from: Stopped, records: tuple[Record, ...]) -> None:
    begin = max(r.number for r in records if r.kind == "stage" and r.stage == "05-panic-test")
    host, given, _ = live_from(begin - 1, begin)
    run = PanicTest.open(given)
    with pytest.raises(GateClosed, match="no baseline"):
        run.trigger_panic()
    assert not [line for line in host.asked if "panic" in line]


def test_label_is_written_as_it_is_looked_for() -> None:
    assert crash.MARK.encode() == find_test_log.MARK
