"""One dump as one JSON document: ``python -m kdumpkit.analysis.drgn_report VMCORE [--vmlinux FILE] [--on HOST ...]``.

A process of its own, so that a death of drgn's C code takes nobody along, and so that the document can be recorded
and played back (:func:`kdumpkit.analysis.crash_report.parse_drgn_report` reads it). drgn itself runs in a child
of this process: where it dies, headers and VMCOREINFO are still reported, and which signal ended the rest.

Exit status: 0 the dump was read (single sections may still say ``error``), 1 it could not be (the document has the
error), 2 wrong use.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.drgn_session import open_session
from kdumpkit.analysis.section_reading import read_sections
from kdumpkit.analysis.sections import SECTIONS
from kdumpkit.analysis.symbols import SymbolsMatch, check_symbols
from kdumpkit.command import Command
from kdumpkit.errors import KdumpkitError, NotAVmcore, VmcoreIncomplete
from kdumpkit.hosts.on_host import OnHost, add_host_options, host_from
from kdumpkit.vmcore.architecture import foreign_architecture
from kdumpkit.vmcore.completeness import Completeness, DumpState, completeness_of, completeness_of_unpacked
from kdumpkit.vmcore.format import VmcoreHeader, read_header, require_vmcore
from kdumpkit.vmcore.memory import open_program
from kdumpkit.vmcore.plain import openable_dump, unpacked_dump
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo

if TYPE_CHECKING:
    from kdumpkit.vmcore.unpack import Unpacked

#: the same as in crash_report, which imports pydantic; this process does without, it has half a second in all
FORMAT = "kdumpkit drgn report 1"
#: what of kdumpkit.vmcore.report's document need not be found out again
_KNOWN = ("state", "reason", "pages", "pages_there")
#: of the whole command, for a dump that lies here
DRGN_TIMEOUT_S = 300.0
#: over a line of 10 Mbit/s the slowest section takes minutes
IN_PLACE_SECTION_TIMEOUT_S = 600.0
IN_PLACE_TIMEOUT_S = 3000.0


def drgn_report_command(
    vmcore: Path,
    vmlinux: Path | None = None,
    python: str = sys.executable,
    timeout_s: float = DRGN_TIMEOUT_S,
    on_host: OnHost | None = None,
    known: Mapping[str, Any] | None = None,
) -> Command:
    """The command that prints the document. Exit status 1 is accepted: the document then has the error.

    ``on_host``: the dump lies on that host and is read there; None: it lies here. ``known``: what
    :mod:`kdumpkit.vmcore.report` said of it there, so that its table of pages does not come over once more.
    """
    argv = [python, "-m", "kdumpkit.analysis.drgn_report", str(vmcore)]
    argv += ["--vmlinux", str(vmlinux)] if vmlinux is not None else []
    argv += on_host.arguments() if on_host is not None else ()
    if known is not None:
        argv += ["--known", json.dumps({name: known[name] for name in _KNOWN})]
    return Command(tuple(argv), timeout_s=timeout_s, accepted=(0, 1), title=f"drgn report of {vmcore.name}")


def read_report(vmcore: Path, vmlinux: Path | None) -> dict[str, Any]:
    """The document, as JSON's types. Raises what makes a report impossible; the rest is said section by section."""
    with unpacked_dump(vmcore) as (plain, unpacked):
        try:
            return _read_plain(plain, vmlinux, unpacked)
        except NotAVmcore as error:
            if unpacked is None or unpacked.whole:
                raise
            raise VmcoreIncomplete(f"{unpacked.reason}; {error.message}", error.hint) from error


