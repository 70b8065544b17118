"""A saved dump opened by drgn, with the right symbols or none; see :mod:`kdumpkit.analysis.drgn_report`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kdumpkit.analysis.symbols import SymbolsMatch, check_symbols
from kdumpkit.errors import FactNotCollected, VmcoreError
from kdumpkit.vmcore.dmesg import read_kernel_log
from kdumpkit.vmcore.log_record import KernelLog
from kdumpkit.vmcore.memory import memory_of, open_program
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo


@dataclass(frozen=True)
class DrgnSession:
    """``program`` is a ``drgn.Program``. ``symbols`` None: no vmlinux, so only VMCOREINFO can be followed."""

    program: Any
    vmcoreinfo: Vmcoreinfo
    symbols: SymbolsMatch | None

    @cached_property
    def kernel_log(self) -> KernelLog:
        """The whole log; raises VmcoreError where it is not in the dump."""
        return read_kernel_log(self.vmcoreinfo, memory_of(self.program))

    def require_symbols(self) -> None:
        """Raises FactNotCollected where there are no symbols."""
        if self.symbols is None:
            raise FactNotCollected("this needs the kernel's debug symbols, and no vmlinux was given")


def open_session(vmcore: Path, vmcoreinfo: Vmcoreinfo, vmlinux: Path | None) -> DrgnSession:
    """Opens the dump and loads the symbols. Nothing is looked for on this machine or on the network.

    Raises SymbolsMismatch before drgn starts where vmlinux is another build's, NotAVmcore and VmcoreIncomplete where
    the file is no dump that can be read, VmcoreError where drgn refuses it or the symbols.
    """
    symbols = None if vmlinux is None else check_symbols(vmcoreinfo, vmlinux)
    program = open_program(vmcore)
    if vmlinux is not None:
        _load(program, vmlinux)
    return DrgnSession(program, vmcoreinfo, symbols)


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
