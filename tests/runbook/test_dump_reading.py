"""Getting at a dump on the host: a copy, taken up again where it broke off, or reading it where it lies."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kdumpkit.checks.finding import Status
from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import CommandTimeout, DiskFull, HostLost
from kdumpkit.evidence.transcript import Record, read_transcript
from kdumpkit.hosts import on_host
from kdumpkit.hosts.base import Fetched, Progress
from kdumpkit.hosts.local import LocalHost
from kdumpkit.render.text import step_text
from kdumpkit.runbook import dump_reading
from kdumpkit.runbook import session as session_module
from kdumpkit.runbook.analysis import Analysis
from kdumpkit.runbook.session import ENV_PROGRESS, ENV_REPLAY, ENV_RUN_DIR, Session, open_session
from kdumpkit.vmcore.report import describe_in_place
from kdumpkit.vmcore.view import FileView
from tests.vmcore import dumps

from .hosts import RecordedAnswers

STAGE = "06-analysis"
Stopped = Callable[[int, int], tuple[RecordedAnswers, dict[str, object], Path]]


class Breaking:
    """What fetches: breaks off so many times, then brings the file."""

    def __init__(self, losses: list[Exception]) -> None:
        self.losses = losses
        self.tried = 0

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        self.tried += 1
        assert progress is not None
        progress(self.tried * 100, 1000)
        if self.losses:
            raise self.losses.pop(0)
        return Fetched(local, 1000, "ab" * 32)


@pytest.fixture
def begun(
    live_from: Stopped, records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> tuple[Session, RecordedAnswers, dict[str, object], Path]:
    """Stage 06 of the recorded run, begun live."""
    begin = max(r.number for r in records if r.kind == "stage" and r.stage == STAGE)
    host, given, run_dir = live_from(begin - 1, begin)
    return open_session(STAGE, given), host, given, run_dir


def test_a_fetch_that_broke_off_is_taken_up_again(
    begun: tuple[Session, RecordedAnswers, dict[str, object], Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    session, host, given, run_dir = begun
    breaking = Breaking([HostLost("gone", "look"), CommandTimeout("silent", "look")])
    monkeypatch.setattr(host, "fetch", breaking.fetch)
    monkeypatch.setenv(ENV_PROGRESS, str(tmp_path / "progress"))
    fetched = dump_reading.fetch_dump(session, "/var/crash/d", tmp_path / "d")
    assert (fetched.size_bytes, breaking.tried) == (1000, 3)
    told = [json.loads(line)["text"] for line in (tmp_path / "progress").read_text().splitlines()]
    assert told[0].startswith("copying the dump: 100 bytes of 1000 bytes")
    kept = [record.data for record in read_transcript(run_dir) if record.kind == "fetch"][-3:]
    assert [data.get("failure", {}).get("type") for data in kept] == ["HostLost", "CommandTimeout", None]
    monkeypatch.setenv(ENV_REPLAY, str(run_dir))
    monkeypatch.delenv(ENV_RUN_DIR)
    replay = open_session(STAGE, given)
    assert dump_reading.fetch_dump(replay, "/var/crash/d", tmp_path / "d").sha256 == "ab" * 32


def test_a_fetch_that_keeps_breaking_off_is_an_error(
    begun: tuple[Session, RecordedAnswers, dict[str, object], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session, host, _, _ = begun
    breaking = Breaking([HostLost(f"gone {number}", "look") for number in range(9)])
    monkeypatch.setattr(host, "fetch", breaking.fetch)
    with pytest.raises(HostLost, match="gone 2"):
        dump_reading.fetch_dump(session, "/var/crash/d", tmp_path / "d")
    assert breaking.tried == 3


def test_no_room_names_the_way_without_a_copy(
    begun: tuple[Session, RecordedAnswers, dict[str, object], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session, host, _, _ = begun
    breaking = Breaking([HostLost("gone", "look"), DiskFull("no room here", "df -h")])
    monkeypatch.setattr(host, "fetch", breaking.fetch)
    with pytest.raises(DiskFull, match="no room here") as caught:
        dump_reading.fetch_dump(session, "/var/crash/d", tmp_path / "d")
    assert caught.value.hint == "df -h; or leave the dump on the host: dump_reading: in-place"
    assert caught.value.exit_status == 1


def test_programs_find_the_login_that_the_run_keeps() -> None:
    assert on_host.ENV_LOGINS == session_module.ENV_LOGINS


#: the cells of stage 06 that ask something
CELLS = ("locate_dump", "fetch_dump", "read_header", "read_log", "find_symbols", "read_stack", "second_opinion")
REPORT = Path(__file__).parent.parent / "analysis" / "recordings" / "drgn-report-debian-12.json"
LOG = [
    (1_000_000_000, b"Linux version 6.1.0-56-cloud-amd64"),
    (2_000_000_000, b"sysrq: Trigger a crash"),
    (2_000_001_000, b"Kernel panic - not syncing: sysrq triggered crash"),
]


class InPlace:
    """A host with one dump, and this machine, on which programs read that dump as if it lay on the host."""

    def __init__(self, dump: Path, remote: str, target: RecordedAnswers) -> None:
        self.dump, self.remote = dump, remote
        self.asked_target: list[str] = []
        self.asked_here: list[tuple[str, ...]] = []
        self._recorded = target.run

    def on_target(self, command: Command) -> CommandResult:
        if not command.title.startswith(("stat ", "sha256sum ")):
            return self._recorded(command)
        self.asked_target.append(command.shown())
        return self._locally(command)

    def here(self, command: Command) -> CommandResult:
        self.asked_here.append(command.argv)
        if "kdumpkit.analysis.symbols_search" in command.argv:
            row = {"path": "/symbols/vmlinux", "state": "matches", "build_id": "ab" * 20, "why": "it has the build id"}
            found = json.dumps({"vmlinux": row["path"], "candidates": [row]}).encode()
            return CommandResult(command, 0, found, b"", 0.0, 0.0)
        if "kdumpkit.analysis.drgn_report" in command.argv:
            return CommandResult(command, 0, REPORT.read_bytes(), b"", 0.0, 0.0)
        if "kdumpkit.vmcore.report" in command.argv:
            with FileView(self.dump) as view:
                document = describe_in_place(view, "dump")
            return CommandResult(command, 0, json.dumps(document).encode(), b"", 0.0, 0.0)
        return self._locally(command)

    def _locally(self, command: Command) -> CommandResult:
        argv = command.argv[: command.argv.index("--on")] if "--on" in command.argv else command.argv
        argv = tuple(str(self.dump) if word == self.remote else word for word in argv)
        argv = (sys.executable, *argv[1:]) if argv[0] == "python" else argv
        return replace(LocalHost().run(replace(command, argv=argv)), command=command)


def test_a_dump_that_stays_on_the_host(
    live_from: Stopped, records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    memory = dumps.pages(dumps.ringbuffer(LOG))
    content = dumps.kdump(memory, (dumps.VMCOREINFO_HEAD + dumps.RINGBUFFER_LAYOUT).encode())
    dump = tmp_path / "dump"
    dump.write_bytes(content)
    begin = max(r.number for r in records if r.kind == "stage" and r.stage == STAGE)
    host, given, run_dir = live_from(begin - 1, begin)
    remote = next(
        str(r.data["values"]["dump_path"]) for r in records if r.kind == "values" and "dump_path" in r.data["values"]
    )
    there = InPlace(dump, remote, host)
    monkeypatch.setattr(host, "run", there.on_target)
    monkeypatch.setattr(session_module._ThisMachine, "run", lambda _, command: there.here(command))
    given["dump_reading"] = "in-place"

    run = Analysis.open(given)
    shown = {name: step_text(getattr(run, name)()) for name in CELLS}
    sha256 = hashlib.sha256(content).hexdigest()
    assert there.asked_target == [f"stat {remote}", f"sha256sum {remote}"]
    assert f"{remote} stays on kdumpkit-lab and is read there: {len(content)} bytes" in shown["fetch_dump"]
    assert sha256 in shown["fetch_dump"]
    assert not list(tmp_path.rglob("*.part"))
    programs = ("kdumpkit.vmcore.report", "kdumpkit.vmcore.dmesg", "kdumpkit.analysis.drgn_report")
    asked = {argv[2]: argv for argv in there.asked_here if argv[:2] == ("python", "-m")}
    for program in programs:
        assert asked[program][3] == remote
        assert asked[program][asked[program].index("--on") :][:4] == (
            "--on",
            given.get("ssh_destination") or "kdumpkit-lab",
            "--host-name",
            "kdumpkit-lab",
        )
    # crash is neither looked for nor run
    assert len(there.asked_here) == 4
    assert "left out: crash reads files" in shown["second_opinion"]
    assert "sysrq triggered crash" in shown["read_log"]
    findings = {f.id: f for f in run.findings}
    assert findings["dump.in_place"].status is Status.PASS
    assert findings["dump.whole"].status is Status.PASS
    assert "dump.copied" not in findings
    kept = [r.data["values"] for r in read_transcript(run_dir) if r.kind == "values" and r.step == "fetch-dump"]
    assert kept[-1] == {
        "local_path": None, "in_place_path": remote, "dump_sha256": sha256, "dump_size_bytes": len(content)
    }  # fmt: skip

    monkeypatch.setenv(ENV_REPLAY, str(run_dir))
    monkeypatch.delenv(ENV_RUN_DIR)
    dump.unlink()
    again = Analysis.open(given)
    assert {name: step_text(getattr(again, name)()) for name in CELLS} == shown
    assert len(there.asked_here) == 4


def test_packed_dump_in_place_names_the_way(
    live_from: Stopped, records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dump = tmp_path / "dump"
    dump.write_bytes(b"\x1f\x8b" + bytes(5000))
    begin = max(r.number for r in records if r.kind == "stage" and r.stage == STAGE)
    host, given, _ = live_from(begin - 1, begin)
    remote = next(
        str(r.data["values"]["dump_path"]) for r in records if r.kind == "values" and "dump_path" in r.data["values"]
    )
    there = InPlace(dump, remote, host)
    monkeypatch.setattr(host, "run", there.on_target)
    monkeypatch.setattr(session_module._ThisMachine, "run", lambda _, command: there.here(command))
    run = Analysis.open({**given, "dump_reading": "in-place"})
    for name in CELLS[:3]:
        getattr(run, name)()
    finding = next(f for f in run.findings if f.id == "dump.whole")
    assert finding.status is Status.UNKNOWN
    assert finding.remedy == "a packed dump is not read where it lies; set dump_reading: copy"
