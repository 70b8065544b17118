"""The lock on a host, when its record is replayed on another machine and by another user."""

from __future__ import annotations

import getpass
import socket

import pytest

from kdumpkit.evidence.transcript import Record
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


def test_run_that_took_no_lock_has_no_owner() -> None:
    assert recorded_owner((), "r1") == ""
