"""Whether a hardware watchdog would reset the machine before the dump is written."""

from __future__ import annotations

from kdumpkit.checks.capture_time import ASSUMED, CaptureTime
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.unknown import Unknown
from kdumpkit.facts.watchdog import Watchdogs


def check_watchdog_budget(
    watchdogs: Watchdogs | Unknown, watchdog_thresh_s: int | Unknown, capture: CaptureTime = ASSUMED
) -> Finding:
    """``watchdog.budget``: the shortest running watchdog against lockup detection plus capture.

    ``capture``: from the panic until the dump is written, better measured than assumed. FAIL where the watchdog bites
    before a lockup is even noticed.
    """
    id = "watchdog.budget"
    if isinstance(watchdogs, Unknown):
        return unknown_finding(id, "which hardware watchdogs run", watchdogs)
    if not watchdogs.devices:
        return Finding(id, Status.SKIP, "There is no hardware watchdog.", "", watchdogs.records)
    fed = watchdogs.systemd_timeout_s
    active = [device for device in watchdogs.devices if device.active]
    untold = [device for device in watchdogs.devices if device.active is None]
    if not active and isinstance(fed, Unknown):
        return unknown_finding(id, "whether systemd feeds a hardware watchdog", fed)
    if not active and not fed:
        names = ", ".join(device.name for device in watchdogs.devices)
        if untold:
            reason = (
                f"It is not known whether {', '.join(device.name for device in untold)} runs: its driver does not tell."
            )
            return Finding(id, Status.UNKNOWN, reason, "wdctl", watchdogs.records)
        return Finding(id, Status.PASS, f"No hardware watchdog runs ({names} is there).", "", watchdogs.records)
    timeouts = [float(device.timeout_s) for device in active if device.timeout_s is not None]
    if isinstance(fed, float) and fed > 0:
        timeouts.append(fed)
    if not timeouts:
        names = ", ".join(device.name for device in active)
        return Finding(id, Status.UNKNOWN, f"{names} runs and does not tell its time-out.", "wdctl", watchdogs.records)
    if isinstance(watchdog_thresh_s, Unknown) and not watchdog_thresh_s.absent:
        return unknown_finding(id, "how soon a lockup is noticed", watchdog_thresh_s)
    # a soft lockup is called after twice the threshold; without a detector there is nothing to wait for
    lockup_s = 2.0 * watchdog_thresh_s if isinstance(watchdog_thresh_s, int) else 0.0
    shortest, budget = min(timeouts), lockup_s + capture.seconds
    seen = f"The hardware watchdog bites after {shortest:g} s"
    needed = f"{lockup_s:g} s until a lockup is noticed and {capture.words()} for the capture"
    remedy = f"set RuntimeWatchdogSec={int(budget) + 1} in /etc/systemd/system.conf, then: systemctl daemon-reexec"
    if shortest < lockup_s:
        reason = f"{seen}, before a lockup is noticed ({lockup_s:g} s): a hang leaves no dump."
        return Finding(id, Status.FAIL, reason, remedy, watchdogs.records)
    if shortest < budget:
        reason = f"{seen}, less than {needed}: it may cut the dump off unless the capture kernel feeds it."
        return Finding(id, Status.WARN, reason, remedy, watchdogs.records)
    return Finding(id, Status.PASS, f"{seen}, enough for {needed}.", "", watchdogs.records)
