"""Tasks by state, those in uninterruptible sleep first: they wait for something that did not come."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.analysis.crash_report import CrashReport
from kdumpkit.analysis.figures.missing import Missing
from kdumpkit.analysis.sections import SectionError, blocked_tasks
from kdumpkit.analysis.sections.table import counted, listed, seconds_text
from kdumpkit.analysis.sections.tasks import STATES

BLOCKED = "D"
_MOST_NAMED = 4


@dataclass(frozen=True)
class StateCount:
    """How many tasks were in one state."""

    #: ps(1)'s letter
    letter: str
    #: the state in words; "" for a letter that is not known
    meaning: str
    tasks: int


@dataclass(frozen=True)
class TasksByState:
    """All tasks, without the idle task of each CPU."""

    total: int
    #: uninterruptible sleep first, also where there is none in it; then the most frequent first
    states: tuple[StateCount, ...]
    #: of the task in uninterruptible sleep that waited longest; None where there is none, or where it is not known
    longest_wait_s: float | None
    #: what a picture of it shows
    words: str


def tasks_by_state(report: CrashReport | None) -> TasksByState | Missing:
    """How many tasks were in which state, out of the dump."""
    if report is None:
        return Missing("the dump's tasks were not read")
    counts = report.tasks
    if isinstance(counts, SectionError):
        return Missing(counts.error)
    blocked = counts.by_state.get(BLOCKED, 0)
    others = sorted(
        ((letter, n) for letter, n in counts.by_state.items() if letter != BLOCKED), key=lambda one: (-one[1], one[0])
    )
    states = tuple(StateCount(letter, STATES.get(letter, ""), n) for letter, n in ((BLOCKED, blocked), *others))
    groups = report.get(blocked_tasks.SECTION)
    waits = [] if isinstance(groups, SectionError) else [group.longest_s for group in groups.groups]
    longest = max((wait for wait in waits if wait is not None), default=None)
    words = f"{counted(counts.total, 'task')} when the kernel died; "
    if blocked:
        names = listed([f"{task.command} ({task.pid})" for task in counts.blocked[:blocked]], _MOST_NAMED)
        words += f"{blocked} in uninterruptible sleep: {names}"
        words += f"; the longest for {seconds_text(longest)}." if longest is not None else "."
    else:
        words += "none was in uninterruptible sleep."
    return TasksByState(counts.total, states, longest, words)
