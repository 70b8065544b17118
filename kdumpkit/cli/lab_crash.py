"""``kdumpkit lab crash``: one real crash of a chosen kind, and whether its log is read rightly."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from kdumpkit import lab
from kdumpkit.errors import UsageError
from kdumpkit.lab.crash import crash, crash_as_json
from kdumpkit.lab.crash_kinds import KINDS, find_kind, log_differences


def crash_once(
    kind: Annotated[str, typer.Option(help=f"one of: {', '.join(KINDS)}")],
    output: Annotated[Path | None, typer.Option(help="folder to make for dump, log and console", metavar="DIR")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="leave the machine running afterwards")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> int:
    """Crash the lab's machine in a chosen way, fetch what it left, and say what `kdumpkit oops` reads in it.

    Exit status 1 where the log is read as another kind, function, module or task than the one that was made to crash.
    """
    chosen = find_kind(kind)
    folder = output or Path("dumps") / lab.HOST / f"{kind}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    if folder.exists():
        raise UsageError(f"{folder} is there already", "name a folder that is not: --output DIR")
    lab.install_requirements(_say)
    try:
        done = crash(chosen, folder, _say)
    finally:
        if not keep:
            lab.down()
    from kdumpkit.analysis.log import read_crash_file

    found = read_crash_file(done.dmesg).as_json()
    wrong = log_differences(chosen, found)
    if as_json:
        print(json.dumps(crash_as_json(done) | {"oops": found, "differences": wrong}, ensure_ascii=False))
        return 1 if wrong else 0
    left = {
        "dump": done.dump,
        "log": done.dmesg,
        "console": done.console,
        "module": done.module,
        "symbols": done.vmlinux,
    }
    for name, path in left.items():
        if path is not None:
            print(f"{name + ':':<9}{path}")
    print(f"seconds: boot {done.boot_s:.0f}, crash {done.trigger_s:.0f}, capture and return {done.return_s:.0f}")
    where = f" in {found['rip_symbol']}" if found["rip_symbol"] else ""
    module = f" [{found['rip_module']}]" if found["rip_module"] else ""
    who = f", task {found['comm']}" if found["comm"] else ""
    print(f"read as: {found['kind']}{where}{module}{who}")
    for line in wrong:
        print(f"wrong:   {line}")
    print(f"again:   kdumpkit oops {shlex.quote(str(done.dmesg))}")
    return 1 if wrong else 0


def _say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)
