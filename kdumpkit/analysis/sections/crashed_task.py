"""The task that was running on the CPU that panicked, and its stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.stack import Frame, read_frames

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession


@dataclass(frozen=True)
class CrashedTask:
    """The task that was on the CPU that died, with its stack."""

    command: str
    #: thread id, which the kernel calls pid
    pid: int
    #: process id, which the kernel calls tgid
    process: int
    cpu: int
    kernel_thread: bool
    #: name of the parent; None where it cannot be read
    parent: str | None
    #: innermost first
    frames: tuple[Frame, ...]


def read_crashed_task(session: DrgnSession) -> CrashedTask:
    """The crashed task out of an open dump."""
    from drgn.helpers.linux.sched import task_cpu

    thread = session.program.crashed_thread()
    task = thread.object
    try:
        parent = task.real_parent.comm.string_().decode("utf-8", "replace")
    except Exception:  # a damaged pointer; the task itself is worth more than its parent
        parent = None
    return CrashedTask(
        command=task.comm.string_().decode("utf-8", "replace"),
        pid=task.pid.value_(),
        process=task.tgid.value_(),
        cpu=int(task_cpu(task)),
        kernel_thread=not task.mm,
        parent=parent,
        frames=read_frames(session.program, thread.stack_trace()),
    )


SECTION = Section("crashed_task", CrashedTask, read_crashed_task)
