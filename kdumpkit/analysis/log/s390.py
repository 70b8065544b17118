"""Where an s390 kernel says that it was: ``Krnl PSW : mask address (symbol)``; ``User PSW`` is not the kernel's place.

Source: arch/s390/kernel/dumpstack.c (show_registers).
"""

from __future__ import annotations

from kdumpkit.analysis.log.frames import Location, parse_location

FIRST_WORDS = frozenset({"Krnl"})
REGISTER_WORDS = frozenset({"Krnl", "User", "R:0"})


def parse_program_counter(text: str) -> Location | None:
    """Where the kernel was; None for an address without symbol."""
    return parse_location(text) if text.startswith("Krnl PSW") else None
