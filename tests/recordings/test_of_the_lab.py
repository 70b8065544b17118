"""The recordings of real runs: each replays to its end, no dump lies in it, and those of kinds that differ much are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit import lab
from kdumpkit.evidence.transcript import Record, read_transcript
from kdumpkit.evidence.verdict import StageVerdict
from kdumpkit.runbook.run import replay_stages
from kdumpkit.runbook.session import STAGES

from .record import MODES, SYSTEMS

HERE = Path(__file__).resolve().parent
FOUND = sorted(
    path.parent for path in HERE.glob("*/*/transcript.jsonl") if not (path.parent / "documents").is_dir()
)
#: whole runs, the host really crashed
CRASHED = [folder for folder in FOUND if folder.name == "panic-test"]
each = pytest.mark.parametrize("folder", FOUND, ids=lambda path: str(path.relative_to(HERE)))
each_crashed = pytest.mark.parametrize("folder", CRASHED, ids=lambda path: path.parent.name)
#: what a dump begins with: kdump-compressed, flattened, ELF
DUMPS = (b"KDUMP   ", b"makedumpfile\0", b"\x7fELF")


class Silent:
    def stage_begins(self, stage: str, number: int, of: int) -> None: ...
    def step_begins(self, number: int, of: int, step: str) -> None: ...
    def waiting(self, text: str, elapsed_s: float, expected_s: float) -> None: ...
    def stage_ends(self, verdict: StageVerdict) -> None: ...


def findings(records: tuple[Record, ...]) -> dict[str, str]:
    """Status of each finding by stage and id; the last one counts."""
    return {
        f"{record.stage[:2]} {found['id']}": found["status"]
        for record in records
        if record.kind == "findings"
        for found in record.data["findings"]
    }


def test_kinds_of_machine_have_a_recording_of_their_crash() -> None:
    kinds = {SYSTEMS.get(flavour, flavour) for flavour in lab.flavour_names()}
    found = {folder.parent.name for folder in CRASHED}
    # these two differ from debian in firmware and disk only, and may have one
    assert kinds - {"debian-uefi", "debian-lvm"} <= found <= kinds
    assert {folder.name for folder in FOUND} == set(MODES)


@each
def test_it_is_small_and_holds_no_dump(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files if path.parent == folder} == {"transcript.jsonl", "console.log"}
    assert sum(path.stat().st_size for path in files) < 1 << 20
    assert [path.name for path in files if path.read_bytes().startswith(DUMPS)] == []


@each_crashed
def test_it_ends_in_a_dump_that_is_proved_to_be_of_its_own_panic(folder: Path) -> None:
    found = findings(read_transcript(folder))
    for name in ("05 panic_test.returned", "05 panic_test.dump_found", "06 dump.whole", "06 dump.label", "06 analysis.cause"):
        assert found[name] == "PASS", name
    assert [name for name, status in found.items() if status in ("FAIL", "UNKNOWN")] == []


@pytest.mark.slow
@each
def test_all_six_notebooks_replay_from_it(folder: Path, tmp_path: Path) -> None:
    outcome = replay_stages(folder, tmp_path / "out", Silent())
    assert [stage.stage for stage in outcome.verdict.stages if not stage.error] == list(STAGES)
    again = findings(read_transcript(outcome.run_dir))
    assert again == findings(read_transcript(folder))
    assert outcome.report.is_file()
