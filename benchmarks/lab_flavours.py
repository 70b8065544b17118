#!/usr/bin/env python3
"""How long a whole run takes on each kind of lab machine.

    benchmarks/lab_flavours.py [FLAVOUR...]

Images are built and the machine answers before the clock starts. The guests are emulated where there is no KVM, so that
figures of different machines cannot be compared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kdumpkit import lab


def timed_run(flavour: str, folder: Path) -> tuple[float, str, int]:
    """Seconds from a machine that answers to the end of the run, its verdict, and the exit status."""
    lab.down()
    lab.up(lambda _: None, flavour=flavour)
    argv = [str(Path(sys.executable).parent / "kdumpkit"), "lab", "run", "--flavour", flavour, "--json"]
    began = time.monotonic()
    done = subprocess.run(argv, cwd=folder, capture_output=True, check=False)
    took_s = time.monotonic() - began
    status = json.loads(done.stdout)["status"] if done.stdout.startswith(b"{") else "no result"
    return took_s, status, done.returncode


def main() -> int:
    worst = 0
    for flavour in sys.argv[1:] or lab.flavour_names():
        lab.install_requirements(print, flavour=lab.load_flavour(flavour))
        with tempfile.TemporaryDirectory() as temporary:
            took_s, verdict, status = timed_run(flavour, Path(temporary))
        print(f"{flavour:12} {took_s:6.1f} s  {verdict}, exit {status}  (load {os.getloadavg()[0]:.1f})", flush=True)
        worst = max(worst, status)
    lab.down()
    return worst


if __name__ == "__main__":
    sys.exit(main())
