"""A dump that lies here, from its bytes to one document: format, log, symbols, stacks, cause, signature, next steps.

What reads the dump's memory runs in processes of their own (:mod:`kdumpkit.vmcore.dmesg`,
:mod:`kdumpkit.analysis.drgn_report`): a fault in them ends them and not the analysis, and memory here stays flat.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdumpkit.analysis.crash_document import crash_document
from kdumpkit.analysis.crash_report import CrashReport, parse_drgn_report
from kdumpkit.analysis.drgn_report import drgn_report_command
from kdumpkit.analysis.dump_symbols import DumpSymbols, find_dump_symbols, require_there
from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.excerpt import read_excerpt
from kdumpkit.analysis.sections import SectionTable
from kdumpkit.checks.finding import Finding, Status, finding_as_json, worst_status
from kdumpkit.command import CommandResult
from kdumpkit.errors import HostError, KdumpkitError, VmcoreError
from kdumpkit.hosts.base import Host, Progress
from kdumpkit.vmcore.completeness import Completeness, DumpState, completeness_of_unpacked
from kdumpkit.vmcore.dmesg import dump_log_command, parse_dumped_log
from kdumpkit.vmcore.format import require_vmcore
from kdumpkit.vmcore.plain import unpacked_dump
from kdumpkit.vmcore.unpack import Unpacked

FORMAT = "kdumpkit analysis 1"
_ADDRESS = re.compile(r"\b(?:0x)?[0-9a-f]{8,16}\b")
_BANNER = re.compile(rb"Linux version [^\n]{1,400}")
#: reading a dump of a terabyte's machine takes its time
_REPORT_DEADLINE_S = 1800.0


@dataclass(frozen=True)
class DumpAnalysis:
    """The document and what the command ends with."""

    document: dict[str, Any]
    findings: tuple[Finding, ...]
    exit_status: int
    #: what drgn read, in words for people; its values are in the document
    tables: tuple[SectionTable, ...] = ()
    #: what drgn could not read, and why; empty where it read everything
    unread: str = ""


def analyse_dump(
    vmcore: Path,
    here: Host,
    vmlinux: Path | None = None,
    debuginfod: str | None = None,
    *,
    say: Callable[[str], None] = lambda _: None,
    progress: Progress | None = None,
) -> DumpAnalysis:
    """Everything that can be told of a dump. ``here`` is this machine; nothing on it is changed but the symbols' cache.

    A packed dump is unpacked to a file of its own first, which is removed at the end.

    Raises UsageError where a named file is not there, NotAVmcore where the file is no dump. Everything else that fails
    is a finding, and the rest is still told.
    """
    require_there(vmcore)
    with unpacked_dump(vmcore) as (plain, unpacked):
        return _analyse(plain, unpacked, here, vmlinux, debuginfod, say, progress)


def _analyse(
    vmcore: Path,
    unpacked: Unpacked | None,
    here: Host,
    vmlinux: Path | None,
    debuginfod: str | None,
    say: Callable[[str], None],
    progress: Progress | None,
) -> DumpAnalysis:
    found = completeness_of_unpacked(vmcore, unpacked)
    require_vmcore(found.header, vmcore.name)
    findings = [_judge_completeness(found)]
    say("reading the log")
    log_bytes, log_finding = _read_log(here, vmcore)
    banner = _BANNER.search(log_bytes)
    say("looking for symbols")
    symbols = find_dump_symbols(
        found.header, banner[0].decode("utf-8", "replace") if banner else "", vmlinux, debuginfod, progress
    )
    say("reading the dump")
    report, raw, report_finding = _read_report(here, vmcore, symbols)
    lines = log_bytes.splitlines()
    log = read_crash(lines)
    if log_finding is not None:
        findings.append(log_finding)
    else:
        findings.append(_judge_crash(log.fatal is not None, len(lines)))
    findings.append(symbols.finding)
    if report_finding is not None:
        findings.append(report_finding)
    document = {
        "format": FORMAT,
        "file": vmcore.name,
        "dump": _dump_values(found, raw) | {"unpacked": None if unpacked is None else unpacked.reason},
        **crash_document(log, read_excerpt(lines, log), report, found.contents),
        "symbols": symbols.as_json(),
        "drgn": raw.get("drgn"),
        "sections": raw.get("sections", {}),
        "findings": [finding_as_json(finding) for finding in findings],
        "status": str(worst_status(findings)),
    }
    return DumpAnalysis(
        document,
        tuple(findings),
        _exit_status(findings, symbols),
        () if report is None else report.machine_tables(),
        failed_parts(document["sections"]),
    )


def _judge_completeness(found: Completeness) -> Finding:
    if found.whole:
        return Finding("dump.whole", Status.PASS, found.reason)
    status = Status.UNKNOWN if found.state is DumpState.PACKED else Status.FAIL
    remedy = "compare size and checksum with the file on the host that crashed, and look there for a full disk: df -h"
    return Finding("dump.whole", status, found.reason, remedy)


def _read_log(here: Host, vmcore: Path) -> tuple[bytes, Finding | None]:
    try:
        return parse_dumped_log(here.run(dump_log_command(vmcore, timeout_s=_REPORT_DEADLINE_S))), None
    except (VmcoreError, HostError) as error:
        return b"", Finding("dump.log", Status.FAIL, error.message, error.hint)


def _judge_crash(there: bool, lines: int) -> Finding:
    if there:
        return Finding("dump.crash_block", Status.PASS, f"the log in the dump ({lines} lines) tells of the crash")
    reason = f"the log in the dump ({lines} lines) shows no crash: the dump was taken of a kernel that did not die, or "
    return Finding("dump.crash_block", Status.FAIL, reason + "its last lines are not in it", "read the serial console")


def _read_report(
    here: Host, vmcore: Path, symbols: DumpSymbols
) -> tuple[CrashReport | None, dict[str, Any], Finding | None]:
    name = "analysis.stack"
    try:
        result = here.run(drgn_report_command(vmcore, symbols.vmlinux, timeout_s=_REPORT_DEADLINE_S))
        report = parse_drgn_report(result.stdout)
    except KdumpkitError as error:
        return None, {}, Finding(name, Status.FAIL, error.message, error.hint)
    raw = _raw(result)
    if symbols.vmlinux is None:
        return report, raw, None
    failed = failed_parts(raw["sections"])
    if not failed:
        return report, raw, Finding(name, Status.PASS, f"drgn read all {len(raw['sections'])} parts of its report")
    status = Status.FAIL if "error" in raw["sections"].get("crashed_task", {}) else Status.WARN
    # nothing at all: the symbols do not serve, or the dump does not, and of the symbols there may be better ones
    remedy = symbols.remedy if report.drgn_version is None else ""
    return report, raw, Finding(name, status, f"not everything could be read: {failed}"[:2000], remedy)


def failed_parts(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Which parts of a report could not be read and why, those that failed alike told once; empty: all were read."""
    alike: dict[str, list[str]] = {}
    words: dict[str, str] = {}
    for name, answer in sections.items():
        if "error" in answer:
            # the same but for the address
            without = _ADDRESS.sub("", str(answer["error"]))
            alike.setdefault(without, []).append(name)
            words.setdefault(without, str(answer["error"]))
    return "; ".join(f"{', '.join(names)}: {words[without]}" for without, names in alike.items())


def _raw(result: CommandResult) -> dict[str, Any]:
    # parse_drgn_report has taken it for a report
    return dict(json.loads(result.stdout))


def _dump_values(found: Completeness, raw: dict[str, Any]) -> dict[str, Any]:
    header, info = found.header, found.header.vmcoreinfo
    told = raw.get("dump") or {}
    return {
        "kind": header.described(),
        "size_bytes": found.size_bytes,
        "state": str(found.state),
        "state_reason": found.reason,
        "pages": found.pages,
        "pages_there": found.pages_there,
        "machine": header.machine,
        "release": header.release,
        "build_id": info.build_id if info else None,
        "crash_time": info.crash_time if info else None,
        "node": told.get("node"),
        "cpus": told.get("cpus"),
        "dump_level": told.get("dump_level"),
    }


def _exit_status(findings: list[Finding], symbols: DumpSymbols) -> int:
    if symbols.unreachable is not None:
        return symbols.unreachable.exit_status
    return 1 if worst_status(findings) in (Status.FAIL, Status.UNKNOWN) else 0