def read_report_in_place(
    on_host: OnHost, path: str, vmlinux: Path | None, known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """As :func:`read_report`, of a dump on a host, of which only what is asked for comes here.

    ``known`` is what :func:`kdumpkit.vmcore.report.describe_in_place` said of it; None: it is looked at again.
    """
    # most dumps lie here, and what talks to hosts takes a while to import
    from kdumpkit.vmcore.in_place import open_program_in_place
    from kdumpkit.vmcore.remote_dump import open_remote_dump

    name = path.rsplit("/", 1)[-1]
    with open_remote_dump(on_host.connect, path) as view:
        found = completeness_of(view, name) if known is None else _known_completeness(known, read_header(view))
        info = _require_vmcoreinfo(found, name)
        symbols = None if vmlinux is None else check_symbols(info, vmlinux)
        document = _headers(found, info, symbols, name)
        document["dump"]["unpacked"] = None
        return document | read_sections(
            lambda: open_session(lambda: open_program_in_place(view, found.header, name), info, vmlinux),
            SECTIONS,
            (Path(path), vmlinux),
            IN_PLACE_TIMEOUT_S,
            section_timeout_s=IN_PLACE_SECTION_TIMEOUT_S,
            ended=view.close,
        )


def _read_plain(vmcore: Path, vmlinux: Path | None, unpacked: Unpacked | None) -> dict[str, Any]:
    found = completeness_of_unpacked(vmcore, unpacked)
    info = _require_vmcoreinfo(found, vmcore.name)
    symbols = None if vmlinux is None else check_symbols(info, vmlinux)
    document = _headers(found, info, symbols, vmcore.name)
    document["dump"]["unpacked"] = None if unpacked is None else unpacked.reason
    with openable_dump(vmcore, found) as dump:
        return document | read_sections(
            lambda: open_session(lambda: open_program(dump, found), info, vmlinux), SECTIONS, (dump, vmlinux)
        )


def _known_completeness(known: Mapping[str, Any], header: VmcoreHeader) -> Completeness:
    return Completeness(
        DumpState(known["state"]), known["reason"], header.size_bytes, header, known["pages"], known["pages_there"]
    )


def _require_vmcoreinfo(found: Completeness, name: str) -> Vmcoreinfo:
    require_vmcore(found.header, name)
    info = found.header.vmcoreinfo
    if info is None:
        raise NotAVmcore(
            f"{name} has no VMCOREINFO, so nothing in it can be found; {found.reason}",
            "compare its size and checksum with the file on the host that crashed; the core of a program never has any",
        )
    return info


def _headers(found: Completeness, info: Vmcoreinfo, symbols: SymbolsMatch | None, name: str) -> dict[str, Any]:
    header = found.header
    kdump = header.kdump
    utsname = kdump.utsname if kdump is not None else {}
    return {
        "format": FORMAT,
        "dump": {
            "name": name,
            "size_bytes": header.size_bytes,
            "kind": header.described(),
            "machine": header.machine,
            "architecture": foreign_architecture(header.machine, os.uname().machine),
            "release": header.release,
            "node": utsname.get("node") or None,
            "version": utsname.get("version") or None,
            "cpus": kdump.cpus if kdump is not None else None,
            "dump_level": kdump.dump_level if kdump is not None else None,
            "state": found.state.value,
            "state_reason": found.reason,
            "pages": found.pages,
            "pages_there": found.pages_there,
        },
        "vmcoreinfo": {
            "release": info.release,
            "build_id": info.build_id,
            "crash_time": info.crash_time,
            "kaslr_offset": info.kaslr_offset,
            "page_size_bytes": info.page_size_bytes,
        },
        "symbols": {
            "used": symbols is not None,
            "compared": symbols is not None and symbols.compared,
            "build_id": None if symbols is None else symbols.build_id,
            "reason": "no vmlinux was given" if symbols is None else symbols.reason,
        },
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m kdumpkit.analysis.drgn_report", description="A dump as JSON.")
    parser.add_argument("vmcore", type=Path)
    parser.add_argument("--vmlinux", type=Path, help="unpacked kernel with debug symbols; its build id is compared")
    add_host_options(parser)
    parser.add_argument("--known", type=json.loads, help="with --on: what kdumpkit.vmcore.report said of the dump")
    options = parser.parse_args(arguments)
    host = host_from(options)
    status = 0
    try:
        if host is None:
            document = read_report(options.vmcore, options.vmlinux)
        else:
            document = read_report_in_place(host, str(options.vmcore), options.vmlinux, options.known)
    except KdumpkitError as error:
        status = error.exit_status
        said = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        document = {"format": FORMAT, "error": said}
        sys.stderr.write(f"{error}\n")
    # bytes of a file's name that are no text have no place in JSON
    sys.stdout.write(json.dumps(_text(document), indent=1) + "\n")
    return status


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _text(inner) for key, inner in value.items()}
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
