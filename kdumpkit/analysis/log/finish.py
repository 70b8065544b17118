"""The value that a report becomes when all of its lines were read."""

from __future__ import annotations

from kdumpkit.analysis.log.builder import Builder
from kdumpkit.analysis.log.frames import parse_address, settled_frames
from kdumpkit.analysis.log.model import CrashBlock
from kdumpkit.analysis.log.module_list import split_modules
from kdumpkit.analysis.log.rows import settled_texts

#: faults below this address are taken for a NULL pointer, as bad_page_fault() and show_fault_oops() do
_FIRST_PAGE = 4096


def finish_report(report: Builder, kernel_release: str | None, kernel_release_line: int | None) -> CrashBlock:
    """The report as a value; the release of the boot's banner stands in where the report prints none."""
    kind = _settled_kind(report)
    location = report.location
    lines = {name: number for name, number in report.line_numbers.items() if name != "place"}
    if location is None and report.place is not None and kind == "warning":
        location = report.place
        lines["rip_symbol"] = report.line_numbers["place"]
    modules, module_taints, last_unloaded = split_modules(" ".join(report.module_texts))
    release = report.header.release
    if release is None and kernel_release is not None and kernel_release_line is not None:
        release = kernel_release
        lines["kernel_release"] = kernel_release_line
    return CrashBlock(
        kind=kind,
        severity=report.severity,
        panicked=report.panicked,
        panic_reason=report.panic_reason,
        title=report.title,
        rip_symbol=location.symbol if location else None,
        rip_offset=location.offset if location else None,
        rip_module=location.module if location else None,
        comm=report.comm if report.comm is not None else report.header.comm,
        pid=report.pid if report.pid is not None else report.header.pid,
        cpu=_settled_cpu(report),
        kernel_release=release,
        kernel_version=report.header.version,
        tainted=report.header.taint,
        frames=settled_frames(report.frames),
        hardware_name=report.hardware_name,
        workqueue=report.workqueue,
        modules_linked_in=modules,
        registers=settled_texts(report.registers),
        fault_address=report.fault_address,
        bug_at=report.bug_at,
        oops_number=report.oops_number,
        time_s=report.time_s,
        first_line=report.first_line,
        last_line=report.last_line,
        line_numbers=lines,
        module_taints=module_taints,
        last_unloaded=last_unloaded,
    )


def _settled_kind(report: Builder) -> str:
    if report.kind not in ("paging_request", "oops"):
        return report.kind
    address = parse_address(report.fault_address)
    if address is not None and address < _FIRST_PAGE:
        return "null_deref"
    return "paging_request" if address is not None else report.kind


def _settled_cpu(report: Builder) -> int | None:
    if report.cpu is not None:
        return report.cpu
    if report.header.cpu is not None:
        return report.header.cpu
    return next(iter(report.mce_cpus)) if len(report.mce_cpus) == 1 else None
