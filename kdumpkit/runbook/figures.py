"""The figures' data, out of facts."""

from __future__ import annotations

from kdumpkit.facts.iomem import Iomem
from kdumpkit.facts.text import size_text
from kdumpkit.runbook.step import Figure


def memory_map(iomem: Iomem, host: str) -> Figure:
    """Physical memory with what is kept for the capture kernel."""
    shown = [r for r in iomem.ranges if r.name == "Crash kernel" or (r.depth == 0 and r.name == "System RAM")]
    ranges = [[r.start, r.end + 1, r.name] for r in sorted(shown, key=lambda r: (r.name == "Crash kernel", r.start))]
    reserved = iomem.crash_kernel
    where = " and ".join(f"{size_text(r.size_bytes)} at {r.start:#x}-{r.end:#x}" for r in reserved)
    caption = f"Physical memory of {host}: {size_text(iomem.system_ram_bytes)} of System RAM, " + (
        f"of which {where} {'are' if len(reserved) > 1 else 'is'} kept for the capture kernel."
        if reserved
        else "of which nothing is kept for a capture kernel."
    )
    return Figure("memory-map", caption, {"ranges": ranges})


def dump_space(bars: list[tuple[str, int]], caption: str) -> Figure:
    """Sizes in bytes beside each other."""
    return Figure("dump-space", caption, {"bars": [[label, size] for label, size in bars]})


def crash_timeline(phases: list[tuple[str, float, float]], caption: str) -> Figure:
    """Phases as (name, begin, end), in seconds after the trigger."""
    rounded = [[name, round(begin, 1), round(end, 1)] for name, begin, end in phases]
    return Figure("crash-timeline", caption, {"phases": rounded})
