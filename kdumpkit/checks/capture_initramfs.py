"""The capture kernel's initramfs: there, for this kernel, and not older than what it was built from."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.capture_initramfs import CaptureInitramfs
from kdumpkit.facts.unknown import Unknown


def check_capture_initramfs(
    initramfs: CaptureInitramfs | Unknown, running_release: str, *, rebuild: str = ""
) -> tuple[Finding, ...]:
    """``capture_initramfs.present``, ``capture_initramfs.kernel`` and ``capture_initramfs.fresh``.

    ``rebuild`` is the distribution's command that builds it anew. A stale one is WARN: it mostly still saves a dump,
    without what was changed since (a hook, a mount, a driver).
    """
    if isinstance(initramfs, Unknown):
        return tuple(
            unknown_finding(f"capture_initramfs.{name}", f"whether the capture initramfs is {what}", initramfs)
            for name, what in (("present", "there"), ("kernel", "for this kernel"), ("fresh", "up to date"))
        )
    if initramfs.file is None:
        reason = f"There is no capture initramfs at {initramfs.path}, or it leads to nothing: nothing can be loaded."
        return (Finding("capture_initramfs.present", Status.FAIL, reason, rebuild, initramfs.records),)
    path = initramfs.file.path
    present = Finding("capture_initramfs.present", Status.PASS, f"{path} is there.", "", initramfs.records)
    if initramfs.file.size_bytes == 0:
        reason = f"{path} is empty: building it was cut off, perhaps by a full disk."
        present = Finding("capture_initramfs.present", Status.FAIL, reason, rebuild, initramfs.records)
    return (present, _kernel(initramfs, running_release, rebuild), _fresh(initramfs, path, rebuild))


def _kernel(initramfs: CaptureInitramfs, running: str, rebuild: str) -> Finding:
    id, records = "capture_initramfs.kernel", initramfs.records
    releases = {name for name in (initramfs.release, initramfs.kernel_release) if name is not None}
    if not releases:
        reason = f"Which kernel {initramfs.path} is for is not told by its name."
        return Finding(id, Status.UNKNOWN, reason, f"lsinitramfs {initramfs.path} | grep lib/modules/", records)
    if len(releases) == 2:
        reason = (
            f"The capture kernel is {initramfs.kernel_release} and its initramfs is for {initramfs.release}: it would "
            "start without its modules."
        )
        return Finding(id, Status.FAIL, reason, rebuild, records)
    (release,) = releases
    if release != running:
        reason = f"The capture kernel is {release} and {running} is running: the dump is written by another kernel."
        return Finding(id, Status.WARN, reason, rebuild, records)
    return Finding(id, Status.PASS, f"The capture kernel and its initramfs are {release}, as is running.", "", records)


def _fresh(initramfs: CaptureInitramfs, path: str, rebuild: str) -> Finding:
    id, records = "capture_initramfs.fresh", initramfs.records
    newer = initramfs.newer_inputs
    if newer:
        shown = ", ".join(found.path for found in newer[:3]) + (f" and {len(newer) - 3} more" if newer[3:] else "")
        reason = f"{path} is stale: {shown} changed after it was built."
        return Finding(id, Status.WARN, reason, rebuild, records)
    if not initramfs.inputs:
        reason = f"It is not known whether {path} is up to date: none of what it is built from was found."
        return Finding(id, Status.UNKNOWN, reason, rebuild, records)
    reason = f"{path} is newer than all of what it is built from ({len(initramfs.inputs)} files and directories)."
    return Finding(id, Status.PASS, reason, "", records)
