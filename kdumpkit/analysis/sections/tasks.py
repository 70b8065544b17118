"""How many tasks there were, and in which states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdumpkit.analysis.sections.section import Section

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

#: a task list that goes on beyond this is a loop in damaged memory
_MOST_TASKS = 4_194_304
_MOST_BLOCKED = 100


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
    from drgn.helpers.linux.pid import for_each_task
    from drgn.helpers.linux.sched import task_state_to_char

    counts: dict[str, int] = {}
    blocked: list[BlockedTask] = []
    total = 0
    for task in for_each_task(session.program):
        state = task_state_to_char(task)
        counts[state] = counts.get(state, 0) + 1
        if state == "D" and len(blocked) < _MOST_BLOCKED:
            blocked.append(BlockedTask(task.pid.value_(), task.comm.string_().decode("utf-8", "replace")))
        total += 1
        if total >= _MOST_TASKS:
            break
    return TaskCounts(total, dict(sorted(counts.items())), tuple(blocked))


SECTION = Section("tasks", TaskCounts, read_task_counts)
