"""The lock on a host, when its record is replayed on another machine and by another user."""

from __future__ import annotations

import getpass
import socket

import pytest

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import DiskFull, GateClosed
from kdumpkit.evidence.transcript import Record
from kdumpkit.hosts.local import LocalHost
from kdumpkit.runbook.grub_crashkernel import GrubCrashkernel
from kdumpkit.runbook.lock import recorded_owner
from kdumpkit.runbook.session import ENV_REPLAY

from .conftest import RECORDING


def test_replay_elsewhere_names_the_owner_that_was_recorded(
    records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = next(r for r in records if r.kind == "stage" and r.stage == GrubCrashkernel.name)
    owner = recorded_owner(records, str(begin.data["run_id"]))
    assert owner.startswith(f"run {begin.data['run_id']} from ")
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    monkeypatch.setattr(getpass, "getuser", lambda: "nobody")
    monkeypatch.setenv(ENV_REPLAY, str(RECORDING))
    run = GrubCrashkernel.open(begin.data["given"])
    for name in ("read_reservation", "recommend_size", "check_boot_loader"):
        getattr(run, name)()
    assert run.change_boot_loader().done


def test_a_lock_is_given_back_where_the_error_cannot_be_kept(
    records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, host = asked_stage(records, monkeypatch)
    run.lock()

    def full(*_: object) -> None:
        raise DiskFull("no room to write the transcript")

    monkeypatch.setattr(run.session, "note", full)
    with pytest.raises(DiskFull):
        run.fail(GateClosed("not so"))
    assert host.titles == ["take", "give"]


def test_run_that_took_no_lock_has_no_owner() -> None:
    assert recorded_owner((), "r1") == ""


class Asked(LocalHost):
    """Keeps the titles of what it is asked, and does nothing."""

    def __init__(self) -> None:
        super().__init__("web01")
        self.titles: list[str] = []

    def run(self, command: Command) -> CommandResult:
        self.titles.append(command.shown().split()[0])
        owner = command.argv[-1] if self.titles[-1] == "take" else ""
        return CommandResult(command, 0, owner.encode(), b"", 0.0, 0.0)


def asked_stage(records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch) -> tuple[GrubCrashkernel, Asked]:
    """The recorded stage 02, opened, and the host that it asks from then on."""
    begin = next(r for r in records if r.kind == "stage" and r.stage == GrubCrashkernel.name)
    monkeypatch.setenv(ENV_REPLAY, str(RECORDING))
    run = GrubCrashkernel.open(begin.data["given"])
    host = run.session.target = Asked()
    return run, host


def test_stage_takes_the_lock_once_and_not_back_from_a_boot_that_has_none(
    records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, host = asked_stage(records, monkeypatch)
    run.lock()
    run.lock()
    run.unlock()
    run.unlock()
    assert host.titles == ["take", "give"]
    run.lock()
    run.forget_boot()
    run.unlock()
    run.lock()
    assert host.titles == ["take", "give", "take", "take"]
