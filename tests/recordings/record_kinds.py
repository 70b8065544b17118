#!/usr/bin/env python3
"""Make recordings of real crashes: ``tests/recordings/record_kinds.py FOLDER...``

A folder is what ``kdumpkit lab crash --kind KIND --output FOLDER`` left. Its log, the part of the console that tells of
the crash, and what log reader and drgn say of them become ``tests/recordings/crash-kinds/KIND/``. With ``--read-again``
instead of folders the kept logs are read by today's log reader. Nothing in a recording is edited by hand.

Exit status: 1 where something was read as other than what was made to crash.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kdumpkit.analysis.drgn_report import drgn_report_command
from kdumpkit.analysis.log import read_crash_file
from kdumpkit.analysis.log.model import NO_CRASH
from kdumpkit.lab.crash_kinds import CrashKind, dump_differences, find_kind, log_differences

KEPT = Path(__file__).resolve().parent / "crash-kinds"
#: of the log reader's answer: what the command promises, and what tells why
LOG_KEYS = (*NO_CRASH, "severity", "title", "bug_at")
_LINES_BEFORE = 3


def read_log(path: Path) -> dict[str, Any]:
    """What ``kdumpkit oops --json`` says of a log, without what only counts lines."""
    found = read_crash_file(path).as_json()
    return {key: found.get(key) for key in LOG_KEYS}


def cut_console(console: bytes, says: str) -> bytes:
    """From a few lines before the crash to the capture kernel's reboot, as printed."""
    lines = console.split(b"\n")
    first = next(number for number, line in enumerate(lines) if says.encode() in line)
    end = next(
        (number for number, line in enumerate(lines) if number > first and b"reboot: Restarting system" in line),
        len(lines) - 1,
    )
    return b"\n".join(lines[max(0, first - _LINES_BEFORE) : end + 1]) + b"\n"


def read_dump(kind: CrashKind, dump: Path, vmlinux: Path) -> dict[str, Any]:
    """Of the drgn report: when it crashed, the task with the functions on its stack, locks and processors where
    the kind is about them."""
    command = drgn_report_command(dump, vmlinux)
    done = subprocess.run(command.argv, capture_output=True, timeout=command.timeout_s, check=True)
    report = json.loads(done.stdout)
    task = report["sections"]["crashed_task"]
    if "error" not in task:
        kept = ("function", "module", "source_file", "line")
        frames = [{key: frame.get(key) for key in kept} for frame in task["frames"]]
        task = {key: task.get(key) for key in ("command", "pid", "cpu", "kernel_thread", "parent")} | {"frames": frames}
    sections = {"crashed_task": task}
    if kind.lock:
        sections["locks"] = report["sections"]["locks"]
    if kind.on_cpus:
        sections["cpus"] = report["sections"]["cpus"]
    return {
        "drgn": report["drgn"],
        "symbols": report["symbols"]["used"],
        "crash_time": report["vmcoreinfo"]["crash_time"],
        "sections": sections,
    }


def record(folder: Path) -> list[str]:
    """Keep one crash; what was read wrongly."""
    about = json.loads((folder / "crash.json").read_text())
    kind = find_kind(about["kind"])
    kept = KEPT / kind.name
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "dmesg.txt").write_bytes((folder / Path(about["dmesg"]).name).read_bytes())
    console = (folder / "console.log").read_bytes()
    (kept / "console.txt").write_bytes(cut_console(console, kind.says or kind.nmi_after))
    dump = read_dump(kind, folder / Path(about["dump"]).name, folder / "symbols/vmlinux")
    version = re.search(rb"Linux version [^\n]* (#\d+ [^\n]*)", (kept / "dmesg.txt").read_bytes())
    result = {
        "made_by": "tests/recordings/record_kinds.py from a real crash of the lab's machine",
        "kind": kind.name,
        "kernel_release": about["kernel_release"],
        "kernel_version": version[1].decode() if version else None,
        "date": datetime.fromtimestamp(dump["crash_time"], UTC).isoformat(),
        "seconds": {name: about[name] for name in ("boot_s", "trigger_s", "return_s")},
        "dump": dump,
    }
    return write_result(kept, kind, result)


def write_result(kept: Path, kind: CrashKind, result: dict[str, Any]) -> list[str]:
    """Add what the log reader says today, and write the result; what was read wrongly."""
    log = read_log(kept / "dmesg.txt")
    wrong = log_differences(kind, log) + dump_differences(kind, result["dump"]["sections"])
    text = json.dumps(result | {"log": log}, indent=1, ensure_ascii=False)
    (kept / "result.json").write_text(text + "\n", encoding="utf-8")
    return [f"{kind.name}: {line}" for line in wrong]


def main() -> int:
    wrong: list[str] = []
    if sys.argv[1:] == ["--read-again"]:
        for path in sorted(KEPT.glob("*/result.json")):
            result = json.loads(path.read_text(encoding="utf-8"))
            wrong += write_result(path.parent, find_kind(result["kind"]), result)
    else:
        for name in sys.argv[1:]:
            wrong += record(Path(name))
    print("\n".join(wrong) or "all of it is read as it was made")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
