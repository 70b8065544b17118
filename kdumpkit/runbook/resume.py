"""Which run ``--resume`` goes on with, and what is refused: a good end, another mode, another host's record."""

from __future__ import annotations

import shlex
from pathlib import Path

from kdumpkit.errors import UsageError
from kdumpkit.evidence.manifest import MANIFEST, SIGNATURE
from kdumpkit.evidence.transcript import TRANSCRIPT, Record, mend_transcript, read_transcript
from kdumpkit.evidence.verdict import judge
from kdumpkit.evidence.verify import RESULT
from kdumpkit.parameters import Parameters
from kdumpkit.runbook.session import STAGES, evidence_root, unfinished_run_dir


def resumed_run_dir(parameters: Parameters) -> Path:
    """The folder of the run to go on with: the one named, else the newest unsealed, else the newest. Its seal is off.

    Raises UsageError where there is none, and where it is not one to go on with; it stays as it is then.
    """
    base = evidence_root(parameters) / parameters.host
    if parameters.run_id:
        folder: Path | None = base / parameters.run_id
        if not (base / parameters.run_id / TRANSCRIPT).is_file():
            raise UsageError(
                f"there is no run {parameters.run_id} of {parameters.host} to resume", f"ls {shlex.quote(str(base))}"
            )
    else:
        runs = sorted((d for d in base.glob("*") if (d / TRANSCRIPT).exists()), key=lambda d: d.name)
        folder = unfinished_run_dir(parameters) or (runs[-1] if runs else None)
    if folder is None:
        raise UsageError(f"there is no run of {parameters.host} to resume", "leave --resume out to begin one")
    mend_transcript(folder)
    records = read_transcript(folder)
    _refuse_another_run(folder.name, records, parameters)
    if judge(records, STAGES).exit_status == 0:
        raise UsageError(
            f"run {folder.name} of {parameters.host} has come to a good end", "leave --resume out to begin another"
        )
    # the seal of what had failed is void once the run goes on
    for name in (MANIFEST, SIGNATURE, RESULT, "report.html"):
        (folder / name).unlink(missing_ok=True)
    return folder


def _refuse_another_run(run_id: str, records: tuple[Record, ...], parameters: Parameters) -> None:
    # stages that came to a good end are left out, and in another mode they are others and did other things
    host, mode = _begun_with(records)
    if host and host != parameters.host:
        raise UsageError(
            f"run {run_id} is a run of {host}, and not of {parameters.host}; nothing was done",
            "name the parameter file of that host, or leave --resume out to begin a run",
        )
    if mode and mode != parameters.mode:
        raise UsageError(
            f"run {run_id} of {parameters.host} was begun in mode {mode}, and the mode is {parameters.mode} now; "
            "nothing was done",
            f"--resume --set mode={mode} goes on with it, --resume --set run_id=… with another one; "
            "leave --resume out to begin a run",
        )


def _begun_with(records: tuple[Record, ...]) -> tuple[str, str]:
    # a run that was stepped through by hand has no record of its own, but its stages have
    for record in records:
        if record.kind == "run":
            return str(record.data.get("host", "")), str(record.data.get("mode", ""))
        if record.kind == "stage" and record.data.get("parameters"):
            return str(record.data["parameters"].get("host", "")), str(record.data["parameters"].get("mode", ""))
    return "", ""
