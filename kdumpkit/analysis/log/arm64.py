"""Where an arm64 or arm kernel says that it was: ``pc :`` and ``PC is at`` lines.

What riscv and mips print as ``epc`` and loongarch as ``ERA:`` is read alike.

Source: arch/arm64/kernel/process.c (__show_regs), arch/arm/kernel/process.c, arch/{riscv,loongarch}/kernel/process.c.
"""

from __future__ import annotations

from kdumpkit.analysis.log.frames import Location, parse_location

FIRST_WORDS = frozenset({"pc", "PC", "epc", "ERA:"})
REGISTER_WORDS = frozenset(
    {f"x{number}{colon}" for number in range(30) for colon in ("", ":")}
    | {"sp", "pstate:", "r10:", "r7", "r3", "Flags:", "Control:"}
    | {"gp", "t2", "t5", "s1", "a1", "a2", "a5", "s2", "s5", "s8", "s11:", "status:"}
)


def parse_program_counter(text: str) -> Location | None:
    """Where the kernel was; None for an address without symbol."""
    # "pc : a+0x1/0x2" may be followed by "lr : b+0x3/0x4" on the same line, never the other way round
    own = text.split(" lr :", 1)[0].split(" ra :", 1)[0]
    return parse_location(own)
