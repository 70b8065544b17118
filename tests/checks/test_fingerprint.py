"""An earlier proof against the host as it is now: good, stale for each reason, not comparable, none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdumpkit.checks.finding import Status
from kdumpkit.checks.fingerprint import EarlierProof, check_proof, check_same_machine
from kdumpkit.facts.boot_id import BootIdentity
from kdumpkit.facts.fingerprint import Fingerprint, machine_part
from kdumpkit.facts.unknown import Unknown, Why

from .test_checks import agrees

PARTS = {
    "machine": "11",
    "kernel release": "6.1.0-56-amd64",
    "kernel build id": "ab",
    "command line": "cc",
    "capture kernel": "dd",
    "capture initramfs": "ee",
    "settings /etc/default/kdump-tools": "ff",
    "package kdump-tools": "1:1.8.1",
}
THEN = EarlierProof("20261123T064506Z", "2026-11-23 06:48:49 UTC", Fingerprint(PARTS, {}))
NOW = Fingerprint(PARTS, {}, (50,))


def test_nothing_has_changed() -> None:
    found = check_proof(THEN, NOW)
    agrees(found, Status.PASS, "20261123T064506Z", "2026-11-23 06:48:49 UTC", "8 things")
    assert (found.id, found.remedy, found.records) == ("proof.current", "", (50,))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("capture initramfs", "e2", "the capture initramfs was rebuilt after the test"),
        ("capture initramfs", "absent", "capture initramfs is no longer there"),
        ("capture kernel", "d2", "the capture kernel is another file"),
        ("kernel release", "6.1.0-57-amd64", "another kernel runs (6.1.0-56-amd64 then, 6.1.0-57-amd64 now)"),
        ("kernel build id", "a2", "built anew"),
        ("command line", "c2", "command line is another"),
        ("machine", "12", "another machine"),
        ("settings /etc/default/kdump-tools", "f2", "/etc/default/kdump-tools was changed"),
        ("package kdump-tools", "1:1.8.2", "package kdump-tools was 1:1.8.1 and is 1:1.8.2"),
        ("package makedumpfile", "1:1.7.2", "package makedumpfile was not there and is 1:1.7.2"),
    ],
)
def test_stale(name: str, value: str, words: str) -> None:
    """A proof is worth what it was made on: whatever of it changes makes it stale, and is named."""
    found = check_proof(THEN, replace(NOW, parts=PARTS | {name: value}))
    agrees(found, Status.WARN, "the proof is stale", words)
    assert found.remedy == "kdumpkit run HOST.yaml --set mode=apply"


def test_a_package_that_went() -> None:
    gone = {name: value for name, value in PARTS.items() if not name.startswith("package")}
    agrees(check_proof(THEN, replace(NOW, parts=gone)), Status.WARN, "was 1:1.8.1 and is not there")


def test_many_changes_are_counted() -> None:
    changed = {name: value + "x" for name, value in PARTS.items()}
    agrees(check_proof(THEN, replace(NOW, parts=changed)), Status.WARN, "and 4 more")


def test_what_cannot_be_compared_is_not_taken_for_the_same() -> None:
    less = {name: value for name, value in PARTS.items() if name != "capture initramfs"}
    unread = Fingerprint(less, {"capture initramfs": "sha256sum: not permitted"}, (50,))
    agrees(check_proof(THEN, unread), Status.UNKNOWN, "capture initramfs cannot be compared", "not permitted")
    then = replace(THEN, fingerprint=Fingerprint(less, {"capture initramfs": "sha256sum: absent"}))
    agrees(check_proof(then, NOW), Status.UNKNOWN, "sha256sum: absent")
    # a change that is certain counts all the same
    worse = replace(unread, parts=less | {"command line": "c2"})
    agrees(check_proof(THEN, worse), Status.WARN, "command line is another")


def test_packages_that_cannot_be_read_have_not_gone() -> None:
    less = {name: value for name, value in PARTS.items() if not name.startswith("package")}
    agrees(check_proof(THEN, Fingerprint(less, {"package": "dpkg-query: absent"})), Status.UNKNOWN, "package cannot")


def test_no_earlier_proof() -> None:
    agrees(check_proof(None, NOW), Status.SKIP, "has proved a dump of this host before")


def test_the_machine_that_answers_after_a_panic_is_the_one_that_was_crashed() -> None:
    untold = Unknown("/etc/machine-id", Why.ABSENT)
    boot = BootIdentity("01234567-89ab-cdef-0123-456789abcdef", 9.0, "1" * 32, "web01", (7,))
    before = Fingerprint({"machine": str(machine_part(boot))}, {})
    assert check_same_machine(before, boot) == ()
    (other,) = check_same_machine(before, replace(boot, machine_id="2" * 32))
    agrees(other, Status.FAIL, "Another machine answers than the one that was crashed")
    for then, now in ((before, replace(boot, machine_id=untold)), (before, untold), (Fingerprint({}, {}), boot)):
        (unclear,) = check_same_machine(then, now)
        agrees(unclear, Status.WARN, "It is not known")
