"""How a run is told to the person who waits: a line a stage, and on a terminal a moving one for the step."""

from __future__ import annotations

import os
import sys
import time

from kdumpkit.evidence.redact import cleaned
from kdumpkit.evidence.verdict import StageVerdict

#: seconds between two lines about the same wait where the output is no terminal
QUIET_S = 15.0
#: the moving line is no longer than this on any terminal
_LONGEST = 118


class Progress:
    """Writes to standard error; standard output is for results."""

    def __init__(self) -> None:
        self._moving = sys.stderr.isatty()
        self._stage = ""
        self._began = time.monotonic()
        self._told = 0.0

    def stage_begins(self, stage: str, number: int, of: int) -> None:
        self._stage = f"[{number}/{of}] {stage}"
        self._began = time.monotonic()
        self._told = self._began
        self._move("")

    def step_begins(self, number: int, of: int, step: str) -> None:
        self._move(f"cell {number}/{of} {step}")

    def waiting(self, text: str, elapsed_s: float, expected_s: float) -> None:
        of = f" of about {expected_s:.0f}" if expected_s else ""
        words = f"{cleaned(text)}, {elapsed_s:.0f}{of} s"
        if self._moving:
            self._move(words)
        elif time.monotonic() - self._told > QUIET_S:
            self._told = time.monotonic()
            self.line(f"      {words}")

    def stage_ends(self, verdict: StageVerdict) -> None:
        seconds = time.monotonic() - self._began
        bad = [f for f in verdict.findings if str(f.status) in ("FAIL", "UNKNOWN", "WARN")]
        self.line(f"{self._stage:<28} {verdict.status:<11} {seconds:5.1f} s, {findings_text(verdict)}")
        for finding in bad:
            self.line(f"      {finding.status:<7} {finding.id}: {cleaned(finding.reason)}")
        if verdict.error:
            self.line(f"      {cleaned(str(verdict.error['message']))}")

    def line(self, text: str) -> None:
        """One line that stays."""
        end = "\x1b[K\n" if self._moving else "\n"
        sys.stderr.write(("\r" if self._moving else "") + text + end)
        sys.stderr.flush()

    def _move(self, text: str) -> None:
        if self._moving:
            move_line(f"{self._stage:<28} {text}")


def findings_text(verdict: StageVerdict) -> str:
    """How many findings a stage has, in words."""
    count = len(verdict.findings)
    return f"{count} finding{'' if count == 1 else 's'}"


def move_line(text: str) -> None:
    """Show ``text`` on the line of the terminal that the next call overwrites; cut, for a line that wraps stays."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        columns = 0
    # 0: the terminal does not know; the last column is left free, for some wrap as it is filled
    sys.stderr.write(f"\r{text[: min(columns or _LONGEST + 1, _LONGEST + 1) - 1]}\x1b[K")
    sys.stderr.flush()
