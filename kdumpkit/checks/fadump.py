"""Firmware-assisted dump, where it takes the place of a capture kernel."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.fadump import Fadump
from kdumpkit.facts.unknown import Unknown


def check_fadump(fadump: Fadump | Unknown | None, *, start: str = "systemctl restart kdump.service") -> Finding:
    """``fadump.registered``: SKIP where there is no fadump, or it is off and a capture kernel does the work."""
    id = "fadump.registered"
    if isinstance(fadump, Unknown):
        return unknown_finding(id, "whether this machine dumps by its firmware", fadump)
    if fadump is None:
        return Finding(id, Status.SKIP, "This kernel knows no firmware-assisted dump.")
    if not fadump.enabled:
        return Finding(id, Status.SKIP, "Firmware-assisted dump is switched off (fadump=on).", "", fadump.records)
    if isinstance(fadump.registered, Unknown):
        return unknown_finding(id, "whether the firmware was told what to keep", fadump.registered)
    if not fadump.registered:
        reason = "Firmware-assisted dump is on and not registered with the firmware: a panic would leave no dump."
        return Finding(id, Status.FAIL, reason, start, fadump.records)
    reason = (
        "Firmware-assisted dump is registered: after a panic the same kernel boots and saves the dump, and no capture "
        "kernel is loaded."
    )
    return Finding(id, Status.PASS, reason, "", fadump.records)
