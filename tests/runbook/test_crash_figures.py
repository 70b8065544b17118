"""The cells of stage 06 that draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kdumpkit.analysis.crash_report import parse_drgn_report
from kdumpkit.analysis.log import read_crash_file
from kdumpkit.analysis.log.excerpt import Excerpt, read_excerpt_file
from kdumpkit.render.cell import show
from kdumpkit.render.figures import data_digest
from kdumpkit.runbook import crash_figures
from kdumpkit.runbook.step import StepReport

TESTS = Path(__file__).resolve().parent.parent
LOG = TESTS / "recordings" / "crash-kinds" / "hung_task" / "dmesg.txt"
STUCK = TESTS / "analysis" / "recordings" / "drgn-report-debian-12-stuck.json"
CONTENTS = {"page_bytes": 4096, "present_pages": 9, "held_pages": 3, "zero_pages": 0, "stored_bytes": 900}
CONTENTS |= {"dump_level": 31, "compression": "lzo"}


def steps(with_all: bool) -> dict[str, StepReport]:
    log = read_crash_file(LOG) if with_all else None
    excerpt = read_excerpt_file(LOG, log) if log is not None else Excerpt()
    report = parse_drgn_report(STUCK.read_bytes()) if with_all else None
    vmcore: dict[str, Any] = {"contents": CONTENTS if with_all else None}
    return {
        "call-stack": crash_figures.plot_call_stack(log, report),
        "log-timeline": crash_figures.plot_log_timeline(log, excerpt),
        "tasks-by-state": crash_figures.plot_tasks_by_state(report),
        "memory-by-use": crash_figures.plot_memory_by_use(report),
        "dump-composition": crash_figures.plot_dump_composition(vmcore),
    }


@pytest.mark.parametrize("kind", steps(with_all=False))
def test_a_cell_shows_a_picture_with_its_words_and_its_digest(kind: str) -> None:
    report = steps(with_all=True)[kind]
    assert report.figure is not None
    assert report.figure.kind == kind
    assert report.figure.caption == report.figure.data["words"]
    shown = show(report)
    assert shown is not None
    bundle, metadata = shown._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == report.figure.caption
    assert data_digest(report.figure) in bundle["text/plain"]


@pytest.mark.parametrize("kind", steps(with_all=False))
def test_a_cell_without_what_it_draws_says_why(kind: str) -> None:
    report = steps(with_all=False)[kind]
    assert report.figure is None
    assert report.conclusion.startswith("There is nothing to draw: ")
    assert len(report.conclusion) > 40


def test_a_recording_of_an_older_kdumpkit_is_not_taken_for_a_dump_without_pages() -> None:
    old = crash_figures.plot_dump_composition({"pages": 9}).conclusion
    elf = crash_figures.plot_dump_composition({"contents": None}).conclusion
    assert "whoever recorded this run" in old
    assert "ELF" in elf
