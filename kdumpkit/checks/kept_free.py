"""Room that the distribution wants to stay free: where less is left, it deletes the dump that it has just saved."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.dump_target import DumpTarget
from kdumpkit.facts.kdump_settings import DumpTargetKind, KdumpSettings
from kdumpkit.facts.meminfo import Meminfo
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown


def check_kept_free(
    settings: KdumpSettings | Unknown, target: DumpTarget | Unknown, meminfo: Meminfo | Unknown
) -> tuple[Finding, ...]:
    """``dump_target.kept_free``: enough stays free after a dump that it is not deleted again.

    () for families that delete nothing, where it is switched off, and for a network target, where nobody looks. FAIL
    where what the kernel holds now would be too much, WARN where only a dump as large as memory would be.
    """
    id = "dump_target.kept_free"
    if isinstance(settings, Unknown) or not settings.keep_free_bytes:
        return ()
    if isinstance(target, Unknown) or target.kind is not DumpTargetKind.LOCAL:
        return ()
    what = "whether a dump would be deleted again"
    if isinstance(target.space, Unknown):
        return (unknown_finding(id, what, target.space),)
    if isinstance(meminfo, Unknown):
        return (unknown_finding(id, what, meminfo),)
    records = records_of(settings, target, meminfo)
    free, keep = target.space.available_bytes, settings.keep_free_bytes
    rule = f"a dump is deleted again where less than {size_text(keep)} stay free ({settings.path})"
    if free - meminfo.total_bytes >= keep:
        reason = f"{size_text(free)} are free: after a dump as large as memory more than {size_text(keep)} are left."
        return (Finding(id, Status.PASS, reason, "", records),)
    remedy = f"df -h {target.directory}"
    if meminfo.kernel_bytes is not None and free - meminfo.kernel_bytes < keep:
        reason = f"{size_text(free)} are free, and the kernel holds {size_text(meminfo.kernel_bytes)} now: {rule}."
        return (Finding(id, Status.FAIL, reason, remedy, records),)
    reason = f"{size_text(free)} are free, and a dump can take up to {size_text(meminfo.total_bytes)}: {rule}."
    return (Finding(id, Status.WARN, reason, remedy, records),)
