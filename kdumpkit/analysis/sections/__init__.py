"""The sections of a drgn report, in the order in which they are read."""

from __future__ import annotations

from typing import Any

from kdumpkit.analysis.sections import crashed_task, kernel_log, loaded_modules, panic, system, tasks
from kdumpkit.analysis.sections.section import Section, SectionError

SECTIONS: tuple[Section[Any], ...] = (
    kernel_log.SECTION,
    panic.SECTION,
    crashed_task.SECTION,
    tasks.SECTION,
    loaded_modules.SECTION,
    system.SECTION,
)

__all__ = ["SECTIONS", "Section", "SectionError"]
