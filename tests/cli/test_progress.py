from __future__ import annotations

import io
import os
import sys

import pytest

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.cli import progress as module
from kdumpkit.cli.progress import Progress
from kdumpkit.evidence.verdict import StageVerdict

FINDINGS = (
    Finding("a.well", Status.PASS, "it is so"),
    Finding("b.bad", Status.FAIL, "said \x1b[31mno\x1b[0m password=hunter2"),
    Finding("c.unknown", Status.UNKNOWN, "not read"),
    Finding("d.left_out", Status.SKIP, "not asked"),
)


def verdict(error: dict[str, object] | None = None) -> StageVerdict:
    return StageVerdict("05-panic-test", "FAIL", 1, FINDINGS, error or {}, 0.0, 1.0)


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_where_nobody_looks_there_is_a_line_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.stage_begins("05-panic-test", 5, 6)
    progress.step_begins(4, 14, "check-gates")
    progress.waiting("web01 is away", 3.0, 600.0)
    progress.stage_ends(verdict())
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "[5/6] 05-panic-test          FAIL          0.0 s, 4 findings",
        "      FAIL    b.bad: said no password=[masked]",
        "      UNKNOWN c.unknown: not read",
    ]


def test_a_long_wait_is_told_from_time_to_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    progress = Progress()
    progress.stage_begins("05-panic-test", 5, 6)
    for seconds in range(40):
        now[0] += 1.0
        progress.waiting("web01 is \x1b[2Jaway", float(seconds), 600.0)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0] == "      web01 is away, 15 of about 600 s"


def test_an_error_is_told_with_its_stage(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().stage_ends(verdict({"message": "web01 \x1b[1mrefused"}))
    assert capsys.readouterr().err.splitlines()[-1] == "      web01 refused"


@pytest.mark.parametrize(("columns", "longest"), [(40, 39), (0, 118), (500, 118)])
def test_a_moving_line_does_not_wrap_on_a_narrow_terminal(
    columns: int, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(terminal, "fileno", lambda: 2, raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(module.os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
    module.move_line("x" * 600)
    assert terminal.getvalue() == "\r" + "x" * longest + "\x1b[K"


def test_on_a_terminal_one_line_moves_and_is_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = Progress()
    progress.stage_begins("05-panic-test", 5, 6)
    progress.step_begins(4, 14, "check-gates")
    progress.waiting("x" * 500, 3.0, 0.0)
    progress.stage_ends(verdict())
    moves = terminal.getvalue().split("\r")
    assert moves[2] == "[5/6] 05-panic-test          cell 4/14 check-gates\x1b[K"
    assert len(moves[3]) < 125
    assert moves[4].startswith("[5/6] 05-panic-test          FAIL ")
    assert moves[4].endswith("\x1b[K\n")
