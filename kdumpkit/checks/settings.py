"""What the distribution's kdump settings say, whichever files they are."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.kdump_settings import KdumpSettings, SettingsProblem, SettingsSwitch
from kdumpkit.facts.unknown import Unknown


def check_settings(settings: KdumpSettings | Unknown, install_remedy: str = "") -> tuple[Finding, ...]:
    """``settings.enabled`` where there is a switch, ``settings.syntax``, and one finding for each other problem.

    ``install_remedy`` brings the package that the settings belong to.
    """
    if isinstance(settings, Unknown):
        remedy = install_remedy if settings.absent else ""
        return (unknown_finding("settings.syntax", "what kdump's settings say", settings, remedy),)
    findings = []
    if settings.switch is not None:
        findings.append(_switch(settings, settings.switch))
    by_id: dict[str, list[SettingsProblem]] = {"syntax": []}
    for problem in settings.problems:
        by_id.setdefault(problem.id, []).append(problem)
    for name, problems in by_id.items():
        findings.append(_problems(settings, name, problems))
    return tuple(findings)


def _switch(settings: KdumpSettings, switch: SettingsSwitch) -> Finding:
    id, records = "settings.enabled", settings.records
    if switch.value is None:
        reason = f"{switch.origin} does not set {switch.name}: nothing is loaded."
        return Finding(id, Status.FAIL, reason, switch.remedy, records)
    if isinstance(switch.on, Unknown):
        reason = f"It is not known what {switch.name} is: {switch.origin} computes it when a shell reads it."
        return Finding(id, Status.UNKNOWN, reason, switch.remedy, records)
    if not switch.on:
        reason = (
            f"{switch.name}={switch.value} at {switch.origin}: nothing is loaded, and the service shows green all the "
            "same."
        )
        return Finding(id, Status.FAIL, reason, switch.remedy, records)
    if switch.value != "1":
        reason = f"{switch.name}={switch.value} at {switch.origin} is neither 0 nor 1."
        return Finding(id, Status.WARN, reason, switch.remedy, records)
    return Finding(id, Status.PASS, f"{switch.name}={switch.value} at {switch.origin}.", "", records)


def _problems(settings: KdumpSettings, name: str, problems: list[SettingsProblem]) -> Finding:
    id, records = f"settings.{name}", settings.records
    if not problems:
        reason = f"{', '.join(settings.paths)}: {len(settings.values)} settings, each one understood."
        return Finding(id, Status.PASS, reason, "", records)
    first = next((problem for problem in problems if problem.fatal), problems[0])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    reason = f"{first.origin}: {first.text!r} {first.why}{more}."
    return Finding(id, Status.FAIL if first.fatal else Status.WARN, reason, first.remedy, records)
