"""Whether the distribution switches kdump on by itself on a host like this one."""

from __future__ import annotations

from collections.abc import Iterator

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.firmware import Firmware, FirmwareKind
from kdumpkit.facts.kdump_default import KdumpDefault
from kdumpkit.facts.meminfo import Meminfo
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.systemd_unit import SystemdUnit
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown


def check_by_default(
    default: KdumpDefault,
    machine: str,
    firmware: Firmware | Unknown,
    threads: int | Unknown,
    meminfo: Meminfo | Unknown,
    unit: SystemdUnit | Unknown,
) -> Finding:
    """``kdump.by_default``: on where the distribution's own rule switches it on, or off by that rule.

    The free space that the rule asks for as well was looked at by the installer, and is judged elsewhere as it is now.
    """
    id = "kdump.by_default"
    off = next(_off(default, machine, firmware), None)
    if off is None:
        for what, fact in (("how much RAM there is", meminfo), ("how many threads there are", threads)):
            if isinstance(fact, Unknown):
                return unknown_finding(id, what, fact)
        off = next(_too_small(default, threads, meminfo), None)
    if off is not None:
        return Finding(id, Status.SKIP, f"{default.source} leaves kdump off here: {off}.", "", records_of(meminfo))
    if isinstance(unit, Unknown):
        return unknown_finding(id, "whether the service is started at boot", unit)
    if unit.exists and unit.enabled:
        reason = f"{default.source} switches kdump on by itself on a host like this one, and {unit.name} is enabled."
        return Finding(id, Status.PASS, reason, "", unit.records)
    state = "is not on the host" if not unit.exists else f"is {unit.unit_file_state or 'not enabled'}"
    reason = (
        f"{default.source} switches kdump on by itself on a host like this one, and {unit.name} {state}: the system "
        f"was upgraded, its installer found less than {default.free_times} times RAM and swap free in /var, or "
        "somebody took it out."
    )
    return Finding(id, Status.WARN, reason, default.remedy, unit.records)


def _off(default: KdumpDefault, machine: str, firmware: Firmware | Unknown) -> Iterator[str]:
    if machine not in (*default.machines, *default.uefi_machines):
        yield f"a machine of the kind {machine} is none of {', '.join((*default.machines, *default.uefi_machines))}"
    if machine in default.uefi_machines and isinstance(firmware, Firmware) and firmware.kind is FirmwareKind.BIOS:
        yield f"a machine of the kind {machine} has to be started by UEFI"


def _too_small(default: KdumpDefault, threads: int | Unknown, meminfo: Meminfo | Unknown) -> Iterator[str]:
    if isinstance(threads, int) and threads < default.least_threads:
        yield f"it has {threads} threads of the {default.least_threads} that are asked for"
    if not isinstance(meminfo, Meminfo):
        return
    if not default.least_ram_bytes <= meminfo.total_bytes < default.below_ram_bytes:
        between = f"{size_text(default.least_ram_bytes)} and {size_text(default.below_ram_bytes)}"
        yield f"it has {size_text(meminfo.total_bytes)} of RAM, which is not between {between}"
