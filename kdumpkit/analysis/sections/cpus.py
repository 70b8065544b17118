"""What each CPU was running when the kernel died, with its stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, counted
from kdumpkit.analysis.spin_waits import SpinLock, find_spin_lock
from kdumpkit.analysis.stack import Frame, frame_line, read_frames
from kdumpkit.analysis.task_walk import command_of

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

#: beyond this a report is not read by anybody; the others are counted
_MOST_CPUS = 1024
_MOST_FRAMES_TOLD = 6


@dataclass(frozen=True)
class CpuStack:
    """One CPU at the end."""

    cpu: int
    #: it is the one that panicked
    crashed: bool
    #: pid 0: it was idle
    pid: int
    command: str
    #: innermost first; empty where the stack could not be read
    frames: tuple[Frame, ...]
    #: why there are no frames; "" where there are
    problem: str
    #: that it waits for; None: it waits for none, or which one is not known
    spins_for: SpinLock | None = None

    @property
    def idle(self) -> bool:
        return self.pid == 0


@dataclass(frozen=True)
class CpuStacks:
    """All CPUs that were online, at most 1024 of them."""

    online: int
    cpus: tuple[CpuStack, ...]


def read_cpu_stacks(session: DrgnSession) -> CpuStacks:
    """What each CPU ran, out of an open dump."""
    from drgn.helpers.linux.cpumask import for_each_online_cpu

    program = session.program
    try:
        crashed = program.crashed_thread().object.value_()
    except Exception:  # a dump of a kernel that did not panic
        crashed = 0
    numbers = list(for_each_online_cpu(program))
    return CpuStacks(len(numbers), tuple(_read_cpu(session, cpu, crashed) for cpu in numbers[:_MOST_CPUS]))


def _read_cpu(session: DrgnSession, cpu: int, crashed: int) -> CpuStack:
    from drgn.helpers.linux.sched import cpu_curr

    task = cpu_curr(session.program, cpu)
    frames: tuple[Frame, ...] = ()
    problem, lock = "", None
    try:
        trace = session.stack_trace(task)
        frames = read_frames(session.program, trace)
        lock = find_spin_lock(session.program, trace)
    except Exception as error:  # registers of this CPU were not saved, or its stack is damaged
        problem = f"its stack cannot be read: {error}"[:300]
    if not frames and not problem:
        problem = "its registers are not in the dump: it did not answer the CPU that panicked"
    return CpuStack(cpu, task.value_() == crashed, task.pid.value_(), command_of(task), frames, problem, lock)


def describe_cpus(found: CpuStacks) -> tuple[SectionTable, ...]:
    """One line for each CPU."""
    idle = sum(cpu.idle for cpu in found.cpus)
    rows = tuple(
        (
            str(cpu.cpu),
            "idle" if cpu.idle else f"{cpu.command} ({cpu.pid})",
            "panicked" if cpu.crashed else "",
            cpu.problem or _waits(cpu) + " < ".join(_told(cpu.frames)),
        )
        for cpu in found.cpus
    )
    sentence = f"{counted(found.online, 'CPU')} online, {idle} idle."
    return (SectionTable("What each CPU ran", sentence, ("cpu", "task", "", "innermost first"), rows),)


def _waits(cpu: CpuStack) -> str:
    lock = cpu.spins_for
    return "" if lock is None else f"waits for the spin lock {lock.name or lock.address}: "


def _told(frames: tuple[Frame, ...]) -> list[str]:
    inside = [frame for frame in frames if frame.module]
    if not inside:
        return ["in user space"] if frames else []
    return [frame_line(frame).split(" ", 1)[0] for frame in inside[:_MOST_FRAMES_TOLD]]


SECTION = Section("cpus", CpuStacks, read_cpu_stacks, describe_cpus)
