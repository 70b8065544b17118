"""The capture initramfs: absent, empty, for another kernel, stale, unknown."""

from __future__ import annotations

from dataclasses import replace

from kdumpkit.checks.capture_initramfs import check_capture_initramfs
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.facts.capture_initramfs import BuildInput, CaptureInitramfs
from kdumpkit.facts.directory_tree import FoundFile

from .facts import OTHER, RUNNING, UNKNOWNS
from .test_checks import agrees

PASS, WARN, FAIL, UNKNOWN = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN
FILE = FoundFile(f"/var/lib/kdump/initrd.img-{RUNNING}", "f", 5879512, 1997.0, None)
GOOD = CaptureInitramfs("/var/lib/kdump/initrd.img", FILE, RUNNING, RUNNING, (BuildInput("/etc/fstab", 5.0),), (30, 31))
REBUILD = f"/etc/kernel/postinst.d/kdump-tools {RUNNING}"


def check(fact: CaptureInitramfs) -> dict[str, Finding]:
    return {finding.id: finding for finding in check_capture_initramfs(fact, RUNNING, rebuild=REBUILD)}


def test_all_is_well() -> None:
    found = check(GOOD)
    assert [finding.status for finding in found.values()] == [PASS, PASS, PASS]
    assert set(found) == {"capture_initramfs.present", "capture_initramfs.kernel", "capture_initramfs.fresh"}


def test_absent_or_empty() -> None:
    found = check(replace(GOOD, file=None))
    agrees(found["capture_initramfs.present"], FAIL, "/var/lib/kdump/initrd.img", "nothing can be loaded")
    assert found["capture_initramfs.present"].remedy == REBUILD
    # what is not there is neither fresh nor for any kernel
    assert len(found) == 1
    agrees(check(replace(GOOD, file=replace(FILE, size_bytes=0)))["capture_initramfs.present"], FAIL, "empty")


def test_for_another_kernel() -> None:
    other = check(replace(GOOD, release=OTHER, kernel_release=OTHER))["capture_initramfs.kernel"]
    agrees(other, WARN, f"is {OTHER}", f"{RUNNING} is running")
    assert other.remedy == REBUILD
    mixed = check(replace(GOOD, release=OTHER))["capture_initramfs.kernel"]
    agrees(mixed, FAIL, f"is for {OTHER}", "without its modules")
    agrees(check(replace(GOOD, release=None))["capture_initramfs.kernel"], PASS)
    agrees(check(replace(GOOD, release=None, kernel_release=None))["capture_initramfs.kernel"], UNKNOWN)


def test_stale() -> None:
    """A capture initramfs that is older than what it was built from still loads: nothing else would tell."""
    newer = tuple(BuildInput(f"/etc/kdump/pre.d/{name}", 3000.0) for name in "abcd")
    stale = check(replace(GOOD, inputs=newer))["capture_initramfs.fresh"]
    agrees(stale, WARN, "is stale", "/etc/kdump/pre.d/a", "and 1 more")
    assert stale.remedy == REBUILD
    agrees(check(replace(GOOD, inputs=()))["capture_initramfs.fresh"], UNKNOWN, "none of what it is built from")


def test_unknown() -> None:
    for unknown in UNKNOWNS:
        found = check_capture_initramfs(unknown, RUNNING)
        assert len(found) == 3
        for finding in found:
            agrees(finding, UNKNOWN, unknown.why)
