"""Whether the file system of the dumps can be written by a capture kernel."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.dump_target import DumpTarget
from kdumpkit.facts.kdump_settings import DumpTargetKind
from kdumpkit.facts.mounts import DeviceKind, Mount
from kdumpkit.facts.unknown import Unknown


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
