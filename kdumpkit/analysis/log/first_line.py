"""What the line says that opens a report: the named groups of its rule, and die()'s own line."""

from __future__ import annotations

from kdumpkit.analysis.log.builder import Builder
from kdumpkit.analysis.log.frames import parse_location
from kdumpkit.analysis.log.kinds import faults
from kdumpkit.analysis.log.taint import parse_taint


def take_groups(report: Builder, groups: dict[str, str | None], line_number: int) -> None:
    """Fields from the named groups of a rule."""
    if not groups:
        return
    for name in ("cpu", "pid"):
        value = groups.get(name)
        if value is not None and getattr(report, name) is None:
            setattr(report, name, int(value))
            report.line_numbers.setdefault(name, line_number)
    comm = groups.get("comm")
    if comm and report.comm is None:
        report.comm = comm
        report.line_numbers.setdefault("comm", line_number)
    if groups.get("cpu_hex"):
        report.in_debugger = True
        if report.cpu is None:
            report.cpu = int(groups["cpu_hex"] or "", 16)
            report.line_numbers.setdefault("cpu", line_number)
    mce_cpu = groups.get("mce_cpu")
    if mce_cpu is not None:
        report.mce_cpus.add(int(mce_cpu))
        report.line_numbers.setdefault("cpu", line_number)
    if groups.get("bug_at") and report.bug_at is None:
        report.bug_at = groups["bug_at"]
        report.line_numbers.setdefault("bug_at", line_number)
    if groups.get("address") and report.fault_address is None:
        report.fault_address = groups["address"]
        report.line_numbers.setdefault("fault_address", line_number)
    taint = groups.get("taint")
    if taint and report.header.taint is None:
        report.header = report.header._replace(taint=parse_taint(taint))
        report.line_numbers.setdefault("tainted", line_number)
    place = groups.get("place")
    if place and report.place is None:
        report.place = parse_location(place)
        report.line_numbers.setdefault("place", line_number)


def take_die(report: Builder, text: str, rename: bool) -> None:
    """Count and address from die()'s line; with ``rename`` the kind too, where no line named the cause before."""
    report.died = True
    match = faults.DIE.search(text)
    if match is None:
        return
    report.oops_number = int(match["count"])
    address = faults.DIE_ADDRESS.search(text) if report.fault_address is None else None
    if address is not None:
        report.fault_address = address["address"]
        report.line_numbers.setdefault("fault_address", report.last_line)
    if rename:
        for pattern, kind in faults.DIE_KINDS:
            if pattern.search(match["text"]):
                report.kind = kind
                break
