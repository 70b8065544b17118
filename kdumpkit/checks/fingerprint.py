"""Whether what an earlier panic test proved still stands: nothing that it rests on has changed since."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.facts import fingerprint
from kdumpkit.facts.fingerprint import Fingerprint


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
