"""Programs of the building machine, run with an end and with their last words kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kdumpkit.errors import LabError

#: called with one line of text about what is being done
Say = Callable[[str], None]

#: C: messages that can be searched for. Nobody can answer a question of a package's script.
ENVIRONMENT = {
    "LC_ALL": "C",
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
}


def search_path() -> str:
    """PATH with the sbin folders, where sfdisk and mke2fs are and which a user's PATH on Debian does not have."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def run_here(
    argv: Sequence[str],
    *,
    what: str,
    timeout_s: float,
    stdin: bytes = b"",
    log: Path | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Standard output of a program on this machine; with ``log`` all its output is appended there instead.

    Raises LabError, with the last lines that it printed, where it is not installed, fails, or has no end in time.
    """
    variables = {**os.environ, **ENVIRONMENT, "PATH": search_path(), **(environment or {})}
    try:
        if log is None:
            done = subprocess.run(
                argv, input=stdin, capture_output=True, timeout=timeout_s, cwd=cwd, env=variables, check=False
            )
            said = done.stderr or done.stdout
        else:
            with log.open("ab") as sink:
                start = sink.tell()
                done = subprocess.run(
                    argv, input=stdin, stdout=sink, stderr=sink, timeout=timeout_s, cwd=cwd, env=variables, check=False
                )
            with log.open("rb") as source:
                source.seek(start)
                said = source.read()
    except FileNotFoundError as error:
        raise LabError(
            f"{what}: the program {argv[0]} is not installed on this machine", "install what the lab needs: make demo"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{what}: no end within {timeout_s:g} s", f"look at {log}" if log else "try again") from error
    if done.returncode != 0:
        raise LabError(
            f"{what}: {argv[0]} ended with status {done.returncode}: {last_lines(said)}",
            f"all of its output: {log}" if log else "run it by hand: " + " ".join(argv)[:300],
        )
    return done.stdout or b""


def last_lines(said: bytes, count: int = 5) -> str:
    """The last lines that are not empty, in one line of text."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return " | ".join(lines[-count:])[-1000:] or "(it printed nothing)"
