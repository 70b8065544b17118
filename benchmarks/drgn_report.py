#!/usr/bin/env python3
"""What kdumpkit's drgn report of a dump costs, beside a minimal drgn script and the crash utility, in one run.

    benchmarks/drgn_report.py [VMCORE VMLINUX [ROUNDS]]

Without arguments the newest dump below dumps/ is read, which `kdumpkit lab run` leaves there, with its symbols.
Three processes take turns, ROUNDS times (5): `python -m kdumpkit.analysis.drgn_report`; benchmarks/drgn_minimal.py,
which makes the same reads by drgn's helpers and nothing else; and one batch of crash with the same questions. Prints
the median of their seconds and processor seconds. Exit status 1 where the report takes more than 1.2 times the minimal
script's processor time, or crash less than 10 times the report's; the ratios by the clock are printed too.
Without crash installed the second ratio is not measured, which is said and is no success.
"""

from __future__ import annotations

import compileall
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
MOST_OF_MINIMAL = 1.2
LEAST_OF_CRASH = 10.0
QUESTIONS = ("sys", "bt", "bt -a", "log", "ps", "mod", "kmem -i", "foreach UN bt", "dev -d", "mount", "net", "runq")


@dataclass
class Side:
    """One of the three, and what its runs took."""

    name: str
    argv: list[str]
    stdin: bytes = b""
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    output_bytes: int = 0

    def run(self) -> None:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        environment = {**os.environ, "PYTHONPATH": str(TOP)}
        done = subprocess.run(self.argv, input=self.stdin, capture_output=True, check=False, env=environment)
        self.wall_s.append(time.monotonic() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        self.output_bytes = len(done.stdout)
        if done.returncode or not done.stdout:
            said = done.stderr.decode("utf-8", "replace")[-500:]
            raise SystemExit(f"{self.name} ended with {done.returncode} after {len(done.stdout)} bytes: {said}")

    @property
    def wall(self) -> float:
        return statistics.median(self.wall_s)

    @property
    def cpu(self) -> float:
        return statistics.median(self.cpu_s)


def newest_dump() -> list[str]:
    """The newest dump below dumps/ whose symbols are on this machine, and those symbols."""
    sys.path.insert(0, str(TOP))
    from kdumpkit.analysis.symbols import find_vmlinux
    from kdumpkit.vmcore.completeness import read_completeness

    files = [path for path in (TOP / "dumps").rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
        info = read_completeness(path).header.vmcoreinfo
        if info is not None and (vmlinux := find_vmlinux(info.build_id, info.release).path) is not None:
            return [str(path), str(vmlinux)]
    raise SystemExit("no dump with symbols lies below dumps/: kdumpkit lab run makes one")


def main(arguments: list[str]) -> int:
    # as they are after a first run, wherever Python was told to keep no compiled modules
    compileall.compile_dir(TOP / "kdumpkit", quiet=1)
    if len(arguments) not in (0, 2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    vmcore, vmlinux = arguments[:2] or newest_dump()
    rounds = int(arguments[2]) if len(arguments) > 2 else 5
    python = sys.executable
    ours = Side("report", [python, "-m", "kdumpkit.analysis.drgn_report", vmcore, "--vmlinux", vmlinux])
    minimal = Side("minimal", [python, str(TOP / "benchmarks" / "drgn_minimal.py"), vmcore, vmlinux])
    sides = [ours, minimal]
    crash = None
    if program := shutil.which("crash"):
        asked = "".join(f"{question}\n" for question in QUESTIONS) + "quit\n"
        argv = ["env", "-u", "DEBUGINFOD_URLS", "HOME=/nonexistent", program, "-s", vmlinux, vmcore]
        crash = Side("crash", argv, asked.encode())
        sides.append(crash)
    for side in sides:
        side.run()  # once for the page cache
        side.wall_s.clear()
        side.cpu_s.clear()
    for _ in range(rounds):
        for side in sides:
            side.run()
    for side in sides:
        print(f"{side.name:8} {side.wall:7.2f} s  {side.cpu:7.2f} s of processor  {side.output_bytes:9} bytes")
    ratio = ours.cpu / minimal.cpu
    print(f"report / minimal: {ratio:.2f} (wall clock {ours.wall / minimal.wall:.2f}), at most {MOST_OF_MINIMAL}")
    good = ratio <= MOST_OF_MINIMAL
    if crash is None:
        print("crash is not installed: its ratio was not measured")
        return 1
    ratio = crash.cpu / ours.cpu
    print(f"crash / report: {ratio:.1f} (wall clock {crash.wall / ours.wall:.1f}), at least {LEAST_OF_CRASH:.0f}")
    print(f"{rounds} rounds, load average {os.getloadavg()[0]:.1f}")
    return 0 if good and ratio >= LEAST_OF_CRASH else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
