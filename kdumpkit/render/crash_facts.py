"""A crash document's values as labels and words: what the terminal's page and the HTML page say alike.

The document is that of :mod:`kdumpkit.analysis.crash_document`. What it does not say has no row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kdumpkit.evidence.redact import cleaned
from kdumpkit.runbook.clock import utc

#: label and value, cleaned
Row = tuple[str, str]

#: a stack with an interrupt and inlined functions has 30 and more; one that calls itself has no end
_MOST_FRAMES = 64
_MOST_CALLS = 10
#: what each word of the scale means, for somebody who reads it for the first time
CONFIDENCE_MEANS = {
    "certain": "the kernel, the firmware or the panic's own words name it",
    "likely": "several signs point to it and none against",
    "possible": "it fits what is seen, and so do other causes",
    "not known": "what is here is not enough to tell",
}
#: by severity of a report
_SEVERITY_MEANS = {
    "note": "the kernel goes on as if nothing had happened",
    "report": "a defect was reported",
    "hang": "something did not move any more",
    "fatal": "a task or the whole kernel dies of it",
}


class Table(Protocol):
    """A part of what drgn read, told in words; see :class:`kdumpkit.analysis.sections.SectionTable`."""

    @property
    def title(self) -> str: ...

    @property
    def sentence(self) -> str: ...

    @property
    def columns(self) -> Sequence[str]: ...

    @property
    def rows(self) -> Sequence[Sequence[str]]: ...


def crash_facts(block: Mapping[str, Any] | None) -> list[Row]:
    """What the kernel's report of a crash prints: ``crash`` of the document, or ``capture_death``."""
    if not block:
        return []
    at = f"{block['rip_symbol']}{block['rip_offset'] or ''}" if block["rip_symbol"] else ""
    at += f" [{block['rip_module']}]" if at and block["rip_module"] else ""
    task = f"{block['comm']} (pid {block['pid']})" if block["comm"] else ""
    on_cpu = f"CPU {block['cpu']}" if block["cpu"] is not None else ""
    kernel = f"{block['kernel_release'] or ''} {block.get('kernel_version') or ''}"
    return _rows(
        ("kind", _kind(block)),
        ("first line", block.get("title")),
        ("panic", block["panic_reason"]),
        ("at", at),
        ("fault address", block.get("fault_address")),
        ("raised at", block.get("bug_at")),
        ("task", f"{task} on {on_cpu}" if task and on_cpu else task or on_cpu),
        ("workqueue", block.get("workqueue")),
        ("when", _when(block)),
        ("kernel", kernel),
        ("taint", "; ".join(block["taints"]) or ("not tainted" if block["tainted"] == "" else "")),
        ("modules", _modules(block)),
        ("machine", block["hardware_name"]),
        ("call trace", _calls(block["call_trace"] or [])),
    )


def _kind(block: Mapping[str, Any]) -> str:
    words = str(block["kind"]).replace("_", " ")
    means = _SEVERITY_MEANS.get(str(block.get("severity")))
    number = block.get("oops_number") or 1
    earlier = f"; oops number {number} since boot, so an earlier one may be what it comes from" if number > 1 else ""
    # where kdump takes over from an oops, nothing is printed of a panic
    no_panic = "; the log shows no panic" if block.get("panicked") is False else ""
    return words + (f" ({means})" if means else "") + no_panic + earlier


def _when(block: Mapping[str, Any]) -> str:
    time_s, first = block.get("time_s"), block.get("first_line")
    parts = [] if time_s is None else [f"{time_s:.3f} s after boot"]
    if first is not None:
        parts.append(f"lines {first} to {block['last_line']} of the log")
    return ", ".join(parts)


def _modules(block: Mapping[str, Any]) -> str:
    loaded = block.get("modules_linked_in") or []
    tainting = ", ".join(f"{name} ({letters})" for name, letters in (block.get("module_taints") or {}).items())
    parts = [f"{len(loaded)} loaded"] if loaded else []
    parts += [f"tainting: {tainting}"] if tainting else []
    parts += [f"removed last: {block['last_unloaded']}"] if block.get("last_unloaded") else []
    return "; ".join(parts)


def _calls(functions: Sequence[str]) -> str:
    more = len(functions) - _MOST_CALLS
    return " < ".join(functions[:_MOST_CALLS]) + (f" < … {more} more" if more > 0 else "")


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


