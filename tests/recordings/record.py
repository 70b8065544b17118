#!/usr/bin/env python3
"""Make the recordings of the lab anew: ``tests/recordings/record.py FLAVOUR[,FLAVOUR] SITUATION...``

``all`` stands for every flavour. A situation is ``check`` (a fresh machine, read only) or ``panic-test`` (all six stages,
the machine really crashed). The run's transcript, its blobs and its console become
``tests/recordings/<system>/<situation>/``. To be run after a change to the commands that the stages ask; nothing in a
recording is edited by hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kdumpkit.lab import flavour_names

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
#: flavour of the lab -> folder of its recordings
SYSTEMS = {"debian": "debian-12"}
MODES = {"check": "check", "panic-test": "apply"}


def record(flavour: str, situation: str) -> Path:
    """Run the lab and keep what was recorded. Raises CalledProcessError where the run did not end well."""
    kept = HERE / SYSTEMS.get(flavour, flavour) / situation
    with tempfile.TemporaryDirectory() as temporary:
        kdumpkit = [str(Path(sys.executable).parent / "kdumpkit"), "lab", "run"]
        argv = [*kdumpkit, "--flavour", flavour, "--mode", MODES[situation]]
        # a machine that was never prepared fails its checks, and is recorded all the same
        # with the cache in its default place: a recording names where symbols lie, and no folder of who made it
        environment = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
        subprocess.run(argv, cwd=temporary, env=environment, check=situation == "panic-test")
        (run,) = (found.parent for found in Path(temporary).glob("evidence/*/*/transcript.jsonl"))
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        for name in ("transcript.jsonl", "console.log"):
            shutil.copy(run / name, kept / name)
        if (run / "blobs").is_dir():
            shutil.copytree(run / "blobs", kept / "blobs")
    return kept


def main() -> int:
    flavours, *situations = sys.argv[1:]
    for flavour in flavour_names() if flavours == "all" else flavours.split(","):
        for situation in situations:
            print(record(flavour, situation).relative_to(TOP))
    return 0


if __name__ == "__main__":
    sys.exit(main())
