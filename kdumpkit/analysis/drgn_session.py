"""A saved dump opened by drgn, with the right symbols or none; see :mod:`kdumpkit.analysis.drgn_report`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kdumpkit.analysis.kernel_clock import read_hz, read_now_ns
from kdumpkit.analysis.module_symbols import ModuleSymbols, find_module_symbols
from kdumpkit.analysis.symbols import SymbolsMatch, check_symbols
from kdumpkit.analysis.task_walk import TaskWalk, WaitingTask, read_waiting_task, walk_tasks
from kdumpkit.errors import FactNotCollected, VmcoreError
from kdumpkit.vmcore.dmesg import read_kernel_log
from kdumpkit.vmcore.log_record import KernelLog
from kdumpkit.vmcore.memory import memory_of
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo


@dataclass(frozen=True)
class DrgnSession:
    """``program`` is a ``drgn.Program``. ``symbols`` None: no vmlinux, so only VMCOREINFO can be followed.

    What several sections need is read once, by the first that asks.
    """

    program: Any
    vmcoreinfo: Vmcoreinfo
    symbols: SymbolsMatch | None
    #: None: no vmlinux, so modules were not looked for
    modules: ModuleSymbols | None = None

    @cached_property
    def kernel_log(self) -> KernelLog:
        """The whole log; raises VmcoreError where it is not in the dump."""
        return read_kernel_log(self.vmcoreinfo, memory_of(self.program))

    @cached_property
    def tasks(self) -> TaskWalk:
        """All tasks, counted; those in uninterruptible sleep kept."""
        return walk_tasks(self.program)

    @cached_property
    def waiting(self) -> tuple[WaitingTask, ...]:
        """The tasks in uninterruptible sleep that were kept, with their stacks, longest-waiting first."""
        found = [read_waiting_task(self.stack_trace, task, self.now_ns) for task in self.tasks.blocked]
        return tuple(sorted(found, key=lambda task: (-(task.waited_s or 0), task.pid)))

    @cached_property
    def now_ns(self) -> int | None:
        """When the kernel died, on the clock of its scheduler and its log; None where neither can be read."""
        try:
            # the last, not the highest: one damaged record must not move the end of time
            times = (record.nanoseconds for record in reversed(self.kernel_log.records))
            last = next((nanoseconds for nanoseconds in times if nanoseconds is not None), 0)
        except VmcoreError:
            last = 0
        return read_now_ns(self.program, last)

    @cached_property
    def hz(self) -> int | None:
        """Ticks per second; None where the kernel does not tell."""
        return read_hz(self.program)

    def stack_trace(self, task: Any) -> Any:
        """The stack trace of a task as drgn has it, with the symbols of the modules that it leads into.

        Raises what drgn raises where the stack cannot be unwound.
        """
        trace = self.program.stack_trace(task)
        if self.modules is not None and self.modules.load_for(self.program, trace):
            # functions that were compiled into others show only now
            trace = self.program.stack_trace(task)
        return trace

    def require_symbols(self) -> None:
        """Raises FactNotCollected where there are no symbols."""
        if self.symbols is None:
            raise FactNotCollected("this needs the kernel's debug symbols, and no vmlinux was given")


def open_session(open_dump: Callable[[], Any], vmcoreinfo: Vmcoreinfo, vmlinux: Path | None) -> DrgnSession:
    """Opens the dump and loads the symbols; those of modules that lie beside vmlinux are found.

    ``open_dump`` gives the ``drgn.Program``. Nothing else is looked for on this machine or on
    the network. Raises SymbolsMismatch before drgn starts where vmlinux is another build's, NotAVmcore and
    VmcoreIncomplete where the file is no dump that can be read, VmcoreError where drgn refuses it or the symbols.
    """
    symbols = None if vmlinux is None else check_symbols(vmcoreinfo, vmlinux)
    # what drgn does not know of some debug information it says on stderr, with the file's path
    logging.getLogger("drgn").setLevel(logging.CRITICAL)
    program = open_dump()
    modules = None
    if vmlinux is not None:
        _load(program, vmlinux)
        modules = find_module_symbols(program, vmlinux, vmcoreinfo.release)
    return DrgnSession(program, vmcoreinfo, symbols, modules)


def _load(program: Any, vmlinux: Path) -> None:
    import drgn

    try:
        program.load_debug_info([str(vmlinux)])
    except Exception as error:  # MissingDebugInfoError, OSError, and what libdwfl finds wrong
        said = str(error).replace(str(vmlinux), vmlinux.name)
        raise VmcoreError(f"drgn {drgn.__version__} cannot load {vmlinux.name}: {said}") from error
    # a file that is not the kernel's is passed over by drgn with no more than a line on stderr
    if program.main_module().debug_file_status != drgn.ModuleFileStatus.HAVE:
        raise VmcoreError(f"drgn {drgn.__version__} found no debug information for this kernel in {vmlinux.name}")
