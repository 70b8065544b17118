"""The mode of a run by its first line, and that it is only a way to read less."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.evidence import earlier_proof
from kdumpkit.evidence.earlier_proof import find_earlier_proof
from kdumpkit.evidence.run_mode import mode_of_run
from kdumpkit.evidence.transcript import Record, Transcript

from .test_earlier_proof import run


def test_mode_of_runs(tmp_path: Path) -> None:
    Transcript(tmp_path / "headless").append("run", {"mode": "check"})
    Transcript(tmp_path / "by-hand").append("stage", {"parameters": {"mode": "check"}})
    assert mode_of_run(tmp_path / "headless") == "check"
    assert mode_of_run(tmp_path / "by-hand") is None
    for name, data in (
        ("empty", b""),
        ("torn", b'{"kind":"run","mo'),
        ("list", b"[]\n"),
        ("number", b'{"kind":"run","mode":1}\n'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "transcript.jsonl").write_bytes(data)
        assert mode_of_run(tmp_path / name) is None
    assert mode_of_run(tmp_path / "none") is None


def test_daily_checks_since_the_proof_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "20260101T000000Z")
    for day in range(2, 6):
        folder = tmp_path / f"2026010{day}T000000Z"
        Transcript(folder).append("run", {"mode": "check"})
        (folder / "manifest.json").write_text("{}")
    read: list[str] = []

    def reading(folder: Path) -> tuple[Record, ...]:
        read.append(folder.name)
        return original(folder)

    original = earlier_proof.read_transcript
    monkeypatch.setattr(earlier_proof, "read_transcript", reading)
    found = find_earlier_proof(tmp_path, "")
    assert found is not None
    assert read == ["20260101T000000Z"]
