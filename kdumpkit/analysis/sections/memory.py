"""Memory by use, the state of the out-of-memory killer, and zones that had run low."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, bytes_text

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

#: what is shown, and the counters that add up to it; the first of the alternatives that a kernel has counts
_USES: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    ("free", (("NR_FREE_PAGES",),)),
    ("programs (anonymous)", (("NR_ANON_MAPPED", "NR_ANON_PAGES"),)),
    ("page cache", (("NR_FILE_PAGES",),)),
    ("of it shared memory", (("NR_SHMEM",),)),
    ("of it dirty", (("NR_FILE_DIRTY",),)),
    ("of it being written", (("NR_WRITEBACK",),)),
    # also counted as the programs' while they have it mapped
    ("of it swap cache", (("NR_SWAPCACHE",),)),
    ("slab, reclaimable", (("NR_SLAB_RECLAIMABLE_B", "NR_SLAB_RECLAIMABLE"),)),
    ("slab, unreclaimable", (("NR_SLAB_UNRECLAIMABLE_B", "NR_SLAB_UNRECLAIMABLE"),)),
    ("page tables", (("NR_PAGETABLE",),)),
    ("kernel stacks", (("NR_KERNEL_STACK_KB",),)),
    ("locked by mlock", (("NR_MLOCK",),)),
)


@dataclass(frozen=True)
class MemoryUse:
    """One use of memory."""

    #: in words; ``of it ...``: a part of the one before
    name: str
    size_bytes: int


@dataclass(frozen=True)
class LowZone:
    """A zone whose free pages are fewer than its lower mark: only some allocations still succeed there."""

    node: int
    name: str
    free_bytes: int
    least_bytes: int


@dataclass(frozen=True)
class OomState:
    """The out-of-memory killer. None for what this kernel does not keep."""

    #: it was at work on a CPU (oom_lock was held)
    at_work: bool | None
    #: tasks that it had told to die and that were not gone yet
    dying: int | None
    #: tasks killed since boot
    kills: int | None


@dataclass(frozen=True)
class Memory:
    """Memory by use. Counters that each CPU keeps for itself for a while are not added: some 100 kB are missing."""

    total_bytes: int
    uses: tuple[MemoryUse, ...]
    #: 0: there was no swap; None: it cannot be read
    swap_total_bytes: int | None
    swap_free_bytes: int | None
    #: None: no huge page was set aside, or they cannot be read
    huge_pages_bytes: int | None
    low_zones: tuple[LowZone, ...]
    oom: OomState


def read_memory(session: DrgnSession) -> Memory:
    """Memory out of an open dump."""
    from drgn.helpers.linux.hugetlb import hugetlb_total_pages
    from drgn.helpers.linux.mm import totalram_pages
    from drgn.helpers.linux.swap import swap_total_usage

    program = session.program
    page = session.vmcoreinfo.page_size_bytes or program["PAGE_SIZE"].value_()
    swap = _or_none(lambda: swap_total_usage(program))
    huge = _or_none(lambda: hugetlb_total_pages(program))
    return Memory(
        total_bytes=totalram_pages(program) * page,
        uses=tuple(
            MemoryUse(name, size_bytes)
            for name, counters in _USES
            if (size_bytes := _sum_of(program, counters, page)) is not None
        ),
        swap_total_bytes=None if swap is None else swap.pages * page,
        swap_free_bytes=None if swap is None else swap.free_pages * page,
        huge_pages_bytes=huge * page if huge else None,
        low_zones=_or_none(lambda: tuple(_low_zones(program, page))) or (),
        oom=_read_oom(program),
    )


def _or_none(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:  # a kernel that does not have it, or damaged memory; the other numbers are worth having
        return None


def _sum_of(program: Any, counters: tuple[tuple[str, ...], ...], page: int) -> int | None:
    total = 0
    for alternatives in counters:
        found = next(((name, n) for name in alternatives if (n := _counter(program, name)) is not None), None)
        if found is None:
            return None
        name, number = found
        # counters are of pages, but for those that say otherwise; those of bytes (_B) are kept in pages as a sum
        total += number * (1024 if name.endswith("_KB") else page)
    return total


def _counter(program: Any, name: str) -> int | None:
    # a counter belongs to a node or to a zone, and which one changed over the years: its type tells
    try:
        item = program[name]
    except LookupError:
        return None
    kind = item.type_.tag
    array = {"node_stat_item": "vm_node_stat", "zone_stat_item": "vm_zone_stat"}.get(str(kind))
    try:
        # before 4.8 there was one array, vm_stat
        counters = program[array] if array and array in program else program["vm_stat"]
    except LookupError:
        return None
    return max(0, int(counters[item].counter.value_()))


def _low_zones(program: Any, page: int) -> list[LowZone]:
    from drgn.helpers.linux.mmzone import for_each_online_pgdat, min_wmark_pages
    from drgn.helpers.linux.vmstat import zone_page_state

    found = []
    for node in for_each_online_pgdat(program):
        for zone in node.node_zones:
            if not zone.present_pages:
                continue
            free = zone_page_state(zone, program["NR_FREE_PAGES"])
            least = int(min_wmark_pages(zone))
            if free < least:
                name = zone.name.string_().decode("utf-8", "replace")
                found.append(LowZone(node.node_id.value_(), name, free * page, least * page))
    return found


def _read_oom(program: Any) -> OomState:
    from drgn.helpers.linux.locking import mutex_owner
    from drgn.helpers.linux.vmstat import global_vm_event_state

    return OomState(
        at_work=_or_none(lambda: bool(mutex_owner(program["oom_lock"].address_of_()))),
        dying=_or_none(lambda: int(program["oom_victims"].counter.value_())),
        kills=_or_none(lambda: int(global_vm_event_state(program, program["OOM_KILL"]))),
    )


def describe_memory(found: Memory) -> tuple[SectionTable, ...]:
    """Memory by use, largest first within what is shown."""
    rows = tuple(
        (use.name, bytes_text(use.size_bytes), f"{use.size_bytes / found.total_bytes:.1%}" if found.total_bytes else "")
        for use in found.uses
    )
    if found.huge_pages_bytes:
        rows += (("huge pages set aside", bytes_text(found.huge_pages_bytes), ""),)
    if found.swap_total_bytes:
        rows += (("swap", f"{bytes_text(found.swap_free_bytes)} free of {bytes_text(found.swap_total_bytes)}", ""),)
    free = next((use.size_bytes for use in found.uses if use.name == "free"), None)
    sentence = f"{bytes_text(found.total_bytes)} of memory" + ("." if free is None else f", {bytes_text(free)} free.")
    if found.swap_total_bytes == 0:
        sentence += " There was no swap."
    for zone in found.low_zones:
        sentence += f" Zone {zone.name} of node {zone.node} had less than its minimum free."
    return (SectionTable("Memory", f"{sentence} {oom_words(found.oom)}", ("use", "size", "of all"), rows),)


def oom_words(oom: OomState) -> str:
    """The out-of-memory killer in one sentence."""
    if oom.at_work:
        return "The out-of-memory killer was at work when the kernel died."
    words = []
    if oom.dying:
        words.append(f"{oom.dying} tasks that it told to die were not gone yet")
    if oom.kills:
        words.append(f"it had killed {oom.kills} tasks since boot")
    if words:
        return f"The out-of-memory killer was not at work; {', '.join(words)}."
    if oom.kills == 0:
        return "The out-of-memory killer had never been at work."
    return "Whether the out-of-memory killer had been at work is not known."


SECTION = Section("memory", Memory, read_memory, describe_memory)
