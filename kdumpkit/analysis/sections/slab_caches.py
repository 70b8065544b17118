"""The slab caches that hold most memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, bytes_text, counted
from kdumpkit.errors import FactNotCollected

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_MOST_SHOWN = 15
#: a list that goes on beyond this is a loop in damaged memory
_MOST_CACHES = 100_000


@dataclass(frozen=True)
class SlabCache:
    """One cache."""

    name: str
    size_bytes: int
    object_bytes: int
    #: of all its slabs; None where it cannot be counted
    objects: int | None
    #: of them in use; None where it cannot be counted
    active_objects: int | None


@dataclass(frozen=True)
class SlabCaches:
    """All caches."""

    caches_in_all: int
    #: of all caches
    size_bytes: int
    #: the 15 that hold most memory, largest first
    largest: tuple[SlabCache, ...]


def read_slab_caches(session: DrgnSession) -> SlabCaches:
    """The caches out of an open dump. Raises FactNotCollected where the kernel keeps no count of their slabs."""
    from drgn.helpers.linux.nodemask import for_each_online_node
    from drgn.helpers.linux.slab import for_each_slab_cache, slab_cache_pages_per_slab

    program = session.program
    page = session.vmcoreinfo.page_size_bytes or program["PAGE_SIZE"].value_()
    sizes = []
    nodes = list(for_each_online_node(program))
    for number, cache in enumerate(for_each_slab_cache(program)):
        if number >= _MOST_CACHES:
            break
        slabs = _count_slabs(cache, nodes)
        sizes.append((slabs * int(slab_cache_pages_per_slab(cache)) * page, number, cache))
    sizes.sort(reverse=True, key=lambda entry: entry[:2])
    largest = tuple(_read_cache(size, cache) for size, _, cache in sizes[:_MOST_SHOWN] if size)
    return SlabCaches(len(sizes), sum(size for size, _, _ in sizes), largest)


def _count_slabs(cache: Any, nodes: Sequence[int]) -> int:
    # one record for each memory node
    total = 0
    for number in nodes:
        try:
            node = cache.node[number]
        except AttributeError:
            node = cache.per_node[number].node  # 7.x has more than one record for a node
        if not node:
            continue
        # SLUB and SLAB, each under the name that it has for it
        for names in (("nr_slabs", "counter"), ("total_slabs",), ("num_slabs",)):
            try:
                value = node
                for name in names:
                    value = value.member_(name)
                total += int(value.value_())
                break
            except LookupError:
                continue
        else:
            raise FactNotCollected("this kernel does not count its slabs (CONFIG_SLUB_DEBUG, or SLOB)")
    return total


def _read_cache(size: int, cache: Any) -> SlabCache:
    from drgn.helpers.linux.slab import slab_cache_usage

    try:
        usage = slab_cache_usage(cache)
        objects, active = usage.num_objs, usage.active_objs
    except Exception:  # lists that were being changed at the end
        objects = active = None
    try:
        object_bytes = cache.object_size.value_()
    except AttributeError:
        object_bytes = cache.objsize.value_()  # 2.6.32
    return SlabCache(cache.name.string_().decode("utf-8", "replace"), size, object_bytes, objects, active)


def describe_slab_caches(found: SlabCaches) -> tuple[SectionTable, ...]:
    """The largest caches."""
    rows = tuple(
        (
            cache.name,
            bytes_text(cache.size_bytes),
            "" if cache.objects is None else str(cache.objects),
            "" if cache.active_objects is None else str(cache.active_objects),
            str(cache.object_bytes),
        )
        for cache in found.largest
    )
    sentence = f"{counted(found.caches_in_all, 'slab cache')} with {bytes_text(found.size_bytes)}."
    return (SectionTable("Slab caches", sentence, ("cache", "size", "objects", "in use", "bytes each"), rows),)


SECTION = Section("slab_caches", SlabCaches, read_slab_caches, describe_slab_caches)
