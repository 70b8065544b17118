"""How many tasks there were, and in which states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, counted
from kdumpkit.analysis.task_walk import command_of

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_MOST_BLOCKED = 100
#: ps(1)'s letters in words
STATES = {
    "R": "running or ready to run",
    "S": "sleeping",
    "D": "in uninterruptible sleep",
    "I": "idle kernel threads",
    "T": "stopped",
    "t": "stopped by a debugger",
    "Z": "zombies",
    "X": "dead",
    "P": "parked",
}


@dataclass(frozen=True)
class BlockedTask:
    """A task in uninterruptible sleep."""

    pid: int
    command: str


@dataclass(frozen=True)
class TaskCounts:
    """All tasks, without the idle task of each CPU."""

    total: int
    #: by ps(1)'s letter, such as R, S, D, I
    by_state: dict[str, int]
    #: tasks in uninterruptible sleep (D), at most 100
    blocked: tuple[BlockedTask, ...]


def read_task_counts(session: DrgnSession) -> TaskCounts:
    """All tasks, counted by state, out of an open dump."""
    walk = session.tasks
    blocked = tuple(BlockedTask(task.pid.value_(), command_of(task)) for task in walk.blocked[:_MOST_BLOCKED])
    return TaskCounts(walk.total, walk.by_state, blocked)


def describe_tasks(counts: TaskCounts) -> tuple[SectionTable, ...]:
    """Tasks by state."""
    rows = tuple((state, str(number), STATES.get(state, "")) for state, number in sorted(counts.by_state.items()))
    return (SectionTable("Tasks", f"{counted(counts.total, 'task')} in all.", ("state", "tasks", ""), rows),)


SECTION = Section("tasks", TaskCounts, read_task_counts, describe_tasks)
