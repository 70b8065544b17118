"""A crash as one self-contained HTML page, from the document of :mod:`kdumpkit.analysis.crash_document`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kdumpkit.render.crash_text import CONFIDENCE_MEANS, crash_facts, dump_words, stack_lines
from kdumpkit.render.page import page_template, picture
from kdumpkit.runbook.step import Figure

#: sections that the page shows in a form of their own, or not at all
_SHOWN_ELSEWHERE = frozenset({"crashed_task", "log", "panic"})
#: of the document, in the order of the page: name, kind of picture, title
_FIGURES = (
    ("call_stack", "call-stack", "The call stack"),
    ("timeline", "log-timeline", "The last minutes of the log"),
    ("tasks_by_state", "tasks-by-state", "Tasks by state"),
    ("memory_by_use", "memory-by-use", "Memory by use"),
    ("dump_composition", "dump-composition", "What the dump holds"),
)
#: of one section's values as JSON
_MOST_CHARACTERS = 20_000


def crash_page(document: Mapping[str, Any]) -> str:
    """The page. Every value is escaped and cleaned; it names no outside address but in commands to be typed."""
    return page_template("crash.html.j2").render(
        file=str(document.get("file", "")),
        status=str(document.get("status", "")),
        dump=dump_words(document),
        cause=document.get("cause"),
        confidence_means=CONFIDENCE_MEANS,
        signature=document.get("signature"),
        facts=crash_facts(document),
        stack=stack_lines(document),
        figures=_figures(document),
        last_words=document.get("last_words") or [],
        reports=document.get("reports") or [],
        findings=document.get("findings") or [],
        sections=_sections(document),
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


def _sections(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for name, value in (document.get("sections") or {}).items():
        if name in _SHOWN_ELSEWHERE:
            continue
        text = json.dumps(value, indent=1, ensure_ascii=False)
        if len(text) > _MOST_CHARACTERS:
            text = text[:_MOST_CHARACTERS] + "\n… the rest is in the output of --json"
        found.append((str(name).replace("_", " "), text))
    return found
