"""Proof that an evidence folder is what a run left: signature, manifest, chain, verdict, replayed notebooks.

The folder may come from anybody: nothing in it is executed but cells that :mod:`kdumpkit.evidence.notebooks` knows.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from kdumpkit.command import Command
from kdumpkit.errors import EvidenceError
from kdumpkit.evidence.manifest import check_manifest, check_signature
from kdumpkit.evidence.notebooks import check_notebook
from kdumpkit.evidence.transcript import BLOBS, TRANSCRIPT, check_evidence_dir, read_transcript
from kdumpkit.evidence.verdict import ERROR, INTERRUPTED, RunVerdict, judge, verdict_as_json
from kdumpkit.hosts.local import LocalHost

RESULT = "result.json"
#: seconds for one cell of a replay; nothing waits in a replay
CELL_TIMEOUT_S = 120
#: seconds for the whole replay
REPLAY_TIMEOUT_S = 900


def verify(
    folder: Path,
    stages: Sequence[str],
    *,
    allowed_signers: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> RunVerdict:
    """The verdict that the folder's record holds, once everything in it has been checked.

    Works on a copy, needs no network and no host, and never touches one. Raises EvidenceError at the first
    thing that does not verify.
    """
    records = read_transcript(check_evidence_dir(folder))
    progress(f"chain: {len(records)} records, each naming the one before it")
    check_manifest(folder, stages)
    progress("manifest: every file is as it was sealed")
    progress("signature: " + check_signature(folder, allowed_signers))
    verdict = judge(records, stages)
    result = folder / RESULT
    if not result.is_file() or result.read_bytes() != result_bytes(verdict):
        raise EvidenceError(f"{folder}: {RESULT} does not follow from the transcript", "take a fresh copy of it")
    progress(f"verdict: {verdict.status} follows from the record")
    notebooks = [f"{stage}.ipynb" for stage in stages if (folder / f"{stage}.ipynb").exists()]
    executed = [f"{stage}.ipynb" for stage in stages if any(r.kind == "notebook" and r.stage == stage for r in records)]
    missing = next((name for name in executed if name not in notebooks), None)
    if missing is not None:
        raise EvidenceError(f"{folder}: the record tells of {missing}, which is missing", "take a complete copy of it")
    if not notebooks:
        raise EvidenceError(f"{folder} holds no executed notebook", "kdumpkit run HOST.yaml makes them")
    ended = {f"{stage.stage}.ipynb": stage.status not in (ERROR, INTERRUPTED) for stage in verdict.stages}
    for name in notebooks:
        check_notebook(folder / name, came_to_its_end=ended[name])
    cells = replay(folder, notebooks)
    count = f"{len(notebooks)} notebook{'' if len(notebooks) == 1 else 's'}"
    progress(f"replay: {count} executed again from the record, {cells}")
    return verdict


def result_bytes(verdict: RunVerdict) -> bytes:
    """``result.json`` of a verdict."""
    return (json.dumps(verdict_as_json(verdict), indent=1, ensure_ascii=False) + "\n").encode()


def replay(folder: Path, notebooks: Sequence[str]) -> str:
    """Run nbval over a copy of the notebooks, fed from the record; returns its closing words.

    Raises EvidenceError with nbval's own account where a cell gives another output than was archived.
    """
    with tempfile.TemporaryDirectory(prefix="kdumpkit-verify-") as temporary:
        copy = Path(temporary) / "evidence"
        copy.mkdir()
        # nothing else: a conftest.py or a json.py in the folder would be executed by pytest or by the notebooks
        for name in (TRANSCRIPT, *notebooks):
            shutil.copyfile(folder / name, copy / name)
        if (folder / BLOBS).is_dir():
            shutil.copytree(folder / BLOBS, copy / BLOBS)
        (copy / "pytest.ini").write_text("[pytest]\n")
        unset = [n for n in os.environ if n.startswith(("KDUMPKIT_", "PYTEST_")) or n == "PYTHONWARNINGS"]
        argv = (
            "env", *(f"--unset={name}" for name in sorted(unset)),
            sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider",
            f"--nbval-cell-timeout={CELL_TIMEOUT_S}", *notebooks,
        )  # fmt: skip
        result = LocalHost("this machine", cwd=copy).run(Command(argv, timeout_s=REPLAY_TIMEOUT_S))
        lines = result.text.strip().splitlines()
        if not result.ok or not lines or "passed" not in lines[-1]:
            account = "\n".join(lines[-40:]) or result.stderr.decode("utf-8", "replace")[-2000:]
            raise EvidenceError(
                f"{folder}: executed again from the record, the notebooks do not give what was archived:\n{account}",
                "verify with the versions that manifest.json names",
            )
        return lines[-1].strip("= ")
