"""Debian's /etc/default/kdump-tools."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.kdump_tools import KdumpToolsSettings
from kdumpkit.facts.unknown import Unknown


def check_kdump_tools(settings: KdumpToolsSettings | Unknown) -> tuple[Finding, ...]:
    """``kdump_tools.use_kdump`` and ``kdump_tools.syntax``."""
    if isinstance(settings, Unknown):
        remedy = "apt-get install kdump-tools" if settings.absent else ""
        return (
            unknown_finding("kdump_tools.use_kdump", "whether kdump-tools is switched on", settings, remedy),
            unknown_finding("kdump_tools.syntax", "whether its settings can be read", settings, remedy),
        )
    return (_use_kdump(settings), _syntax(settings))


def _use_kdump(settings: KdumpToolsSettings) -> Finding:
    id, records = "kdump_tools.use_kdump", settings.records
    remedy = f"sed -i 's/^ *USE_KDUMP=.*/USE_KDUMP=1/' {settings.path} && systemctl restart kdump-tools.service"
    found = settings.settings.last("USE_KDUMP")
    if found is None:
        remedy = f"echo USE_KDUMP=1 >> {settings.path} && systemctl restart kdump-tools.service"
        return Finding(id, Status.FAIL, f"{settings.path} does not set USE_KDUMP: nothing is loaded.", remedy, records)
    if not found.certain:
        reason = f"It is not known what USE_KDUMP is: {found.origin} computes it when a shell reads it."
        return Finding(id, Status.UNKNOWN, reason, f". {settings.path}; echo $USE_KDUMP", records)
    if not settings.enabled:
        reason = (
            f"USE_KDUMP={found.value} at {found.origin}: nothing is loaded, and the service shows green all the same."
        )
        return Finding(id, Status.FAIL, reason, remedy, records)
    if found.value != "1":
        reason = f"USE_KDUMP={found.value} at {found.origin} is neither 0 nor 1."
        return Finding(id, Status.WARN, reason, remedy, records)
    return Finding(id, Status.PASS, f"USE_KDUMP=1 at {found.origin}.", "", records)


def _syntax(settings: KdumpToolsSettings) -> Finding:
    id, records = "kdump_tools.syntax", settings.records
    if not settings.broken:
        reason = f"{settings.path} holds assignments only, {len(settings.settings.assignments)} of them."
        return Finding(id, Status.PASS, reason, "", records)
    first = settings.broken[0]
    more = f" (and {len(settings.broken) - 1} more)" if len(settings.broken) > 1 else ""
    reason = f"{first.origin}: {first.text!r} sets nothing: {first.why}{more}."
    code = "shell code" in first.why or "another file" in first.why
    return Finding(
        id, Status.WARN if code else Status.FAIL, reason, f"sh -n {settings.path}; editor {settings.path}", records
    )
