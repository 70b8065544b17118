"""The service that loads the capture kernel at boot."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.kdump_settings import KdumpSettings
from kdumpkit.facts.kexec_crash import KexecCrash
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.systemd_unit import SystemdUnit
from kdumpkit.facts.unknown import Unknown


def check_service_enabled(unit: SystemdUnit | Unknown) -> Finding:
    """``service.enabled``: the next boot loads a capture kernel again."""
    id = "service.enabled"
    if isinstance(unit, Unknown):
        return unknown_finding(id, "whether the service is started at boot", unit)
    if not unit.exists:
        return Finding(id, Status.FAIL, f"There is no {unit.name} on the host.", "", unit.records)
    if unit.masked:
        remedy = f"systemctl unmask {unit.name} && systemctl enable {unit.name}"
        return Finding(id, Status.FAIL, f"{unit.name} is masked.", remedy, unit.records)
    if unit.unit_file_state == "enabled-runtime":
        reason = f"{unit.name} is enabled until the next boot only."
        return Finding(id, Status.WARN, reason, f"systemctl enable {unit.name}", unit.records)
    if unit.enabled:
        return Finding(id, Status.PASS, f"{unit.name} is enabled.", "", unit.records)
    reason = f"{unit.name} is {unit.unit_file_state or 'not enabled'}: nothing loads a capture kernel at boot."
    return Finding(id, Status.FAIL, reason, f"systemctl enable {unit.name}", unit.records)


def check_service_active(
    unit: SystemdUnit | Unknown, kexec_crash: KexecCrash, settings: KdumpSettings | Unknown | None = None
) -> Finding:
    """``service.active``: the service did its work. Active counts only with a capture kernel in place.

    ``settings`` None: they were not looked at.
    """
    id = "service.active"
    if isinstance(unit, Unknown):
        return unknown_finding(id, "whether the service is active", unit)
    records = records_of(unit, kexec_crash, settings)
    state = f"{unit.name} is {unit.active_state} ({unit.sub_state})"
    if not unit.exists:
        return Finding(id, Status.FAIL, f"There is no {unit.name} on the host.", "", records)
    if unit.active_state == "failed":
        reason = f"{state}, result {unit.result}, exit status {unit.exec_main_status}."
        return Finding(id, Status.FAIL, reason, f"journalctl -b -u {unit.name}", records)
    if unit.active_state in ("activating", "reloading", "deactivating"):
        return Finding(id, Status.WARN, f"{state}: it has not ended yet.", f"systemctl status {unit.name}", records)
    if unit.active_state != "active":
        return Finding(id, Status.FAIL, f"{state}.", f"systemctl start {unit.name}", records)
    if isinstance(kexec_crash.loaded, Unknown):
        return unknown_finding(id, f"whether {unit.name}, which is active, loaded anything", kexec_crash.loaded)
    if kexec_crash.loaded:
        return Finding(id, Status.PASS, f"{state}, and a capture kernel is loaded.", "", records)
    if isinstance(settings, KdumpSettings) and settings.switched_off and settings.switch is not None:
        switch = settings.switch
        given = "not set" if switch.value is None else switch.value or "empty"
        why = f"{switch.name} is {given} in {settings.path}, which makes it do nothing"
        reason = f"{state} and yet nothing is loaded: {why}."
        return Finding(id, Status.FAIL, reason, switch.remedy, records)
    reason = f"{state} and yet no capture kernel is loaded (kexec_crash_loaded is 0)."
    return Finding(id, Status.FAIL, reason, f"journalctl -b -u {unit.name}; systemctl restart {unit.name}", records)
