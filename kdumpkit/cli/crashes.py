"""``kdumpkit analyse`` and ``kdumpkit oops``: why a kernel died, from what already lies here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kdumpkit.cli.progress import move_line
from kdumpkit.errors import KdumpkitError, UsageError
from kdumpkit.evidence.redact import cleaned

if TYPE_CHECKING:
    from kdumpkit.analysis.dump_analysis import DumpAnalysis
    from kdumpkit.hosts.base import Progress

Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


def analyse(
    vmcore: Annotated[Path, typer.Argument(metavar="VMCORE", help="a dump of any kind, as makedumpfile wrote it")],
    vmlinux: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="the kernel with debug symbols, or the folder of an unpacked package"),
    ] = None,
    debuginfod: Annotated[
        str | None, typer.Option(metavar="URL", help="a server to fetch the symbols from, by build id")
    ] = None,
    as_json: Json = False,
    as_html: Annotated[bool, typer.Option("--html", help="print one self-contained page of HTML")] = False,
) -> int:
    """Tell why a kernel died, from its dump, with symbols where there are some; nothing else is needed."""
    from kdumpkit.analysis.dump_analysis import FORMAT, analyse_dump
    from kdumpkit.hosts.local import LocalHost

    if as_json and as_html:
        raise UsageError("--json and --html exclude each other", "run it twice")
    try:
        found = analyse_dump(
            vmcore, LocalHost(), vmlinux, debuginfod, say=_say, progress=_symbols_progress() if debuginfod else None
        )
    except KdumpkitError as error:
        if not as_json:
            raise
        said = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        print(json.dumps({"format": FORMAT, "file": vmcore.name, "status": "FAIL", "error": said}))
        return error.exit_status
    print(_shown(found, as_json, as_html))
    return found.exit_status


def oops(
    logs: Annotated[
        list[Path], typer.Argument(metavar="LOG...", help="vmcore-dmesg.txt, dmesg.<stamp>, console, journal; -: input")
    ],
    as_json: Json = False,
) -> int:
    """Tell why a kernel died from logs alone; with --json one object per file and line."""
    from kdumpkit.analysis.crash_document import crash_document, oops_document
    from kdumpkit.analysis.log.foreign import describe_foreign
    from kdumpkit.analysis.packed_log import readable_log

    same: dict[str, list[str]] = {}
    for number, path in enumerate(logs):
        with readable_log(path) as file:
            log, excerpt = _read_log(file)
            note = describe_foreign(file) if log.fatal is None else ""
        if as_json:
            row = {"file": str(path)} | oops_document(log, excerpt) | {"note": note or None}
            print(json.dumps(row, ensure_ascii=False))
            continue
        from kdumpkit.render.crash_text import crash_text

        document = {"file": str(path), **crash_document(log, excerpt), "note": note or None}
        print(("\n" if number else "") + crash_text(document))
        if document["signature"]:
            title = f"{document['signature']['hash']}  {document['signature']['title']}"
            same.setdefault(title, []).append(str(path))
    for title, paths in same.items():
        if len(paths) > 1:
            print(cleaned(f"\nThese tell of the same crash, {title}: {', '.join(paths)}"))
    return 0


def _read_log(path: Path) -> Any:
    from kdumpkit.analysis.log import read_crash_file
    from kdumpkit.analysis.log.excerpt import read_excerpt_file

    log = read_crash_file(path)
    return log, read_excerpt_file(path, log)


def _shown(found: DumpAnalysis, as_json: bool, as_html: bool) -> str:
    if as_json:
        return json.dumps(found.document, ensure_ascii=False, indent=1)
    if as_html:
        from kdumpkit.render.crash_page import crash_page

        return crash_page(found.document, found.tables, found.unread)
    from kdumpkit.render.crash_text import crash_text

    return crash_text(found.document, found.tables, found.unread)


def _say(text: str) -> None:
    if sys.stderr.isatty():
        move_line(f"{cleaned(text)} …")


def _symbols_progress() -> Progress:
    from kdumpkit.facts.text import transfer_text
    from kdumpkit.hosts.pace import Pace

    pace = Pace()

    def tell(done: int, of: int) -> None:
        if sys.stderr.isatty():
            pace.tell(done, of)
            words = transfer_text(done, of, pace.bytes_per_s, pace.left_s)
            move_line(f"fetching symbols: {words}")

    return tell
