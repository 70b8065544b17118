"""What each processor was at when the kernel died, out of the dump: its own work, what it spins for, who may hold that.

A spin lock does not name its holder. But while others spin, its holder is on a processor, in the kernel, and does not
sleep: a processor that is idle or in a program holds none, and one that spins for the same lock does not either. Where
one processor is left, it is the holder; where several are, each may be.

Source: Documentation/locking/spinlocks.rst, kernel/locking/qspinlock.c, kernel/smp.c (csd_lock_wait).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kdumpkit.analysis.cause.cause import Evidence
from kdumpkit.analysis.crashing_frame import crashing_number
from kdumpkit.analysis.function_roles import is_entry, is_interrupt, is_reporting, is_shared, is_spinning
from kdumpkit.analysis.places import Place, normalise_module, normalise_symbol
from kdumpkit.analysis.sections.cpus import CpuStack, CpuStacks
from kdumpkit.analysis.stack import Frame

_MOST_TOLD = 5
_SOURCE = "dump: cpus"


@dataclass(frozen=True)
class Processor:
    """One processor at the end."""

    cpu: int
    #: ``widgetd (pid 900)``; ``idle``
    task: str
    idle: bool
    #: its own work, innermost first, without what reported the crash; empty where nothing of it is known
    stack: tuple[Place, ...]
    #: it goes round for a spin lock
    spins: bool
    #: that lock's name or address; "" where it is not known
    lock: str
    #: why there is no stack: its registers are not in the dump
    problem: str

    @property
    def in_kernel(self) -> bool:
        """Whether it was at work in the kernel, and not idle or in a program."""
        return not self.idle and bool(self.stack)

    @property
    def work(self) -> Place | None:
        """The innermost function that tells what it was at; None where its stack holds none."""
        telling = (place for place in self.stack if not (_is_passed_over(place.symbol) or is_spinning(place.symbol)))
        return next(telling, None)

    def evidence(self) -> Evidence:
        """Its stack in one line."""
        names = [place.symbol for place in self.stack if not is_shared(place.symbol)][:_MOST_TOLD]
        waits = f"waits for the spin lock {self.lock or 'whose name is not known'}: " if self.spins else ""
        at = " < ".join(names) or self.problem or ("idle" if self.idle else "in a program")
        return Evidence(_SOURCE, None, f"processor {self.cpu}, {self.task}: {waits}{at}")


def read_processors(section: CpuStacks | None) -> tuple[Processor, ...]:
    """All processors that the dump tells of; none where it was not read."""
    return () if section is None else tuple(map(_processor, section.cpus))


def _processor(cpu: CpuStack) -> Processor:
    stack = () if cpu.idle else own_work(cpu.frames)
    above = [place.symbol for place in stack]
    first = next((n for n, symbol in enumerate(above) if not (is_shared(symbol) or is_spinning(symbol))), len(above))
    lock = cpu.spins_for
    return Processor(
        cpu.cpu,
        "idle" if cpu.idle else f"task {cpu.command} (pid {cpu.pid})",
        cpu.idle,
        stack,
        any(map(is_spinning, above[:first])),
        "" if lock is None else lock.name or lock.address,
        cpu.problem,
    )


def own_work(frames: Sequence[Frame]) -> tuple[Place, ...]:
    """What a stack of the dump holds below the report, the panic and the interrupt that led there."""
    number = crashing_number(frames) or 0
    return tuple(
        Place(normalise_symbol(frame.function), None if frame.module == "kernel" else normalise_module(frame.module), 0)
        for frame in frames[number:]
        # a program's own code has no place in the kernel
        if frame.function and frame.module
    )


def find_processor(processors: Sequence[Processor], cpu: int | None) -> Processor | None:
    """The one of that number; None where the dump does not tell of it."""
    return next((processor for processor in processors if processor.cpu == cpu), None)


def may_hold(processors: Sequence[Processor], waiting: Processor) -> tuple[Processor, ...]:
    """Who may hold the lock that a processor spins for, and whoever did not answer when the dump was made.

    One that spins for another lock may: two that wait for each other's are a deadlock.
    """

    def other_lock(processor: Processor) -> bool:
        return bool(processor.lock and waiting.lock and processor.lock != waiting.lock)

    return tuple(
        processor
        for processor in processors
        if processor.cpu != waiting.cpu
        and (
            (processor.in_kernel and (not processor.spins or other_lock(processor)))
            or (processor.problem and not processor.idle)
        )
    )


def was_interrupted(processor: Processor) -> Place | None:
    """The function that an interrupt came upon, where a processor spins within that interrupt; None: it does not.

    Where that function holds the lock, the processor waits for itself.
    """
    symbols = [place.symbol for place in processor.stack]
    interrupts = [number for number, symbol in enumerate(symbols) if is_interrupt(symbol)]
    if not processor.spins or not interrupts:
        return None
    below = processor.stack[interrupts[-1] + 1 :]
    return next((place for place in below if not _is_passed_over(place.symbol)), None)


def _is_passed_over(symbol: str) -> bool:
    return is_shared(symbol) or is_entry(symbol) or is_interrupt(symbol) or is_reporting(symbol)
