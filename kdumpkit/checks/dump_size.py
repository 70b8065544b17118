"""Whether a dump will fit into the file system that will really be written."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.dump_size import HIGHEST_LEVEL, CoreCollector, DumpSizeBounds, MemoryUsage
from kdumpkit.facts.dump_target import DumpTarget, FileSystemSpace
from kdumpkit.facts.kdump_settings import DumpTargetKind
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown

#: no dump is reckoned to get smaller than this by compression. Measured on the lab's Debian 12 with zlib: a dump of
#: 19.7 MB where /proc/meminfo counted 43 MB of the kernel's own, 0.46; the rest is margin
COMPRESSED_AT_BEST = 0.25
#: the default of every distribution that the kit knows
DEFAULT_COLLECTOR = CoreCollector(HIGHEST_LEVEL, True)


def check_dump_fits(
    target: DumpTarget | Unknown,
    bounds: DumpSizeBounds | Unknown,
    usage: MemoryUsage | Unknown | None = None,
    *,
    collector: CoreCollector = DEFAULT_COLLECTOR,
    keep_free_bytes: int = 0,
    keep_dumps: int | None = None,
) -> Finding:
    """``dump_target.fits``: the size of a dump against the free space where it will be written.

    ``usage`` None: not measured, and the bounds of /proc/meminfo decide. ``keep_free_bytes``: what the settings want
    left over. The dump is written by root, so the blocks that are kept for root count, and are named where they are
    needed. PASS: fits without compression. FAIL: does not even fit when compressed as well as can be hoped for.
    """
    id = "dump_target.fits"
    if isinstance(target, Unknown):
        return unknown_finding(id, "where a dump is written", target)
    if target.kind is not DumpTargetKind.LOCAL:
        reason = f"Dumps go to {target.remote} by {target.kind}: the room there cannot be seen from this host."
        return Finding(id, Status.SKIP, reason, "", target.records)
    space = target.space
    if isinstance(space, Unknown):
        return unknown_finding(id, f"how much room {target.directory or 'the dump directory'} has", space)
    if isinstance(usage, MemoryUsage):
        records = records_of(target, usage)
        status, needs = _by_measure(space, keep_free_bytes, usage, collector)
    elif isinstance(bounds, Unknown):
        return unknown_finding(id, "how large a dump can get", bounds)
    else:
        records = records_of(target, bounds, usage)
        status, needs = _by_bounds(space, keep_free_bytes, bounds, collector)
        if usage is not None and status is not Status.PASS:
            needs += f" It was not measured: {usage.sentence()}."
    if keep_dumps:
        needs += f" The {keep_dumps} newest dumps are kept; what removing older ones would free is not counted."
    room = _room(target.directory, space, keep_free_bytes)
    remedy = "" if status is Status.PASS else f"df -h {space.target}; du -xsh {target.directory}"
    return Finding(id, status, f"{room}: {needs}", remedy, records)


def _room(directory: str | None, space: FileSystemSpace, keep_free_bytes: int) -> str:
    room = f"{size_text(space.free_bytes)} free at {space.target} ({space.fstype}) for {directory}"
    for_root = space.free_bytes - space.available_bytes
    if for_root > 0:
        room += f", {size_text(for_root)} of it kept for root, who writes the dump"
    if keep_free_bytes:
        room += f", less {size_text(keep_free_bytes)} that the settings want left over"
    return room


def _by_measure(
    space: FileSystemSpace, keep_free_bytes: int, usage: MemoryUsage, collector: CoreCollector
) -> tuple[Status, str]:
    size = usage.dump_bytes(collector.level)
    sure = "measured by makedumpfile"
    if usage.kernel_not_listed:
        sure += ", which does not list this kernel as supported"
    needs = f"a dump at level {collector.level} takes {size_text(size)} before compression ({sure})"
    if space.free_bytes - keep_free_bytes >= size:
        return Status.PASS, f"{needs}.{_only_as_root(size, space, keep_free_bytes)}"
    return _compressed(space.free_bytes - keep_free_bytes, size, needs, collector)


def _by_bounds(
    space: FileSystemSpace, keep_free_bytes: int, bounds: DumpSizeBounds, collector: CoreCollector
) -> tuple[Status, str]:
    free, upper, lower = space.free_bytes - keep_free_bytes, bounds.upper_bytes, bounds.lower_bytes
    most = f"a dump takes at most the {size_text(upper)} of RAM"
    if free >= upper:
        return Status.PASS, f"{most}.{_only_as_root(upper, space, keep_free_bytes)}"
    if collector.level != HIGHEST_LEVEL:
        # what the kernel holds bounds nothing where other pages are dumped too
        return Status.WARN, f"{most}, and level {collector.level} leaves in more than the kernel's own pages."
    if lower is None:
        return Status.WARN, f"{most}, and what the kernel holds of it is not known."
    needs = (
        f"{most}, and at level {HIGHEST_LEVEL} not less than the kernel's own pages, about {size_text(lower)} now "
        "before compression (by /proc/meminfo)"
    )
    if free >= lower:
        return Status.WARN, f"{needs}."
    return _compressed(free, lower, needs, collector)


def _compressed(free: int, size: int, needs: str, collector: CoreCollector) -> tuple[Status, str]:
    if not collector.compresses:
        return Status.FAIL, f"{needs}, and the collector does not compress."
    best = int(size * COMPRESSED_AT_BEST)
    if free < best:
        return Status.FAIL, f"{needs}, and compression is not reckoned to make less than {size_text(best)} of that."
    return Status.WARN, f"{needs}; it fits only if it compresses well."


def _only_as_root(size: int, space: FileSystemSpace, keep_free_bytes: int) -> str:
    if size <= space.available_bytes - keep_free_bytes:
        return ""
    return f" It would not without the blocks kept for root ({size_text(space.available_bytes)} is free for others)."
