"""Where a powerpc kernel says that it was: ``NIP [address] symbol`` lines.

Source: arch/powerpc/kernel/process.c (__show_regs). ``NIP:`` with a colon is the register, without a symbol. After
``--- interrupt:`` the registers of what was interrupted follow, which is user space for a system call; its address has
no symbol.
"""

from __future__ import annotations

from kdumpkit.analysis.log.frames import Location, parse_location

FIRST_WORDS = frozenset({"NIP"})
REGISTER_WORDS = frozenset(
    {f"GPR{number:02}:" for number in range(0, 32, 4)} | {"NIP:", "REGS:", "MSR:", "CFAR:", "IRQMASK:", "DAR:", "LR"}
)


def parse_program_counter(text: str) -> Location | None:
    """Where the kernel was; None for an address without symbol."""
    return parse_location(text)
