"""How a fact that is not known becomes a finding: always UNKNOWN, with the reason."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.facts.unknown import Unknown, Why

_REMEDIES = {
    Why.NOT_PERMITTED: "log in as root, or let the login use sudo without a password: sudo -n true",
    Why.NOT_ANSWERED: "run it by hand on the host and see what it waits for",
    Why.NOT_UNDERSTOOD: "look at it by hand on the host",
    Why.ABSENT: "",
}


def unknown_finding(id: str, what: str, unknown: Unknown, remedy: str = "") -> Finding:
    """UNKNOWN: ``what`` (a clause such as "whether a capture kernel is loaded") is not known, and why."""
    reason = f"It is not known {what}: {unknown.sentence()}."
    return Finding(id, Status.UNKNOWN, reason, remedy or _REMEDIES[unknown.why], unknown.records)
