"""What is known of a crash, as one document of plain values: what ``--json`` prints and what pages are made of.

Keys are stable; new ones may come. ``docs/analysis-json.md`` names them all.
"""

from __future__ import annotations

from typing import Any

from kdumpkit.analysis.cause import find_cause
from kdumpkit.analysis.crash_report import CrashReport
from kdumpkit.analysis.figures import crash_figures
from kdumpkit.analysis.log.excerpt import Excerpt
from kdumpkit.analysis.log.model import CrashLog
from kdumpkit.analysis.signature import find_signature
from kdumpkit.vmcore.contents import DumpContents

#: of the crash's own report, as printed
_MOST_LINES = 400


def crash_document(
    log: CrashLog, excerpt: Excerpt, report: CrashReport | None = None, contents: DumpContents | None = None
) -> dict[str, Any]:
    """``crash`` (fields of the fatal report), ``capture_death``, ``cause``, ``signature``, ``figures`` and more.

    ``timeline`` is one of the figures, and stood by itself before there were others.
    """
    crash = log.fatal
    cause = find_cause(log, excerpt, report)
    figures = crash_figures(log, excerpt, report, contents).as_json()
    return {
        "crash": None if crash is None else crash.as_json(),
        "capture_death": None if log.capture_death is None else log.capture_death.as_json(),
        "cause": None if cause is None else cause.as_json(),
        "signature": None if crash is None else find_signature(crash).as_json(),
        "timeline": None if "missing" in figures["timeline"] else figures["timeline"],
        "figures": figures,
        "reports": [
            {
                "kind": block.kind,
                "severity": block.severity.name.lower(),
                "title": block.title,
                "line": block.first_line,
                "time_s": block.time_s,
                "fatal": block is crash,
            }
            for block in log.blocks
        ],
        "last_words": _last_words(log, excerpt),
        "counts": {"lines": log.line_count, "reports": log.block_count, "boots": log.boot_count},
    }


def oops_document(log: CrashLog, excerpt: Excerpt) -> dict[str, Any]:
    """One line of ``kdumpkit oops --json``: the crash's fields flat, with ``cause`` and ``signature`` beside them."""
    cause = find_cause(log, excerpt)
    signature = None if log.fatal is None else find_signature(log.fatal)
    return log.as_json() | {
        "cause": None if cause is None else cause.as_json(),
        "signature": None if signature is None else signature.as_json(),
    }


def _last_words(log: CrashLog, excerpt: Excerpt) -> list[dict[str, Any]]:
    if log.fatal is None:
        lines = excerpt.lines[-40:]
    else:
        first, last = log.fatal.first_line - 5, log.fatal.last_line
        lines = tuple(line for line in excerpt.lines if first <= line.number <= last)[:_MOST_LINES]
    return [{"line": line.number, "time_s": line.time_s, "text": line.text} for line in lines]
