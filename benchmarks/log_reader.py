#!/usr/bin/env python3
"""How fast the log reader is, and how much memory it takes.

    benchmarks/log_reader.py [MEGABYTES]

Reads three synthetic consoles from a file, in a process of its own each: one without a crash, one with a crash in every
megabyte, and one that consists of crashes and nothing else, which is the worst case. Prints MB/s (10^6 bytes per second
of processor time) and the peak resident memory. Consoles are read in turns, and the quickest pass of each counts, as a
machine that is busy elsewhere only makes them slower. Exit status 1 where a console takes more than 96 MiB, interpreter
and all, or is read at less than 20 MB/s; the worst case, of which there is none in nature, at less than half of that.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kdumpkit.analysis.log import read_crash_file

LEAST_MB_PER_S = {"quiet": 20.0, "ordinary": 20.0, "crashes": 10.0}
MOST_MIB = 96
PASSES = 5
REGISTER_LINES = 9
FRAMES = 14


def boring(seconds: float, rng: random.Random) -> str:
    texts = (
        f"usb 1-{rng.randrange(9)}: new high-speed USB device number {rng.randrange(99)} using xhci_hcd",
        f"EXT4-fs (dm-{rng.randrange(9)}): mounted filesystem with ordered data mode. Quota mode: none.",
        f'audit: type=1400 audit({seconds:.3f}:{rng.randrange(9999)}): apparmor="ALLOWED" operation="open"',
        f"IPv6: ADDRCONF(NETDEV_CHANGE): veth{rng.randrange(10**6):x}: link becomes ready",
        f"nfs: server 10.0.{rng.randrange(9)}.1 not responding, still trying",
    )
    return f"[{seconds:12.6f}] {rng.choice(texts)}\n"


def crash(seconds: float, rng: random.Random) -> str:
    body = [
        f"BUG: unable to handle page fault for address: ffff{rng.randrange(1 << 48):012x}",
        "#PF: supervisor read access in kernel mode",
        f"Oops: 0000 [#{rng.randrange(1, 9)}] PREEMPT SMP NOPTI",
        f"CPU: {rng.randrange(64)} PID: {rng.randrange(99999)} Comm: widgetd Tainted: G           OE      6.1.0-9 #1",
        "Hardware name: Example Server/Board, BIOS 1.2.3 01/02/2024",
        "RIP: 0010:widget_poll+0x1b/0x80 [widget]",
        "Code: " + " ".join(f"{rng.randrange(256):02x}" for _ in range(64)),
        *(
            f"R{name}: {rng.randrange(1 << 64):016x} RBX: {rng.randrange(1 << 64):016x}"
            for name in ("AX", "DX", "BP", "10", "13") * (REGISTER_LINES // 5 + 1)
        ),
        "Call Trace:",
        " <TASK>",
        *(f" widget_step_{rng.randrange(99)}+0x{rng.randrange(999):x}/0x{999:x} [widget]" for _ in range(FRAMES)),
        " </TASK>",
        "Modules linked in: " + " ".join(f"module_{number}" for number in range(60)),
        "---[ end trace 0000000000000000 ]---",
    ]
    return "".join(f"[{seconds + index / 1e6:12.6f}] {text}\n" for index, text in enumerate(body))


def write_console(path: Path, megabytes: int, crash_share: float) -> None:
    """A console of some size; the share of its bytes that belongs to crash reports."""
    rng = random.Random(1)
    block, crash_bytes, seconds = [], 0, 0.0
    size = 0
    while size < 1_000_000:
        seconds += 0.01
        text = crash(seconds, rng) if crash_bytes < crash_share * (size + 1) else boring(seconds, rng)
        if text.count("\n") > 1:
            crash_bytes += len(text)
        size += len(text)
        block.append(text)
    data = "".join(block).encode()
    with path.open("wb") as console:
        for _ in range(megabytes):
            console.write(data)


def measure(path: Path) -> None:
    """Read one console and print rate, memory and reports."""
    start = time.process_time()
    log = read_crash_file(path)
    mb_per_s = path.stat().st_size / (time.process_time() - start) / 1e6
    print(mb_per_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, log.block_count)


def measured(path: Path) -> tuple[float, float, int]:
    """What ``measure`` prints, from a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", str(path)], check=True, capture_output=True, text=True
    )
    rate, peak_mib, reports = done.stdout.split()
    return float(rate), float(peak_mib), int(reports)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--measure"]:
        measure(Path(arguments[1]))
        return 0
    megabytes = int(arguments[0]) if arguments else 100
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        passes: dict[Path, list[tuple[float, float, int]]] = {}
        for name, share in (("quiet", 0.0), ("ordinary", 0.005), ("crashes", 1.0)):
            path = Path(folder) / f"{name}.log"
            write_console(path, megabytes, share)
            passes[path] = []
        for _ in range(PASSES):
            for path, done in passes.items():
                done.append(measured(path))
        for path, done in passes.items():
            rate, peak_mib = max(rate for rate, _, _ in done), max(peak for _, peak, _ in done)
            print(
                f"{path.stem:10} {path.stat().st_size / 1e6:8.0f} MB {rate:8.1f} MB/s {peak_mib:8.1f} MiB peak "
                f"{done[0][2]:8} reports"
            )
            if rate < LEAST_MB_PER_S[path.stem] or peak_mib > MOST_MIB:
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
