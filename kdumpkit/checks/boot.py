"""A reboot, proved."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.boot_id import BootIdentity
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.unknown import Unknown


def check_rebooted(before: BootIdentity | Unknown, after: BootIdentity | Unknown) -> Finding:
    """``boot.changed``: another boot of the same machine."""
    id = "boot.changed"
    for identity in (before, after):
        if isinstance(identity, Unknown):
            return unknown_finding(id, "whether the host was rebooted", identity)
    if isinstance(before, Unknown) or isinstance(after, Unknown):
        return Finding(id, Status.UNKNOWN, "It is not known whether the host was rebooted.")
    records = records_of(before, after)
    if (
        isinstance(before.machine_id, str)
        and isinstance(after.machine_id, str)
        and before.machine_id != after.machine_id
    ):
        reason = f"Another machine answers: its machine id is {after.machine_id}, it was {before.machine_id}."
        return Finding(id, Status.FAIL, reason, "cat /etc/machine-id", records)
    if before.boot_id == after.boot_id:
        return Finding(id, Status.FAIL, f"The host is still in the same boot ({after.boot_id}).", "reboot", records)
    up = f", up for {after.uptime_s:.0f} s" if isinstance(after.uptime_s, float) else ""
    reason = f"The boot id changed from {before.boot_id} to {after.boot_id}{up}."
    if isinstance(before.machine_id, Unknown) or isinstance(after.machine_id, Unknown):
        return Finding(id, Status.WARN, reason + " That it is the same machine is not known.", "", records)
    return Finding(id, Status.PASS, reason, "", records)
