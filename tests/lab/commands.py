"""kdumpkit as a user calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from kdumpkit import lab


def kdumpkit(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    program = "from kdumpkit.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=1500,
        check=False,
    )


def configuration() -> dict[str, str]:
    """Of each file below /etc and /boot of the lab's machine its digest, of each link where it leads, by path."""
    # the linker's cache is made anew by every installation
    line = (
        "find /etc /boot -xdev -type f ! -name ld.so.cache -exec sha256sum {} +; "
        "find /etc /boot -xdev -type l -printf '-> %l  %p\\n'"
    )
    said = subprocess.run([*lab.ssh_argv(), line], capture_output=True, text=True, check=True, timeout=120).stdout
    found = (entry.rpartition("  ") for entry in said.splitlines())
    return {path: what.strip() for what, _, path in found}
