"""Room for a dump, and whether its file system can be written."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.dump_target import DumpTarget
from kdumpkit.facts.kdump_settings import DumpTargetKind
from kdumpkit.facts.meminfo import Meminfo
from kdumpkit.facts.mounts import DeviceKind, Mount
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown


def check_dump_space(target: DumpTarget | Unknown, meminfo: Meminfo | Unknown) -> Finding:
    """``dump_target.space``: free bytes against the bounds of a dump at level 31.

    A dump at level 31 holds kernel pages only. It cannot be larger than RAM, which is the upper bound; what the kernel
    holds now, before compression, is the lower one that is reckoned with. PASS above the upper, FAIL below the lower.
    """
    id = "dump_target.space"
    if isinstance(target, Unknown):
        return unknown_finding(id, "where a dump is written", target)
    if target.kind is not DumpTargetKind.LOCAL:
        reason = f"Dumps go to {target.remote} by {target.kind}: the room there cannot be seen from this host."
        return Finding(id, Status.SKIP, reason, "", target.records)
    if isinstance(target.space, Unknown):
        return unknown_finding(id, f"how much room {target.directory or 'the dump directory'} has", target.space)
    if isinstance(meminfo, Unknown):
        return unknown_finding(id, "how large a dump can get", meminfo)
    records = records_of(target, meminfo)
    free, total = target.space.available_bytes, meminfo.total_bytes
    seen = f"{size_text(free)} free at {target.space.target} for {target.directory}"
    remedy = f"df -h {target.directory}; du -xsh {target.directory}"
    if free >= total:
        return Finding(
            id, Status.PASS, f"{seen}, at least the {size_text(total)} of RAM that bound a dump.", "", records
        )
    lower = meminfo.kernel_bytes
    if lower is None:
        reason = (
            f"{seen}, less than the {size_text(total)} of RAM that bound a dump; what the kernel holds is not known."
        )
        return Finding(id, Status.WARN, reason, remedy, records)
    bounds = (
        f"a dump at level 31 is at most the {size_text(total)} of RAM, and the kernel's own pages"
        f" are about {size_text(lower)} now, before compression"
    )
    return Finding(id, Status.FAIL if free < lower else Status.WARN, f"{seen}: {bounds}.", remedy, records)


def check_dump_file_system(target: DumpTarget | Unknown) -> Finding:
    """``dump_target.file_system``: a file system on a device that the capture kernel can mount and write."""
    id = "dump_target.file_system"
    if isinstance(target, Unknown):
        return unknown_finding(id, "where a dump is written", target)
    if target.kind is not DumpTargetKind.LOCAL:
        return Finding(id, Status.SKIP, f"Dumps go to {target.remote} by {target.kind}.", "", target.records)
    mount = target.mount
    if not isinstance(mount, Mount):
        return unknown_finding(id, "which file system holds the dumps", mount)
    seen = f"{target.directory} lies on {mount.source} ({mount.fstype}) at {mount.target}"
    if mount.read_only:
        reason = f"{seen}, which is mounted read-only."
        return Finding(id, Status.FAIL, reason, f"mount -o remount,rw {mount.target}", target.records)
    if mount.device is DeviceKind.NONE:
        reason = f"{seen}, which is in memory or has no device: a dump there does not survive the reboot."
        return Finding(id, Status.FAIL, reason, f"findmnt -T {target.directory}", target.records)
    if mount.device in (DeviceKind.CRYPT, DeviceKind.NETWORK):
        reason = f"{seen} ({mount.device}): the capture kernel must unlock or reach it without anybody there."
        return Finding(id, Status.WARN, reason, "", target.records)
    return Finding(id, Status.PASS, f"{seen}.", "", target.records)
