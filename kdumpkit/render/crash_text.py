"""A crash as a page of plain text, from the document of :mod:`kdumpkit.analysis.crash_document`: for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from kdumpkit.evidence.redact import cleaned
from kdumpkit.render.crash_facts import (
    CONFIDENCE_MEANS,
    Row,
    Table,
    crash_facts,
    dump_damage,
    dump_facts,
    dump_words,
    log_words,
    stack_lines,
    symbols_facts,
)
from kdumpkit.render.text import cut_in_the_middle

_WIDTH = 100
_EVIDENCE = 160
_MOST_REPORTS = 12
#: labels of facts that stand elsewhere in the text
_IN_FIRST_LINE = frozenset({"format", "host", "kernel", "died at"})
_IN_REMEDY = "to get it"


def crash_text(document: Mapping[str, Any], tables: Sequence[Table] = (), unread: str = "") -> str:
    """What happened, how sure that is, what it rests on, what to do, and what another host died of the same by.

    ``tables`` are what drgn read, of which each sentence is told; ``unread`` says what it could not read, and why.
    """
    note = document.get("note")
    if not document.get("crash") and not document.get("findings"):
        counts = document.get("counts")
        why = note or (f"in {log_words(counts)}" if counts else "")
        return cleaned(f"{document.get('file', '')}: no crash in it" + (f"\n  {why}" if why else ""))
    damage = dump_damage(document)
    parts = [_head(document), *([_wrapped(damage, "  ")] if damage else []), *_cause(document), *_crash(document)]
    parts += [*_capture_death(document), *_stack(document), *_machine(tables, unread), *_reports(document)]
    parts += [*_dump(document), *_findings(document)]
    return "\n".join([*parts, f"  {cleaned(note)}"] if note else parts)


def _head(document: Mapping[str, Any]) -> str:
    signature = document.get("signature")
    words = dump_words(document) or (str(signature["title"]) if signature else "")
    return cleaned(str(document.get("file", "")) + (f": {words}" if words else ""))


def _cause(document: Mapping[str, Any]) -> list[str]:
    cause = document.get("cause")
    if not cause:
        return ["", "No crash is told of."]
    confidence = cause["confidence"]
    parts = ["", f"Why it died ({confidence}: {CONFIDENCE_MEANS.get(confidence, '')}; origin: {cause['origin']})"]
    parts.append(_wrapped(cause["sentence"], "  "))
    if cause["evidence"]:
        parts.append("What that rests on")
        for row in cause["evidence"]:
            where = f"line {row['line']}" if row["line"] is not None else row["source"]
            parts.append(f"  {where}: {cut_in_the_middle(row['text'], _EVIDENCE)}")
    if cause["next_steps"]:
        parts.append("What to do next")
        for number, row in enumerate(cause["next_steps"], 1):
            parts.append(_wrapped(f"{number}. {row['text']}", "  ", "     "))
            if row["command"]:
                parts.append(f"       {cleaned(row['command'])}")
    if cause["would_raise"]:
        parts.append("What would make it surer")
        parts += [_wrapped(f"- {text}", "  ", "    ") for text in cause["would_raise"]]
    signature = document.get("signature")
    if signature:
        weak = " (no function of its own is known: others may have it too)" if signature["weak"] else ""
        parts.append("The same crash on another host has this signature")
        parts.append(f"  {signature['hash']}  {cleaned(signature['title'])}{weak}")
    return parts


def _crash(document: Mapping[str, Any]) -> list[str]:
    return _facts("The crash as the log prints it", crash_facts(document.get("crash")))


def _capture_death(document: Mapping[str, Any]) -> list[str]:
    return _facts("What the capture kernel died of in its turn", crash_facts(document.get("capture_death")))


def _stack(document: Mapping[str, Any]) -> list[str]:
    lines = stack_lines(document)
    return ["", "Its stack with source lines, innermost first", *(f"  {line}" for line in lines)] if lines else []


def _machine(tables: Sequence[Table], unread: str) -> list[str]:
    parts = [_wrapped(f"{table.title}: {table.sentence}", "  ", "    ") for table in tables]
    parts += [_wrapped(f"Not read: {unread}", "  ", "    ")] if unread else []
    return ["", "The machine as it was (--html has the tables)", *parts] if parts else []


def _reports(document: Mapping[str, Any]) -> list[str]:
    rows = document.get("reports") or []
    if len(rows) < 2:
        return []
    fatal = next((number for number, row in enumerate(rows) if row["fatal"]), len(rows) - 1)
    # what led to the crash stands before it
    first = max(0, min(fatal - _MOST_REPORTS // 2, len(rows) - _MOST_REPORTS))
    shown = rows[first : first + _MOST_REPORTS]
    parts = ["", f"All {len(rows)} reports of the kernel in this log"]
    for row in shown:
        crash = " (the crash)" if row["fatal"] else ""
        parts.append(f"  line {row['line']}{crash}: {cut_in_the_middle(row['title'], _EVIDENCE)}")
    left_out = len(rows) - len(shown)
    return [*parts, f"  {left_out} more are not shown"] if left_out else parts


def _dump(document: Mapping[str, Any]) -> list[str]:
    dump = [row for row in dump_facts(document) if row[0] not in _IN_FIRST_LINE]
    symbols = [row for row in symbols_facts(document) if row[0] != _IN_REMEDY]
    return [*_facts("The dump", dump), *_facts("Debug symbols", symbols)]


def _findings(document: Mapping[str, Any]) -> list[str]:
    rows = document.get("findings") or []
    if not rows:
        return []
    parts = ["", "What was checked"]
    for row in rows:
        parts.append(_wrapped(f"{row['status']:<7} {row['id']}: {row['reason']}", "  ", " " * 10))
        if row["remedy"] and row["status"] != "PASS":
            parts.append(f"          remedy: {cleaned(row['remedy'])}")
    return parts


def _facts(title: str, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    width = max(len(label) for label, _ in rows)
    parts = ["", title]
    for label, value in rows:
        first, *others = value.split("\n")
        parts.append(f"  {label:<{width}}  {first}")
        parts += [" " * (width + 4) + line for line in others]
    return parts


def _wrapped(text: str, first: str, rest: str | None = None) -> str:
    return textwrap.fill(
        cleaned(text).replace("\n", " "),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
