"""One walk over all tasks of a kernel that died, and the stacks of those that could not go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kdumpkit.analysis.kernel_clock import since_s
from kdumpkit.analysis.stack import function_of, module_of

#: a task list that goes on beyond this is a loop in damaged memory
_MOST_TASKS = 4_194_304
#: a stack takes a few milliseconds to unwind
MOST_BLOCKED = 2_000
_MOST_FRAMES = 100


@dataclass(frozen=True)
class TaskWalk:
    """All tasks, without the idle task of each CPU."""

    total: int
    #: by ps(1)'s letter, such as R, S, D, I
    by_state: dict[str, int]
    #: ``struct task_struct *`` of tasks in uninterruptible sleep (D), at most 2000
    blocked: tuple[Any, ...]


@dataclass(frozen=True)
class WaitingTask:
    """A task in uninterruptible sleep, as drgn holds it."""

    #: ``struct task_struct *``
    task: Any
    pid: int
    command: str
    #: since it last got a CPU; None where the kernel does not keep that
    waited_s: float | None
    #: drgn's stack trace; None where it cannot be unwound
    trace: Any
    #: names of its functions, innermost first, an address where there is no name
    functions: tuple[str, ...]


def walk_tasks(program: Any) -> TaskWalk:
    """All tasks, counted by state."""
    from drgn.helpers.linux.pid import for_each_task
    from drgn.helpers.linux.sched import task_state_to_char

    counts: dict[str, int] = {}
    blocked: list[Any] = []
    total = 0
    for task in for_each_task(program):
        state = task_state_to_char(task)
        counts[state] = counts.get(state, 0) + 1
        if state == "D" and len(blocked) < MOST_BLOCKED:
            blocked.append(task)
        total += 1
        if total >= _MOST_TASKS:
            break
    return TaskWalk(total, dict(sorted(counts.items())), tuple(blocked))


def read_waiting_task(unwind: Callable[[Any], Any], task: Any, now_ns: int | None) -> WaitingTask:
    """One task with its stack."""
    try:
        trace = unwind(task)
        functions = tuple(_name(task.prog_, trace[number]) for number in range(min(len(trace), _MOST_FRAMES)))
    except Exception:  # damaged stacks; that the task waits is worth more
        trace, functions = None, ()
    return WaitingTask(task, task.pid.value_(), command_of(task), waited_s(task, now_ns), trace, functions)


def _name(program: Any, frame: Any) -> str:
    return function_of(frame, frame.function_name or module_of(program, frame)) or "user space"


def command_of(task: Any) -> str:
    """A task's name, as ``comm`` has it."""
    raw: bytes = task.comm.string_()
    return raw.decode("utf-8", "replace")


def waited_s(task: Any, now_ns: int | None) -> float | None:
    """Seconds since a task last got a CPU; None where the kernel does not keep that (CONFIG_SCHED_INFO)."""
    try:
        arrived = task.sched_info.last_arrival.value_()
    except AttributeError:
        return None
    return since_s(now_ns, arrived)
