"""Getting at a dump on the host: taken up again where it broke off, and told on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kdumpkit.errors import CommandTimeout, HostLost
from kdumpkit.evidence.transcript import Record, read_transcript
from kdumpkit.hosts.base import Fetched, Progress
from kdumpkit.runbook import dump_reading
from kdumpkit.runbook.session import ENV_PROGRESS, ENV_REPLAY, ENV_RUN_DIR, Session, open_session

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
