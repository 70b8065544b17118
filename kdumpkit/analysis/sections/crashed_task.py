"""The task that was running on the CPU that panicked, and its stack with arguments and local variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable
from kdumpkit.analysis.stack import Frame, frame_line, read_frames

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
        frames=read_frames(session.program, session.stack_trace(task), with_variables=True),
    )


def describe_crashed_task(task: CrashedTask) -> tuple[SectionTable, ...]:
    """The task, its stack, and what its functions were working on."""
    kind = "kernel thread" if task.kernel_thread else f"child of {task.parent}" if task.parent else "program"
    sentence = f"{task.command} (pid {task.pid}), {kind}, was on CPU {task.cpu} when the kernel died."
    stack = tuple((str(number), frame_line(frame)) for number, frame in enumerate(task.frames))
    values = tuple(
        (str(number), frame.function or frame.address, role, f"{variable.type} {variable.name}", variable.value)
        for number, frame in enumerate(task.frames)
        for variable in frame.variables
        if variable.value is not None
        for role in ("" if variable.argument is None else "argument" if variable.argument else "local",)
    )
    known = sum(len(frame.variables) for frame in task.frames)
    words = f"{len(values)} of {known} arguments and local variables were still there when the kernel died."
    return (
        SectionTable("The crashed task", sentence, ("", "innermost first"), stack),
        SectionTable("What its functions worked on", words, ("frame", "function", "", "variable", "value"), values),
    )


SECTION = Section("crashed_task", CrashedTask, read_crashed_task, describe_crashed_task)
