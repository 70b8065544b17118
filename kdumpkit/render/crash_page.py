"""A crash as one self-contained HTML page, from the document of :mod:`kdumpkit.analysis.crash_document`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from kdumpkit.evidence.redact import cleaned
from kdumpkit.render.crash_text import CONFIDENCE_MEANS, crash_facts, dump_words, stack_lines
from kdumpkit.render.log_timeline import log_timeline_figure

#: sections that the page shows in a form of their own, or not at all
_SHOWN_ELSEWHERE = frozenset({"crashed_task", "log", "panic"})
#: of one section's values as JSON
_MOST_CHARACTERS = 20_000


def crash_page(document: Mapping[str, Any]) -> str:
    """The page. Every value is escaped and cleaned; it names no outside address but in commands to be typed."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: cleaned(value) if isinstance(value, str) else value,
    )
    return environment.get_template("crash.html.j2").render(
        file=str(document.get("file", "")),
        status=str(document.get("status", "")),
        dump=dump_words(document),
        cause=document.get("cause"),
        confidence_means=CONFIDENCE_MEANS,
        signature=document.get("signature"),
        facts=crash_facts(document),
        stack=stack_lines(document),
        figure=_figure(document),
        last_words=document.get("last_words") or [],
        reports=document.get("reports") or [],
        findings=document.get("findings") or [],
        sections=_sections(document),
    )


def _figure(document: Mapping[str, Any]) -> dict[str, str] | None:
    data = document.get("timeline")
    if not data:
        return None
    from kdumpkit.render.figures import draw_png

    figure = log_timeline_figure(data)
    return {"png": base64.b64encode(draw_png(figure)).decode("ascii"), "alt": figure.caption}


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
