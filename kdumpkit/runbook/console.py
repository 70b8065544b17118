"""The host's serial console, where a file on this machine receives it."""

from __future__ import annotations

import shlex

from kdumpkit.command import command
from kdumpkit.errors import HostError
from kdumpkit.runbook.session import Session


def console_tail(session: Session, lines: int = 15) -> str:
    """The end of the console as an indented block after a heading; empty where there is none."""
    path = session.parameters.console_log
    if not path:
        return ""
    script = f"tail -n {lines} -- {_expanded(path)}"
    try:
        result = session.here.run(command("sh", "-c", script, timeout_s=10, title=f"tail of {path}"))
    except HostError:
        return ""
    shown = "\n".join(f"    {line}" for line in result.text.splitlines())
    return f"\n  the end of its console:\n{shown}" if shown else ""


def _expanded(path: str) -> str:
    return '"$HOME"' + shlex.quote(path[1:]) if path.startswith("~/") else shlex.quote(path)
