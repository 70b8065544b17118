"""The sections of a drgn report, in the order in which they are read."""

from __future__ import annotations

from typing import Any

from kdumpkit.analysis.sections import (
    block_io,
    blocked_tasks,
    cpus,
    crashed_task,
    kernel_log,
    largest_processes,
    loaded_modules,
    locks,
    memory,
    mounts,
    network,
    panic,
    panic_settings,
    run_queues,
    slab_caches,
    system,
    tasks,
)
from kdumpkit.analysis.sections.section import Section, SectionError
from kdumpkit.analysis.sections.table import SectionTable, table_text

SECTIONS: tuple[Section[Any], ...] = (
    kernel_log.SECTION,
    panic.SECTION,
    crashed_task.SECTION,
    cpus.SECTION,
    tasks.SECTION,
    blocked_tasks.SECTION,
    locks.SECTION,
    run_queues.SECTION,
    block_io.SECTION,
    memory.SECTION,
    slab_caches.SECTION,
    largest_processes.SECTION,
    mounts.SECTION,
    network.SECTION,
    loaded_modules.SECTION,
    panic_settings.SECTION,
    system.SECTION,
)

__all__ = ["SECTIONS", "Section", "SectionError", "SectionTable", "table_text"]
