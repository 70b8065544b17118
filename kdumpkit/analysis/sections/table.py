"""What a section says to people: tables of plain words. How they look is decided where they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SectionTable:
    """One table in a section's own words. All text may come from the kernel that died: escape it before it is HTML."""

    title: str
    #: one sentence that can stand without the rows
    sentence: str
    columns: tuple[str, ...] = ()
    #: each as long as ``columns``; "" for what is not known
    rows: tuple[tuple[str, ...], ...] = ()


def table_text(table: SectionTable) -> str:
    """The table as lines of even columns, without its title.

    >>> print(table_text(SectionTable("", "2 CPUs", ("cpu", "task"), (("0", "sh (520)"), ("1", "swapper/1 (0)")))))
    2 CPUs
    cpu  task
    0    sh (520)
    1    swapper/1 (0)
    """
    lines = [table.sentence]
    if table.rows:
        shown = (table.columns, *table.rows)
        widths = [max(len(row[number]) for row in shown) for number in range(len(table.columns))]
        lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in shown]
    return "\n".join(lines)


def seconds_text(seconds: float | None) -> str:
    """A time for people; "" where it is not known.

    >>> [seconds_text(s) for s in (0.0123, 3.21, 77.6, 4000, 200000, None)]
    ['0.012 s', '3.2 s', '1 min 18 s', '1 h 6 min', '2 d 7 h', '']
    """
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds:.3f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for long, short, unit, part in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if whole >= unit:
            return f"{whole // unit} {long} {whole % unit // part} {short}"
    return f"{whole} s"


def bytes_text(size_bytes: int | None) -> str:
    """A size for people; "" where it is not known.

    >>> [bytes_text(n) for n in (0, 4096, 799760 << 10, None)]
    ['0 KiB', '4 KiB', '781 MiB', '']
    """
    if size_bytes is None:
        return ""
    for unit, shift in (("GiB", 30), ("MiB", 20)):
        if size_bytes >= 4 << shift or (unit == "MiB" and size_bytes >= 1 << shift):
            return f"{size_bytes / (1 << shift):.1f} {unit}".replace(".0 ", " ")
    return f"{size_bytes >> 10} KiB"


def listed(words: Sequence[str], most: int = 8) -> str:
    """Words with commas; what is beyond ``most`` is counted.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    rest = len(words) - most
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "disk"), counted(0, "disk")
    ('1 disk', '0 disks')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
