"""Dumps as they lie on the host: listed, and looked at from both ends without copying them."""

from __future__ import annotations

from kdumpkit.actions.crash import label_line
from kdumpkit.analysis.find_test_log import find_label
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.command import command
from kdumpkit.distributions import Distribution
from kdumpkit.distributions.answers import DumpCandidate
from kdumpkit.facts.text import size_text
from kdumpkit.hosts.base import Host
from kdumpkit.vmcore.format import VmcoreKind, kind_of, wrapper_of

#: the end marker of a flattened dump: a segment header of offset and size -1
FLATTENED_END = b"\xff" * 16


def list_dumps(host: Host, distribution: Distribution, directory: str) -> tuple[DumpCandidate, ...]:
    """The dumps in a directory of the host, oldest first."""
    result = host.run(distribution.dump_listing_command(directory)).checked()
    return distribution.parse_dump_listing(result.stdout, directory)


def check_dump_ends(host: Host, path: str, size_bytes: int) -> Finding:
    """``panic_test.dump_format``: the kind by its first bytes, and for a flattened dump the mark at its end."""
    name = "panic_test.dump_format"
    result = host.run(
        command(
            "sh",
            "-c",
            'head -c 18 -- "$1"; tail -c 16 -- "$1"',
            "sh",
            path,
            as_root=True,
            title=f"both ends of {path}",
            inline=True,
        )
    ).checked()
    start, end = result.stdout[:18], result.stdout[-16:]
    kind, records = kind_of(start), (result.record,)
    wrapper = wrapper_of(start)
    if wrapper is not None:
        return Finding(
            name, Status.WARN, f"{path} is packed by {wrapper}; what is in it is seen when it is read", "", records
        )
    if kind in (VmcoreKind.EMPTY, VmcoreKind.UNKNOWN):
        seen = "it is empty" if kind is VmcoreKind.EMPTY else f"it begins with {start[:8]!r}"
        return Finding(name, Status.FAIL, f"{path} is no dump: {seen}", f"ls -l {path}; df -h {path}", records)
    if kind is VmcoreKind.FLATTENED and end != FLATTENED_END:
        reason = f"{path} is a flattened dump without its end mark: writing it was cut off"
        return Finding(name, Status.FAIL, reason, f"df -h {path}; look at the console", records)
    mark = " and ends with its end mark" if kind is VmcoreKind.FLATTENED else ""
    reason = f"{path} begins as a {kind.value} dump{mark}, {size_text(size_bytes)}"
    return Finding(name, Status.PASS, reason, "", records)


def check_test_label(name: str, log: bytes, label: str, where: str, records: tuple[int, ...]) -> Finding:
    """The finding ``name``: the dead kernel's log has this test's label, and the panic by sysrq-c after it."""
    line = label_line(label)
    found = find_label(log, label)
    if found is None:
        reason = f"{where} does not have the line `{line}`: it is the log of another crash"
        return Finding(name, Status.FAIL, reason, "compare the times of the dumps in the dump directory", records)
    if not found.by_sysrq:
        reason = f"{where} has the label and after it no panic by sysrq-c: the kernel died of something else"
        return Finding(name, Status.FAIL, reason, "read the end of the log", records)
    return Finding(name, Status.PASS, f"{where} has the line `{line}` and after it the panic by sysrq-c", "", records)
