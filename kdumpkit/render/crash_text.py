"""A crash as a page of plain text, from the document of :mod:`kdumpkit.analysis.crash_document`: for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from kdumpkit.evidence.redact import cleaned
from kdumpkit.runbook.clock import utc

_WIDTH = 100
_FRAMES = 24
#: what each word of the scale means, for somebody who reads it for the first time
CONFIDENCE_MEANS = {
    "certain": "the kernel, the firmware or the panic's own words name it",
    "likely": "several signs point to it and none against",
    "possible": "it fits what is seen, and so do other causes",
    "not known": "what is here is not enough to tell",
}


def crash_text(document: Mapping[str, Any]) -> str:
    """What happened, how sure that is, what it rests on, what to do, and what another host died of the same by."""
    if not document.get("crash") and not document.get("findings"):
        return f"{cleaned(str(document.get('file', '')))}: no crash in it"
    parts = [_head(document), *_cause(document), *_crash(document), *_stack(document), *_findings(document)]
    return "\n".join(parts)


def crash_facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of what the crash's own report prints; what it does not print is left out."""
    crash = document.get("crash")
    if not crash:
        return []
    at = f"{crash['rip_symbol']}{crash['rip_offset'] or ''}" if crash["rip_symbol"] else ""
    at += f" [{crash['rip_module']}]" if at and crash["rip_module"] else ""
    task = f"{crash['comm']} (pid {crash['pid']})" if crash["comm"] else ""
    taint = "; ".join(crash["taints"]) or ("not tainted" if crash["tainted"] == "" else "")
    rows = [
        ("kind", str(crash["kind"]).replace("_", " ")),
        ("panic", crash["panic_reason"] or ""),
        ("at", at),
        ("task", task + (f" on CPU {crash['cpu']}" if crash["cpu"] is not None else "")),
        ("kernel", crash["kernel_release"] or ""),
        ("taint", taint),
        ("machine", crash["hardware_name"] or ""),
        ("call trace", " < ".join((crash["call_trace"] or [])[:10])),
    ]
    return [(label, cleaned(value).strip()) for label, value in rows if value.strip()]


def dump_words(document: Mapping[str, Any]) -> str:
    """One line about the dump; empty where the document is a log's."""
    dump = document.get("dump")
    if not dump:
        return ""
    died = f", died {utc(float(dump['crash_time']))}" if dump["crash_time"] else ""
    host = f" of {dump['node']}" if dump["node"] else ""
    return cleaned(
        f"{dump['kind']}; Linux {dump['release'] or 'of unknown release'} {dump['machine'] or ''}{host}{died}"
    )


def stack_lines(document: Mapping[str, Any]) -> list[str]:
    """The crashed task's stack with source lines, innermost first; empty where no symbols were used."""
    task = (document.get("sections") or {}).get("crashed_task") or {}
    lines = []
    for frame in task.get("frames", [])[:_FRAMES]:
        module = f" [{frame['module']}]" if frame.get("module") not in (None, "kernel") else ""
        where = f"  {frame['source_file']}:{frame['line']}" if frame.get("source_file") else ""
        inline = " (inline)" if frame.get("inline") else ""
        lines.append(cleaned(f"{frame.get('function') or frame.get('address')}{inline}{module}{where}"))
    return lines


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
            parts.append(f"  {where}: {cleaned(row['text'])[:160]}")
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
        weak = " (no function is known: others may have it too)" if signature["weak"] else ""
        parts.append("The same crash on another host has this signature")
        parts.append(f"  {signature['hash']}  {cleaned(signature['title'])}{weak}")
    return parts


def _crash(document: Mapping[str, Any]) -> list[str]:
    facts = crash_facts(document)
    if not facts:
        return []
    width = max(len(label) for label, _ in facts)
    return ["", "The crash as the log prints it", *(f"  {label:<{width}}  {value}" for label, value in facts)]


def _stack(document: Mapping[str, Any]) -> list[str]:
    lines = stack_lines(document)
    return ["", "Its stack with source lines, innermost first", *(f"  {line}" for line in lines)] if lines else []


def _findings(document: Mapping[str, Any]) -> list[str]:
    rows = document.get("findings") or []
    if not rows:
        return []
    parts = ["", "What was checked"]
    for row in rows:
        parts.append(f"  {row['status']:<7} {row['id']}: {cleaned(row['reason'])}")
        if row["remedy"] and row["status"] != "PASS":
            parts.append(f"          remedy: {cleaned(row['remedy'])}")
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
