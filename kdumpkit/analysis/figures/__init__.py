"""The figures of a crash as data: how they look is decided where they are drawn.

Each may be missing alone, and then says why: without symbols there are the call stack as the log prints it, the log's
timeline and the dump's composition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kdumpkit.analysis.crash_report import CrashReport
from kdumpkit.analysis.figures.call_stack import CallStack, call_stack
from kdumpkit.analysis.figures.dump_composition import DumpComposition, dump_composition
from kdumpkit.analysis.figures.memory_by_use import MemoryByUse, memory_by_use
from kdumpkit.analysis.figures.missing import Missing
from kdumpkit.analysis.figures.tasks_by_state import TasksByState, tasks_by_state
from kdumpkit.analysis.log.excerpt import Excerpt
from kdumpkit.analysis.log.model import CrashLog
from kdumpkit.analysis.log_timeline import log_timeline
from kdumpkit.vmcore.contents import DumpContents

__all__ = ["CrashFigures", "Missing", "crash_figures"]


@dataclass(frozen=True)
class CrashFigures:
    """All figures of one crash."""

    call_stack: CallStack | Missing
    #: as :func:`kdumpkit.analysis.log_timeline.log_timeline` has it
    timeline: Mapping[str, Any] | Missing
    tasks_by_state: TasksByState | Missing
    memory_by_use: MemoryByUse | Missing
    dump_composition: DumpComposition | Missing

    def as_json(self) -> dict[str, dict[str, Any]]:
        """By name: the data with ``words`` that say what a picture shows, or ``missing`` with the reason."""
        return {name: figure_as_json(getattr(self, name)) for name in self.__dataclass_fields__}


def crash_figures(
    log: CrashLog | None, excerpt: Excerpt, report: CrashReport | None, contents: DumpContents | None
) -> CrashFigures:
    """Every figure that can be made of what was read; None for what was not."""
    timeline = None if log is None else log_timeline(log, excerpt)
    return CrashFigures(
        call_stack=call_stack(None if log is None else log.fatal, report),
        timeline=Missing("the log tells of no crash, or its lines have no times") if timeline is None else timeline,
        tasks_by_state=tasks_by_state(report),
        memory_by_use=memory_by_use(report),
        dump_composition=dump_composition(contents),
    )


def figure_as_json(figure: Any) -> dict[str, Any]:
    """One figure's data in JSON's types."""
    if isinstance(figure, Missing):
        return {"missing": figure.reason}
    return dict(figure) if isinstance(figure, Mapping) else asdict(figure)