def dump_facts(document: Mapping[str, Any]) -> list[Row]:
    """What the dump's headers say, how much of it is there, and which drgn read it."""
    dump = document.get("dump")
    if not dump:
        return []
    pages = "" if dump.get("pages") is None else f"{dump['pages_there']} of {dump['pages']} are there"
    counts = document.get("counts") or {}
    return _rows(
        ("format", dump["kind"]),
        ("size", _size(dump.get("size_bytes"))),
        ("state", dump.get("state")),
        ("pages", pages),
        ("dump level", dump.get("dump_level")),
        ("unpacked", dump.get("unpacked")),
        ("host", dump["node"]),
        ("kernel", f"{dump['release'] or 'of unknown release'} {dump['machine'] or ''}"),
        ("build id", dump.get("build_id") or "not in the dump (kernels before 5.9 do not tell it)"),
        ("died at", utc(float(dump["crash_time"])) if dump["crash_time"] else "not in the dump"),
        ("CPUs", dump.get("cpus")),
        ("its log", log_words(counts)),
        ("drgn", document.get("drgn") or "did not open it"),
    )


def symbols_facts(document: Mapping[str, Any]) -> list[Row]:
    """Which debug symbols were used; where there are none, the package that has them and what else was looked at."""
    symbols = document.get("symbols")
    if not symbols:
        return []
    used = symbols["vmlinux"]
    rows = [("used", f"{used} ({symbols['where']})" if used else "none"), ("kernel built by", symbols["vendor"])]
    if not used:
        rows += [
            ("package", " or ".join(symbols["packages"])),
            ("to get it", "\n".join(symbols["commands"])),
            ("note", symbols["note"]),
        ]
    looked_at = [
        f"{row['path']}: {row['state']}" + (f" {row['build_id']}" if row["build_id"] else "")
        for row in symbols["looked_at"]
        if row["path"] != used
    ]
    return _rows(*rows, ("also there", "\n".join(looked_at)))


def dump_damage(document: Mapping[str, Any]) -> str:
    """What is wrong with the dump itself, in one sentence; empty where it is whole and tells of a crash."""
    found = {row["id"]: str(row["reason"]) for row in document.get("findings") or [] if row["status"] != "PASS"}
    ids = ("dump.whole",) if document.get("cause") else ("dump.whole", "dump.log", "dump.crash_block")
    return next((cleaned(found[name]).replace("\n", " ") for name in ids if name in found), "")


def log_words(counts: Mapping[str, Any]) -> str:
    """How much log was read.

    >>> log_words({"lines": 1204, "reports": 1, "boots": 2})
    '1204 lines, 1 report of the kernel, 2 boots'
    """
    names = (("lines", "line", ""), ("reports", "report", " of the kernel"), ("boots", "boot", ""))
    return ", ".join(
        f"{counts[name]} {noun}{'' if counts[name] == 1 else 's'}{of}" for name, noun, of in names if name in counts
    )


def stack_lines(document: Mapping[str, Any]) -> list[str]:
    """The crashed task's stack with source lines, innermost first; empty where no symbols were used."""
    task = (document.get("sections") or {}).get("crashed_task") or {}
    frames = task.get("frames", [])
    lines = []
    for frame in frames[:_MOST_FRAMES]:
        module = f" [{frame['module']}]" if frame.get("module") not in (None, "kernel") else ""
        where = f"  {frame['source_file']}:{frame['line']}" if frame.get("source_file") else ""
        inline = " (inline)" if frame.get("inline") else ""
        program = "" if frame.get("function") or frame.get("module") else " (a program's own code)"
        lines.append(cleaned(f"{frame.get('function') or frame.get('address')}{inline}{module}{where}{program}"))
    more = len(frames) - _MOST_FRAMES
    return [*lines, f"… {more} more"] if more > 0 else lines


def _rows(*rows: tuple[str, Any]) -> list[Row]:
    found = ((label, cleaned("" if value is None else str(value)).strip()) for label, value in rows)
    return [(label, value) for label, value in found if value]


def _size(size_bytes: int | None) -> str:
    if size_bytes is None:
        return ""
    return f"{size_bytes} bytes" + (f" ({size_bytes / (1 << 20):.1f} MiB)" if size_bytes >= 1 << 20 else "")
