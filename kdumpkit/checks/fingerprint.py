"""Whether what an earlier panic test proved still stands: nothing that it rests on has changed since."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.facts import fingerprint
from kdumpkit.facts.boot_id import BootIdentity
from kdumpkit.facts.fingerprint import Fingerprint
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.unknown import Unknown


@dataclass(frozen=True)
class EarlierProof:
    """A panic test of this host that left a good dump. ``proved_at`` is its time as text."""

    run_id: str
    proved_at: str
    fingerprint: Fingerprint


#: what a changed part means, where more can be said than that it changed
_MEANING = {
    fingerprint.MACHINE: "it was another machine",
    fingerprint.RELEASE: "another kernel runs",
    fingerprint.BUILD_ID: "the kernel was built anew",
    fingerprint.COMMAND_LINE: "the kernel's command line is another",
    fingerprint.KERNEL: "the capture kernel is another file",
    fingerprint.INITRAMFS: "the capture initramfs was rebuilt after the test",
}


def check_proof(
    earlier: EarlierProof | None, now: Fingerprint, *, test: str = "kdumpkit run HOST.yaml --set mode=apply"
) -> Finding:
    """``proof.current``: PASS where all is as it was tested, WARN where the proof is stale, SKIP where there is none.

    UNKNOWN where a part could not be compared and no other has changed: silence is no proof.
    """
    id = "proof.current"
    if earlier is None:
        reason = "No run in this evidence folder has proved a dump of this host before."
        return Finding(id, Status.SKIP, reason, "", now.records)
    proof = f"Run {earlier.run_id} proved a dump on {earlier.proved_at}"
    before = earlier.fingerprint
    names = dict.fromkeys((*before.parts, *before.unknown, *now.parts, *now.unknown))
    changes = [words for name in names if (words := _change(name, before, now))]
    if changes:
        shown = "; ".join(changes[:4]) + (f"; and {len(changes) - 4} more" if changes[4:] else "")
        return Finding(id, Status.WARN, f"{proof}, and the proof is stale: {shown}.", test, now.records)
    unclear = [name for name in names if name in before.unknown or name in now.unknown]
    if unclear:
        why = now.unknown.get(unclear[0]) or before.unknown[unclear[0]]
        reason = f"{proof}, and it is not known whether it still stands: {unclear[0]} cannot be compared ({why})."
        return Finding(id, Status.UNKNOWN, reason, test, now.records)
    reason = f"{proof}, and nothing that it rests on has changed ({len(before.parts)} things were compared)."
    return Finding(id, Status.PASS, reason, "", now.records)


def check_same_machine(before: Fingerprint, boot: BootIdentity | Unknown) -> tuple[Finding, ...]:
    """``panic_test.machine``: FAIL where another machine answers after a panic, WARN where that is not known.

    () where it is the same: the label in the dump's log proves as much, and says so. ``before`` was taken before the
    panic, ``boot`` is what answers now.
    """
    id, name, machine = "panic_test.machine", fingerprint.MACHINE, fingerprint.machine_part(boot)
    records = records_of(boot)
    if isinstance(machine, Unknown) or name not in before.parts:
        why = machine.sentence() if isinstance(machine, Unknown) else before.unknown.get(name, "it was not kept")
        reason = f"It is not known whether the machine that answers is the one that was crashed ({why})."
        return (Finding(id, Status.WARN, reason, "cat /etc/machine-id", records),)
    if before.parts[name] != machine:
        reason = (
            "Another machine answers than the one that was crashed: its machine id is another. What was read from it "
            "since the panic says nothing about the panic."
        )
        return (Finding(id, Status.FAIL, reason, "look who has its address now, then cat /etc/machine-id", records),)
    return ()


def _change(name: str, before: Fingerprint, now: Fingerprint) -> str:
    if name in before.unknown or name in now.unknown:
        return ""
    unread = fingerprint.PACKAGE in before.unknown or fingerprint.PACKAGE in now.unknown
    if unread and name.startswith(fingerprint.PACKAGE):
        return ""
    old, new = before.parts.get(name), now.parts.get(name)
    if old == new:
        return ""
    if name in _MEANING:
        gone = fingerprint.ABSENT in (old, new)
        words = f"{name} is no longer there" if gone and new == fingerprint.ABSENT else _MEANING[name]
        return f"{words} ({old} then, {new} now)" if name == fingerprint.RELEASE else words
    if name.startswith(fingerprint.SETTINGS):
        return f"{name.removeprefix(fingerprint.SETTINGS + ' ')} was changed"
    return f"{name} was {old or 'not there'} and is {new or 'not there'}"
