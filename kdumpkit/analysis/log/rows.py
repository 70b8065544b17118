"""Lines of a report that come in rows, each like the one before: frames of a trace, and registers.

Most lines of a report are such. Where a row ends is told by what stands in a column, and what its lines say is read
where the report is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

#: those that begin a line with nothing else in it than registers that are kept as printed
PLAIN_REGISTERS = frozenset(
    {"RAX:", "RDX:", "RBP:", "RSP:", "R10:", "R13:", "DR0:", "DR3:", "EAX:", "ESI:", "x29:", "x26:", "x23:", "x20:"}
)
#: a line of registers is no longer
_REGISTERS_LENGTH = 120
#: what names a place too, and is no frame
_NO_FRAMES = ("RIP", "EIP", "NIP ", "LR ", "pc :", "lr :", "PC is", "LR is", "Krnl PSW")
#: behind a bracket: the end of an address, or of the stamp of another line that was glued to this one
_CLOSED = "] "


class Row(NamedTuple):
    """Lines with all that stands in front of them, and the column in which the text of each begins."""

    lines: list[str]
    column: int

    def texts(self) -> list[str]:
        """What the lines say."""
        return [line[self.column :].strip() for line in self.lines]


def settled_texts(taken: Iterable[str | Row]) -> tuple[str, ...]:
    """The texts of what was taken: lines, and rows of them."""
    return tuple(text for entry in taken for text in ([entry] if isinstance(entry, str) else entry.texts()))


def end_of_frames(lines: list[str], start: int, end: int, stamp_end: int, column: int) -> int:
    """The index behind the last of the lines from ``start`` on that hold a frame each, as that one does.

    ``stamp_end`` is the column behind the time stamp; from there to ``column``, all of them say the same.
    """
    between = lines[start][stamp_end:column]
    address = lines[start][column : column + 2] == "[<"
    # the kernel indents frames; syslogd may have taken that off
    flat = not between.endswith("  ")
    index = start + 1
    for line in lines[index:end]:
        if line[stamp_end:column] != between or "+0x" not in line or (flat and line.startswith(_NO_FRAMES, column)):
            break
        closed = line.find(_CLOSED, column)
        if closed > 0 and not (address and line[column : column + 2] == "[<" and line.find(_CLOSED, closed + 1) < 0):
            break
        index += 1
    return index


def end_of_registers(lines: list[str], start: int, end: int, stamp_end: int, column: int) -> int:
    """The same for lines that hold registers and nothing else; ``start`` where the first is no such line."""
    between = lines[start][stamp_end:column]
    index = start
    for line in lines[index:end]:
        if (
            line[column : column + 4] not in PLAIN_REGISTERS
            or line[stamp_end:column] != between
            or len(line) > column + _REGISTERS_LENGTH
            or line.find(_CLOSED, column) > 0
        ):
            break
        index += 1
    return index
