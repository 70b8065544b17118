"""The newest sealed run of a host that proved a dump: what a later run is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kdumpkit.errors import EvidenceError
from kdumpkit.evidence.manifest import MANIFEST
from kdumpkit.evidence.run_mode import mode_of_run
from kdumpkit.evidence.transcript import TRANSCRIPT, Record, read_transcript
from kdumpkit.evidence.verdict import judge

#: the stage whose good end is the proof, and what it must have found
STAGE = "05-panic-test"
_PROVES = ("panic_test.dump_found", "panic_test.returned")


def find_earlier_proof(host_folder: Path, before: str) -> dict[str, Any] | None:
    """Run id, time, fingerprint and capture time of the newest sealed run other than ``before``; None: there is none.

    ``fingerprint`` is None for a run of a version that kept none, ``capture_s`` where the dump's times are not known.
    A run whose transcript does not hold is passed over: it proves nothing.
    """
    if not host_folder.is_dir():
        return None
    runs = (d for d in host_folder.iterdir() if (d / TRANSCRIPT).is_file() and (d / MANIFEST).is_file())
    for folder in sorted(runs, key=lambda d: d.name, reverse=True):
        if folder.name == before or mode_of_run(folder) not in ("apply", None):
            continue
        try:
            proof = _proof_of(folder)
        except (EvidenceError, OSError):
            continue
        if proof is not None:
            return proof
    return None


def _proof_of(folder: Path) -> dict[str, Any] | None:
    records = read_transcript(folder)
    verdict = judge(records, (STAGE,)).stages[0]
    good = {finding.id for finding in verdict.findings if finding.status == "PASS"}
    if verdict.status not in ("PASS", "WARN") or not good.issuperset(_PROVES):
        return None
    values: dict[str, Any] = {}
    for record in records:
        if record.kind == "values" and record.stage == STAGE:
            values.update(record.data["values"])
    return {
        "run_id": folder.name,
        "proved_at": verdict.ended_at,
        "fingerprint": values.get("fingerprint"),
        "capture_s": _capture_s(values),
    }


def _capture_s(values: dict[str, Any]) -> float | None:
    panicked, written = values.get("panic_triggered_at"), values.get("dump_written_at")
    if not isinstance(panicked, float | int) or not isinstance(written, float | int) or written <= panicked:
        return None
    return round(float(written) - float(panicked), 1)


def recorded_proof(records: tuple[Record, ...]) -> dict[str, Any] | None:
    """What a recorded stage was told about an earlier proof: a replay decides by that and looks nowhere else."""
    told = [record.data["proof"] for record in records if record.kind == KIND]
    return told[-1] if told else None


#: the kind of record that keeps what was found
KIND = "earlier-proof"
