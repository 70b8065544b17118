"""`kdumpkit verify` on the evidence of a real run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kdumpkit.errors import EvidenceError
from kdumpkit.evidence import verify as module
from kdumpkit.evidence.manifest import write_manifest
from kdumpkit.evidence.transcript import TRANSCRIPT, read_transcript
from kdumpkit.evidence.verify import RESULT, verify
from kdumpkit.runbook.session import STAGES


@pytest.fixture
def no_replay(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Leaves out the replay, which takes seconds, where a test is about what comes before it."""
    replayed: list[Path] = []
    monkeypatch.setattr(module, "replay", lambda folder, names: replayed.append(folder) or "left out")
    return replayed


def executed_stage(folder: Path) -> Path:
    """The notebook of a stage that came to its end."""
    ended = [r.stage for r in read_transcript(folder) if r.kind == "result"]
    return folder / f"{ended[0]}.ipynb"


def edit(path: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    document = json.loads(path.read_text())
    change([cell for cell in document["cells"] if cell["cell_type"] == "code"])
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    # as a forger would, who has the folder and the tool
    write_manifest(path.parent, STAGES)


@pytest.mark.slow
def test_a_copy_moved_elsewhere_verifies_without_a_host(run_kdumpkit: Any, evidence: Path, tmp_path: Path) -> None:
    moved = tmp_path / "an auditor's desk" / "2031"
    shutil.copytree(evidence, moved)
    before = {path: path.read_bytes() for path in moved.rglob("*") if path.is_file()}
    done = run_kdumpkit("verify", str(moved), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    words = [line.partition(":")[0] for line in done.stderr.splitlines()]
    assert words == ["chain", "manifest", "signature", "verdict", "replay"]
    assert "passed" in done.stderr
    assert "failed" not in done.stderr
    status = json.loads((moved / RESULT).read_text())["status"]
    assert done.stdout == f"{moved}: verified; the run's verdict is {status}\n"
    assert {path: path.read_bytes() for path in moved.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_a_changed_output_does_not_come_out_and_planted_files_are_not_executed(evidence: Path, tmp_path: Path) -> None:
    path = executed_stage(evidence)
    mark = tmp_path / "executed"
    for name in ("conftest.py", "json.py", "sitecustomize.py", "kdumpkit.py", "pytest.py"):
        (evidence / name).write_text(f"open({str(mark)!r}, 'w')\n")
    (evidence / "setup.cfg").write_text("[tool:pytest]\naddopts = --collect-only\n")

    def better(cells: list[dict[str, Any]]) -> None:
        cells[-1]["outputs"][0]["data"]["text/plain"] = ["everything is well"]

    edit(path, better)
    # one notebook is enough here, and quick
    with pytest.raises(EvidenceError, match="do not give what was archived") as caught:
        module.replay(evidence, [path.name])
    # the one cell that was changed, and no other
    assert "1 failed" in caught.value.message
    assert "everything is well" in caught.value.message
    assert "\x1b" not in caught.value.message
    assert not mark.exists()


def test_one_changed_byte_in_any_file_gives_exit_status_5(run_kdumpkit: Any, evidence: Path) -> None:
    done = run_kdumpkit("verify", str(evidence / "nowhere"))
    assert done.returncode == 5
    path = evidence / "report.html"
    raw = path.read_bytes()
    path.write_bytes(raw[:-2] + b"?" + raw[-1:])
    done = run_kdumpkit("verify", str(evidence))
    assert (done.returncode, done.stdout) == (5, "")
    assert "report.html is not as it was when the run was sealed" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_file_is_under_the_seal(evidence: Path, no_replay: list[Path]) -> None:
    verify(evidence, STAGES)
    assert no_replay == [evidence]
    for path in sorted(p for p in evidence.rglob("*") if p.is_file() and p.stat().st_size):
        raw = path.read_bytes()
        at = len(raw) // 3
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(EvidenceError):
            verify(evidence, STAGES)
        path.write_bytes(raw)
    assert len(no_replay) == 1


def test_a_better_result_with_a_new_manifest_does_not_follow_from_the_record(
    evidence: Path, no_replay: list[Path]
) -> None:
    document = json.loads((evidence / RESULT).read_text())
    document["status"] = "BETTER"
    (evidence / RESULT).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    write_manifest(evidence, STAGES)
    with pytest.raises(EvidenceError, match="does not follow from the transcript"):
        verify(evidence, STAGES)
    (evidence / RESULT).unlink()
    write_manifest(evidence, STAGES)
    with pytest.raises(EvidenceError, match="does not follow from the transcript"):
        verify(evidence, STAGES)
    assert not no_replay


def test_a_notebook_that_the_record_tells_of_must_be_there(evidence: Path, no_replay: list[Path]) -> None:
    (evidence / "03-reboot-check.ipynb").unlink()
    write_manifest(evidence, STAGES)
    with pytest.raises(EvidenceError, match=r"03-reboot-check\.ipynb, which is missing"):
        verify(evidence, STAGES)


def test_a_notebook_with_other_code_is_not_executed(evidence: Path, no_replay: list[Path], tmp_path: Path) -> None:
    def plant(cells: list[dict[str, Any]]) -> None:
        cells[0]["source"] = f"open({str(tmp_path / 'executed')!r}, 'w')"

    edit(executed_stage(evidence), plant)
    with pytest.raises(EvidenceError, match="code that no kdumpkit notebook has"):
        verify(evidence, STAGES)
    assert not no_replay


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=f"holds no {TRANSCRIPT}"):
        verify(tmp_path, STAGES)
