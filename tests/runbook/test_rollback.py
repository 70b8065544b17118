"""``mode: rollback`` in a stage: a change is made for real in a folder, and taken back from the record of its run."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.actions.plan import CommandChange, FileChange, Plan
from kdumpkit.checks.finding import Status
from kdumpkit.command import command
from kdumpkit.errors import GateClosed
from kdumpkit.evidence.rollback_source import CHANGE, TAKEN_BACK
from kdumpkit.evidence.transcript import read_transcript
from kdumpkit.runbook import session as session_module
from kdumpkit.runbook.grub_crashkernel import GrubCrashkernel
from kdumpkit.runbook.session import ENV_REPLAY, ENV_RUN_DIR
from kdumpkit.runbook.step import StepReport

from .hosts import Folder

HOST = {"host": "web01", "transport": "ssh", "consent": "web01"}
#: with a secret: the record has it masked, and digests must not be made of what the record has
OLD, NEW = b"GRUB_DEFAULT=0\n# password=geheim\n", b"GRUB_DEFAULT=saved\n# password=geheim\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    made = Folder(tmp_path / "root")
    for path, content in (
        ("etc/default/grub", OLD),
        ("boot/grub/grub.cfg", b"menu 0\n"),
        ("sys/kernel/kexec_crash_size", b"268435456\n"),
    ):
        file = made.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (made.root / "run").mkdir()
    (made.root / "etc/default/grub").chmod(0o640)
    monkeypatch.delenv(ENV_REPLAY, raising=False)
    monkeypatch.setattr(session_module, "ENV_PYTEST", "NOT_UNDER_PYTEST")
    monkeypatch.setattr(session_module, "_host", lambda _: made)
    return made


def files(host: Folder) -> dict[str, tuple[bytes, int]]:
    found = [host.root / "etc/default/grub", host.root / "boot/grub/grub.cfg", *(host.root / "etc").rglob("*.cfg")]
    return {str(file): (file.read_bytes(), file.stat().st_mode & 0o777) for file in found}


def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: str, **values: str) -> GrubCrashkernel:
    monkeypatch.setenv(ENV_RUN_DIR, str(tmp_path / "evidence" / "web01" / run))
    return GrubCrashkernel.open({**HOST, **values})


def change_something(run: GrubCrashkernel, host: Folder) -> None:
    script = 'cat "$1" >> "$2"'
    menu = command("sh", "-c", script, "sh", "/etc/default/grub", "/boot/grub/grub.cfg", title="update-grub")
    plan = Plan(
        "crashkernel=256M",
        (
            FileChange("/etc/default/grub", OLD, NEW),
            FileChange("/etc/default/grub.d.cfg", None, b"X=1\n"),
            CommandChange(menu, "writes the menu", None, ("/boot/grub/grub.cfg",)),
        ),
    )
    run.session.begin_step("change-boot-loader")
    report = run.change("change", plan, lambda: ())
    assert len(report.done) > 3
    run.result()
    assert (host.root / "boot/grub/grub.cfg").read_bytes() == b"menu 0\n" + NEW


def taken_back(report: StepReport) -> dict[str, Status]:
    return {finding.id: finding.status for finding in report.findings}


def test_a_run_is_taken_back_byte_for_byte(host: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(host)
    change_something(stage(monkeypatch, tmp_path, "r1", mode="apply"), host)
    kept = [r for r in read_transcript(tmp_path / "evidence/web01/r1") if r.kind == CHANGE]
    assert [record.data["change"]["what"] for record in kept] == [
        "/etc/default/grub",
        "/etc/default/grub.d.cfg",
        "update-grub",
    ]

    run = stage(monkeypatch, tmp_path, "r2", mode="rollback")
    report = run.roll_back()
    assert files(host) == before
    assert taken_back(report) == {"rollback.taken_back": Status.PASS, "rollback.reservation": Status.WARN}
    assert "run r1" in report.findings[0].reason.lower()
    assert "256 MiB stay reserved" in report.findings[1].reason
    assert run.result().status is Status.WARN
    assert len(report.undo) == 3
    # its lock is given back, and it is in the record that it was done
    assert not (host.root / "run/kdumpkit.lock").exists()
    own = read_transcript(tmp_path / "evidence/web01/r2")
    assert [record.data["run_id"] for record in own if record.kind == TAKEN_BACK] == ["r1"]

    again = stage(monkeypatch, tmp_path, "r3", mode="rollback").roll_back()
    assert "Run r2 has taken back" in again.findings[0].reason
    assert files(host) == before


def test_a_replay_of_it_takes_the_same_turns(host: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grub = host.root / "etc/default/grub"
    change_something(stage(monkeypatch, tmp_path, "r1", mode="apply"), host)
    backup = host.root / "var/backups/kdumpkit/r1/etc/default/grub"
    assert backup.read_bytes() == OLD
    live = stage(monkeypatch, tmp_path, "r2", mode="rollback")
    report = live.roll_back()
    live.result()
    assert grub.read_bytes() == OLD
    assert b"geheim" not in (tmp_path / "evidence/web01/r2/transcript.jsonl").read_bytes()
    grub.unlink()
    monkeypatch.delenv(ENV_RUN_DIR)
    monkeypatch.setenv(ENV_REPLAY, str(tmp_path / "evidence/web01/r2"))
    asked = len(host.ran)
    replayed = GrubCrashkernel.open({**HOST, "mode": "rollback"}).roll_back()
    assert (replayed.findings, replayed.done, replayed.facts) == (report.findings, report.done, report.facts)
    assert len(host.ran) == asked


def test_what_somebody_else_changed_stops_it_before_anything(
    host: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_something(stage(monkeypatch, tmp_path, "r1", mode="apply"), host)
    (host.root / "etc/default/grub").write_text("GRUB_DEFAULT=3\n")
    before = files(host)
    run = stage(monkeypatch, tmp_path, "r2", mode="rollback")
    with pytest.raises(GateClosed, match="changed by somebody else since") as caught:
        run.roll_back()
    assert "diff -u /var/backups/kdumpkit/r1/etc/default/grub /etc/default/grub" in str(caught.value.hint)
    assert files(host) == before
    assert not (host.root / "run/kdumpkit.lock").exists()


def test_what_would_be_taken_back_can_be_seen_before(
    host: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_something(stage(monkeypatch, tmp_path, "r1", mode="apply"), host)
    before = files(host)
    report = stage(monkeypatch, tmp_path, "r2", mode="plan", rollback_run="r1").roll_back()
    assert report.plan is not None
    assert len(report.plan.changes) == 3
    assert (report.done, report.findings) == ((), ())
    assert files(host) == before
    assert not (host.root / "run/kdumpkit.lock").exists()


def test_other_cells_are_left_out_and_other_modes_take_nothing_back(
    host: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stage(monkeypatch, tmp_path, "r1", mode="rollback")
    asked = len(host.ran)
    assert run.change_boot_loader().conclusion == "mode is rollback: this is left out"
    assert run.summary().title
    assert len(host.ran) == asked
    assert "No run has changed this host" in run.roll_back().findings[0].reason
    for mode in ("check", "plan", "apply"):
        other = stage(monkeypatch, tmp_path, mode, mode=mode)
        assert other.roll_back().conclusion == f"mode is {mode}: nothing is taken back"
