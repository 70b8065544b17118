"""The physical memory map and the crash kernel's place in it, from ``/proc/iomem``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, from_file, record_numbers
from kdumpkit.facts.text import decoded, excerpt
from kdumpkit.facts.unknown import Unknown, Why

PATH = "/proc/iomem"


@dataclass(frozen=True)
class MemoryRange:
    """One line: first and last address (inclusive), name, and how deep it is nested (0 = top level)."""

    start: int
    end: int
    name: str
    depth: int

    @property
    def size_bytes(self) -> int:
        return self.end - self.start + 1


@dataclass(frozen=True)
class Iomem:
    """Every range in the order of the file.

    ``crash_kernel`` holds one range for a plain reservation, two for one with a high and a low part, none where
    nothing is reserved.
    """

    ranges: tuple[MemoryRange, ...]
    records: tuple[int, ...] = ()

    @property
    def crash_kernel(self) -> tuple[MemoryRange, ...]:
        return tuple(found for found in self.ranges if found.name == "Crash kernel")

    @property
    def crash_kernel_bytes(self) -> int:
        """Bytes that are reserved for the capture kernel; 0 where nothing is."""
        return sum(found.size_bytes for found in self.crash_kernel)

    @property
    def system_ram_bytes(self) -> int:
        """Bytes of all top-level ``System RAM`` ranges: what the ranges in ``crashkernel=`` are compared with."""
        return sum(found.size_bytes for found in self.ranges if found.depth == 0 and found.name == "System RAM")


_LINE = re.compile(r"( *)([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.*)")


def parse_iomem(data: bytes, records: tuple[int, ...] = ()) -> Iomem | Unknown:
    """The memory map; Unknown(NOT_PERMITTED) where every address is zero, which the kernel shows without root.

    A size made from zeros would be 1 byte for each range. Raises ParseError.
    """
    ranges: list[MemoryRange] = []
    for line in decoded(data, PATH).split("\n"):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        if not found:
            raise ParseError(f"{PATH}: {excerpt(line)} is not a range")
        start, end = int(found[2], 16), int(found[3], 16)
        if end < start:
            raise ParseError(f"{PATH}: {excerpt(line)} ends before it starts")
        ranges.append(MemoryRange(start, end, found[4].strip(), len(found[1]) // 2))
    if all(found.start == found.end == 0 for found in ranges):
        return Unknown(
            PATH, Why.NOT_PERMITTED, "the addresses are all zeros, as the kernel shows without root", records
        )
    return Iomem(tuple(ranges), records)


def iomem_from(files: Files) -> Iomem | Unknown:
    """The memory map out of files that were read."""
    return from_file(files, PATH, lambda data: parse_iomem(data, record_numbers(files[PATH].record)))
