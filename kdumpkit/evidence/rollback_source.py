"""Which run is to be taken back, and what it changed: from the transcripts beside a run's own folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kdumpkit.errors import UsageError
from kdumpkit.evidence.run_mode import mode_of_run
from kdumpkit.evidence.transcript import TRANSCRIPT, Record, read_transcript

#: the kinds of record that keep a change that was made, what a stage found to take back, and that it is taken back
CHANGE, SOURCE, TAKEN_BACK = "applied", "rollback-of", "taken-back"


def find_rollback_source(host_folder: Path, stage: str, named: str = "") -> dict[str, Any]:
    """The changes that ``stage`` made in the run that is to be taken back, oldest first.

    ``run_id`` is the named run, else the newest that changed something ("": none did). ``taken_back_by`` names a run
    that has taken this stage back already. ``unfinished`` are titles of plans within which the run was killed: what
    came of their last change is not in the record.

    Raises UsageError where there is no such run, EvidenceError where the named one's transcript does not hold.
    """
    runs = sorted((d for d in _folders(host_folder) if (d / TRANSCRIPT).is_file()), key=lambda d: d.name)
    if named and named not in [folder.name for folder in runs]:
        raise UsageError(
            f"there is no run {named} of {host_folder.name} to take back", f"the runs are: ls {host_folder}"
        )
    found: dict[str, Any] = {"run_id": "", "changes": [], "taken_back_by": "", "unfinished": []}
    for folder in reversed(runs):
        if (named and folder.name != named) or mode_of_run(folder) not in ("apply", None):
            continue
        records = read_transcript(folder)
        if not any(record.kind == CHANGE for record in records):
            continue
        own = [record for record in records if record.stage == stage]
        return {
            "run_id": folder.name,
            "changes": [record.data["change"] for record in own if record.kind == CHANGE],
            "taken_back_by": _taken_back_by(runs, folder.name, stage),
            "unfinished": _unfinished(own),
        }
    return {**found, "run_id": named}


def _folders(host_folder: Path) -> list[Path]:
    return [folder for folder in host_folder.iterdir() if folder.is_dir()] if host_folder.is_dir() else []


def _taken_back_by(runs: Sequence[Path], run_id: str, stage: str) -> str:
    for folder in runs:
        if mode_of_run(folder) not in ("rollback", None):
            continue
        for record in read_transcript(folder):
            if record.kind == TAKEN_BACK and record.stage == stage and record.data.get("run_id") == run_id:
                return folder.name
    return ""


def _unfinished(own: Sequence[Record]) -> list[str]:
    # an intent that neither a plan nor an error followed, with fewer changes than it was to make
    titles: list[str] = []
    pending: tuple[str, int] | None = None
    for record in own:
        if record.kind == "stage" and pending is not None:
            titles.append(pending[0])
            pending = None
        if record.kind == "intent" and record.data.get("what") == "change":
            plan = record.data["plan"]
            pending = (str(plan["title"]), len(plan["changes"]))
        elif record.kind == CHANGE and pending is not None:
            pending = (pending[0], pending[1] - 1)
            pending = pending if pending[1] > 0 else None
        elif record.kind in ("plan", "error"):
            pending = None
    return titles + ([pending[0]] if pending is not None else [])


def recorded_source(records: Sequence[Record]) -> dict[str, Any] | None:
    """What a recorded stage found to take back: a replay decides by that and looks nowhere else."""
    told = [dict(record.data["source"]) for record in records if record.kind == SOURCE]
    return told[-1] if told else None
