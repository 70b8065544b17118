"""kdumpkit as a user calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from kdumpkit import lab
from kdumpkit.parameters import read_values

LAB_YAML = Path(__file__).resolve().parents[2] / "parameters" / "lab.yaml"


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


def lab_values() -> dict[str, object]:
    """The values of parameters/lab.yaml for this test's own machine, wherever the cache is.

    The file itself names the machine of the cache's default place, which may be somebody else's.
    """
    now = lab.status()
    return {**read_values(LAB_YAML), "ssh_config": str(now.ssh_config), "console_log": str(now.console)}


def lab_parameters(folder: Path) -> str:
    """A parameter file in ``folder`` with :func:`lab_values`."""
    path = folder / "lab.yaml"
    path.write_text(yaml.safe_dump(lab_values()))
    return str(path)


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
