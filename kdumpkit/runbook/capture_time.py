"""How long a capture of this host takes: as an earlier run of it has measured, else as assumed."""

from __future__ import annotations

from kdumpkit.checks.capture_time import ASSUMED, CaptureTime
from kdumpkit.runbook.session import Session


def capture_time(session: Session) -> CaptureTime:
    """The time that stage 01 found in an earlier run's record and kept; ASSUMED where it found none."""
    kept = session.recall_value("capture_measured")
    if not kept:
        return ASSUMED
    return CaptureTime(float(kept["seconds"]), f"measured by run {kept['run_id']}")
