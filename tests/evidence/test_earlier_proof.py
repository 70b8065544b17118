"""Which earlier run counts as a proof."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kdumpkit.checks.finding import Status
from kdumpkit.evidence.earlier_proof import STAGE, find_earlier_proof, recorded_proof
from kdumpkit.evidence.transcript import read_transcript

from .records import Story

FINGERPRINT = {"parts": {"kernel release": "1"}, "unknown": {}}
VALUES = {"fingerprint": FINGERPRINT, "panic_triggered_at": 1000.0, "dump_written_at": 1018.25}


def run(root: Path, name: str, *, found: Status = Status.PASS, sealed: bool = True, **values: Any) -> Path:
    story = Story(root / name).run().begin(STAGE).step("find-dump").note("values", values=VALUES | values)
    story.find(("panic_test.dump_found", found), ("panic_test.returned", Status.PASS)).end()
    if sealed:
        (root / name / "manifest.json").write_text("{}")
    return root / name


def test_the_newest_sealed_run_that_found_a_dump(tmp_path: Path) -> None:
    run(tmp_path, "20260101T000000Z", fingerprint=None)
    run(tmp_path, "20260102T000000Z")
    run(tmp_path, "20260103T000000Z", found=Status.FAIL)
    run(tmp_path, "20260104T000000Z", sealed=False)
    run(tmp_path, "20260105T000000Z")
    found = find_earlier_proof(tmp_path, "20260105T000000Z")
    assert found is not None
    assert found["run_id"] == "20260102T000000Z"
    assert found["fingerprint"] == FINGERPRINT
    assert found["capture_s"] == 18.2
    assert found["proved_at"] > 0


def test_a_check_is_no_proof(tmp_path: Path) -> None:
    Story(tmp_path / "r1").run().begin(STAGE).find(("kexec.loaded", Status.PASS)).end()
    (tmp_path / "r1" / "manifest.json").write_text("{}")
    assert find_earlier_proof(tmp_path, "") is None


def test_a_run_that_was_tampered_with_proves_nothing(tmp_path: Path) -> None:
    folder = run(tmp_path, "r1")
    transcript = folder / "transcript.jsonl"
    transcript.write_bytes(transcript.read_bytes().replace(b"1018.25", b"1011.25"))
    assert find_earlier_proof(tmp_path, "") is None


def test_times_that_are_not_known(tmp_path: Path) -> None:
    run(tmp_path, "r1", dump_written_at=None)
    found = find_earlier_proof(tmp_path, "")
    assert found is not None
    assert found["capture_s"] is None
    run(tmp_path, "r2", dump_written_at=900.0)
    later = find_earlier_proof(tmp_path, "")
    assert later is not None
    assert later["capture_s"] is None


def test_no_folder(tmp_path: Path) -> None:
    assert find_earlier_proof(tmp_path / "none", "") is None


def test_what_a_record_was_told(tmp_path: Path) -> None:
    story = Story(tmp_path).run().begin("01-prerequisites")
    assert recorded_proof(read_transcript(tmp_path)) is None
    story.note("earlier-proof", proof=None)
    assert recorded_proof(read_transcript(tmp_path)) is None
    story.note("earlier-proof", proof={"run_id": "r0"})
    assert recorded_proof(read_transcript(tmp_path)) == {"run_id": "r0"}
