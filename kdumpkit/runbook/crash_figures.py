"""The figures of a crash as stage 06 shows them, one for each cell; one that cannot be made says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kdumpkit.analysis.crash_report import CrashReport
from kdumpkit.analysis.figures import Missing, figure_as_json
from kdumpkit.analysis.figures.call_stack import call_stack
from kdumpkit.analysis.figures.dump_composition import dump_composition
from kdumpkit.analysis.figures.memory_by_use import memory_by_use
from kdumpkit.analysis.figures.tasks_by_state import tasks_by_state
from kdumpkit.analysis.log.excerpt import Excerpt
from kdumpkit.analysis.log.model import CrashLog
from kdumpkit.analysis.log_timeline import log_timeline
from kdumpkit.runbook.step import Figure, StepReport
from kdumpkit.vmcore.contents import parse_contents

NO_TIMES = "no log with times was read"
NOT_RECORDED = "whoever recorded this run did not count the dump's pages"


def plot_call_stack(log: CrashLog | None, report: CrashReport | None) -> StepReport:
    """The crashed task's stack: drgn's with source lines, or the log's."""
    return _shown("The call stack", "call-stack", call_stack(None if log is None else log.fatal, report))


def plot_log_timeline(log: CrashLog | None, excerpt: Excerpt) -> StepReport:
    """How much was logged when in the last minutes, and when each report of the kernel began."""
    data = None if log is None else log_timeline(log, excerpt)
    return _shown("The end of the log", "log-timeline", Missing(NO_TIMES) if data is None else data)


def plot_tasks_by_state(report: CrashReport | None) -> StepReport:
    """Tasks by state, those in uninterruptible sleep first."""
    return _shown("Tasks by state", "tasks-by-state", tasks_by_state(report))


def plot_memory_by_use(report: CrashReport | None) -> StepReport:
    """Memory by use, in parts that add up."""
    return _shown("Memory by use", "memory-by-use", memory_by_use(report))


def plot_dump_composition(vmcore: Mapping[str, Any]) -> StepReport:
    """Pages of the dump, by what ``python -m kdumpkit.vmcore.report`` said of it."""
    title, kind = "What the dump holds", "dump-composition"
    if "contents" not in vmcore:
        return _shown(title, kind, Missing(NOT_RECORDED))
    return _shown(title, kind, dump_composition(parse_contents(vmcore["contents"])))


def _shown(title: str, kind: str, figure: Any) -> StepReport:
    if isinstance(figure, Missing):
        return StepReport(title, conclusion=f"There is nothing to draw: {figure.reason}.")
    data = figure_as_json(figure)
    return StepReport(title, figure=Figure(kind, str(data["words"]), data))
