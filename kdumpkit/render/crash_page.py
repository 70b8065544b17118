"""A crash as one self-contained HTML page, from the document of :mod:`kdumpkit.analysis.crash_document`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kdumpkit.render.crash_facts import (
    CONFIDENCE_MEANS,
    Table,
    crash_facts,
    dump_damage,
    dump_facts,
    dump_words,
    stack_lines,
    symbols_facts,
)
from kdumpkit.render.page import page_template, picture
from kdumpkit.runbook.step import Figure

#: of the document, in the order of the page: name, kind of picture, title
_FIGURES = (
    ("call_stack", "call-stack", "The call stack"),
    ("timeline", "log-timeline", "The last minutes of the log"),
    ("tasks_by_state", "tasks-by-state", "Tasks by state"),
    ("memory_by_use", "memory-by-use", "Memory by use"),
    ("dump_composition", "dump-composition", "What the dump holds"),
)
#: of one table; the rest is in the output of --json
_MOST_ROWS = 200
#: of the kernel's reports
_MOST_REPORTS = 100


def crash_page(document: Mapping[str, Any], tables: Sequence[Table] = (), unread: str = "") -> str:
    """The page. Every value is escaped and cleaned; it names no outside address but in commands to be typed.

    ``tables`` are what drgn read; ``unread`` says what it could not read, and why.
    """
    return page_template("crash.html.j2").render(
        file=str(document.get("file", "")),
        status=str(document.get("status") or ""),
        dump=dump_words(document),
        damage=dump_damage(document),
        cause=document.get("cause"),
        confidence_means=CONFIDENCE_MEANS,
        signature=document.get("signature"),
        facts=crash_facts(document.get("crash")),
        capture_death=crash_facts(document.get("capture_death")),
        stack=stack_lines(document),
        figures=_figures(document),
        last_words=document.get("last_words") or [],
        reports=document.get("reports") or [],
        most_reports=_MOST_REPORTS,
        findings=document.get("findings") or [],
        tables=tables,
        most_rows=_MOST_ROWS,
        unread=unread,
        about_dump=dump_facts(document),
        symbols=symbols_facts(document),
        note=document.get("note"),
    )


def _figures(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Each with its picture, or with the reason why there is none."""
    figures = document.get("figures") or {}
    found = []
    for name, kind, title in _FIGURES:
        data = figures.get(name)
        if data and "missing" in data:
            found.append({"title": title, "missing": str(data["missing"])})
        elif data:
            # matplotlib is imported only where a page is made
            from kdumpkit.render.figures import data_digest, draw_png

            figure = Figure(kind, str(data["words"]), data)
            png = picture(draw_png(figure, with_caption=False))
            found.append({"title": title, "png": png, "alt": figure.caption, "digest": data_digest(figure)})
    return found
