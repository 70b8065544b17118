"""Memory by use: parts that add up to all that the kernel managed."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.analysis.crash_report import CrashReport
from kdumpkit.analysis.figures.missing import Missing
from kdumpkit.analysis.sections import SectionError, memory
from kdumpkit.analysis.sections.memory import Memory
from kdumpkit.analysis.sections.table import bytes_text

#: as the section of the report names them
_FREE, _PROGRAMS, _FILES, _SHARED, _SWAP_CACHE = (
    "free",
    "programs (anonymous)",
    "page cache",
    "of it shared memory",
    "of it swap cache",
)
_KERNEL = ("slab, reclaimable", "slab, unreclaimable", "page tables", "kernel stacks")
OTHER = "other"


@dataclass(frozen=True)
class Use:
    """One part."""

    name: str
    size_bytes: int


@dataclass(frozen=True)
class MemoryByUse:
    """The parts, which add up to the total."""

    total_bytes: int
    uses: tuple[Use, ...]
    #: what a picture of it shows
    words: str


def memory_by_use(report: CrashReport | None) -> MemoryByUse | Missing:
    """Memory by use out of the dump. What no counter names is ``other``: drivers' and per-CPU memory, vmalloc."""
    if report is None:
        return Missing("the dump's memory counters were not read")
    found = report.get(memory.SECTION)
    if isinstance(found, SectionError):
        return Missing(found.error)
    parts = _parts(found)
    if not parts or not found.total_bytes:
        return Missing("the dump has none of the kernel's memory counters")
    rest = found.total_bytes - sum(part.size_bytes for part in parts)
    uses = (*parts, Use(OTHER, max(0, rest)))
    free = next((part.size_bytes for part in parts if part.name == _FREE), None)
    words = f"{bytes_text(found.total_bytes)} of memory when the kernel died"
    words += "" if free is None else f", {free / found.total_bytes:.0%} free"
    largest = max((use for use in uses if use.name != _FREE), key=lambda use: use.size_bytes)
    words += f"; most of the rest: {largest.name} ({bytes_text(largest.size_bytes)})."
    if rest < 0:
        # counters are read one by one, and each CPU keeps a part of them to itself for a while
        words += f" The counters say {bytes_text(-rest)} more than there is."
    if found.swap_total_bytes:
        words += f" Swap: {bytes_text(found.swap_free_bytes)} free of {bytes_text(found.swap_total_bytes)}."
    return MemoryByUse(max(found.total_bytes, found.total_bytes - rest), uses, words)


def _parts(found: Memory) -> list[Use]:
    sizes = {use.name: use.size_bytes for use in found.uses}
    parts = [Use(name, sizes[name]) for name in (_FREE, _PROGRAMS) if name in sizes]
    if _FILES in sizes:
        shared = sizes.get(_SHARED, 0)
        # pages of programs that are also in swap are counted as theirs while they have them mapped
        files = sizes[_FILES] - shared - sizes.get(_SWAP_CACHE, 0)
        parts.append(Use("page cache (files)", max(0, files)))
        parts += [Use("shared memory, tmpfs", shared)] if _SHARED in sizes else []
    parts += [Use(name, sizes[name]) for name in _KERNEL if name in sizes]
    parts += [Use("huge pages set aside", found.huge_pages_bytes)] if found.huge_pages_bytes else []
    return parts
