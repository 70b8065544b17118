from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kdumpkit.evidence.transcript import Record, Transcript, read_transcript
from kdumpkit.runbook import session as session_module
from kdumpkit.runbook.clock import RecordedClock
from kdumpkit.runbook.session import ENV_REPLAY, ENV_RUN_DIR

from .hosts import RecordedAnswers

RECORDING = Path(__file__).parent.parent / "recordings" / "debian-12" / "panic-test"


@pytest.fixture(scope="session")
def records() -> tuple[Record, ...]:
    """The whole recording of a run in apply on Debian 12."""
    return read_transcript(RECORDING)


@pytest.fixture
def live_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, records: tuple[Record, ...]
) -> Callable[[int, int], tuple[RecordedAnswers, dict[str, object], Path]]:
    """A run that was stopped after record ``last``, going on live on a host that answers as recorded from ``first`` on.

    Gives the host, the parameters and the run's folder.
    """

    def make(last: int, first: int) -> tuple[RecordedAnswers, dict[str, object], Path]:
        run_dir = tmp_path / "evidence" / "kdumpkit-lab" / "stopped"
        transcript = Transcript(run_dir)
        for record in records[: last + 1]:
            transcript.stage, transcript.attempt, transcript.step = record.stage, record.attempt, record.step
            transcript.append(record.kind, record.data, started_at=record.started_at, duration_s=record.duration_s)
        for name in (ENV_REPLAY,):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(ENV_RUN_DIR, str(run_dir))
        monkeypatch.setattr(session_module, "ENV_PYTEST", "NOT_UNDER_PYTEST")
        monkeypatch.setattr(session_module, "_host", lambda _: host)
        monkeypatch.setattr(RecordedClock, "sleep", lambda *_: None)
        host = RecordedAnswers(RECORDING, records[first:])
        given = next(r.data["given"] for r in records if r.kind == "stage")
        return host, dict(given), run_dir

    return make
