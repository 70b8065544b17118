#!/usr/bin/env python3
"""CPU seconds of all six stages in replay, from command line to exit, against six papermill calls.

    benchmarks/replay_cpu.py [RECORDING] [ROUNDS]

The six papermill calls execute a notebook of one trivial cell each, by papermill's own command line. Both are measured
in turns, user and system time with all children; the medians and their ratio are printed. Exit status 1 where
kdumpkit takes more than a third of it.
"""

from __future__ import annotations

import compileall
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
RECORDING = TOP / "tests" / "recordings" / "debian-12" / "panic-test"
GOAL = 3.0
TRIVIAL = {
    "cells": [
        {"cell_type": "code", "id": "one", "metadata": {}, "source": "1 + 1", "outputs": [], "execution_count": None}
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def cpu_s(argv: list[str], cwd: Path) -> float:
    """User and system seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    recording = Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDING
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    programs = Path(sys.executable).parent
    # as they are after a first run, wherever Python was told to keep no compiled modules
    compileall.compile_dir(TOP / "kdumpkit", quiet=1)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "trivial.ipynb").write_text(json.dumps(TRIVIAL))
        for number in range(rounds + 1):
            output = folder / "replayed"
            shutil.rmtree(output, ignore_errors=True)
            argv = [str(programs / "kdumpkit"), "run", "--replay", str(recording), "--output", str(output)]
            # the run's verdict may be any; that it ran is what counts here
            one = cpu_s(["sh", "-c", '"$@" || test $? = 1', "sh", *argv], TOP)
            if not (output / "manifest.json").exists():
                raise SystemExit("the replay did not come to its end; run it by hand: " + " ".join(argv))
            papermill = [str(programs / "papermill"), "--no-progress-bar", "trivial.ipynb", "out.ipynb"]
            other = sum(cpu_s(papermill, folder) for _ in range(6))
            if number:  # the first round fills caches
                ours.append(one)
                theirs.append(other)
                print(f"round {number}: kdumpkit {one:.2f} s, six papermill calls {other:.2f} s", flush=True)
    mine, other = statistics.median(ours), statistics.median(theirs)
    ratio = other / mine
    print(f"six stages in replay: {mine:.2f} CPU s; six papermill calls: {other:.2f} CPU s; {ratio:.2f} times less")
    print(f"goal: at least {GOAL:g} times less; load average {os.getloadavg()[0]:.1f}")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
