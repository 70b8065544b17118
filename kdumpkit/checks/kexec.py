"""Whether a capture kernel is loaded, and whether one may be."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.firmware import Firmware
from kdumpkit.facts.kexec_crash import KexecCrash, Lockdown
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown


def check_loaded(kexec_crash: KexecCrash, *, unit: str = "") -> Finding:
    """``kexec.loaded``: a capture kernel is in place, by the kernel's word and nobody else's.

    ``unit`` is the service that loads it, for the remedy.
    """
    id = "kexec.loaded"
    loaded, size = kexec_crash.loaded, kexec_crash.size_bytes
    if isinstance(loaded, Unknown):
        return unknown_finding(id, "whether a capture kernel is loaded", loaded)
    if loaded:
        return Finding(
            id, Status.PASS, "A capture kernel is loaded (kexec_crash_loaded is 1).", "", kexec_crash.records
        )
    if size == 0:
        reason = "No capture kernel is loaded (kexec_crash_loaded is 0), and none can be: no memory is reserved for it."
        return Finding(id, Status.FAIL, reason, "cat /proc/cmdline /sys/kernel/kexec_crash_size", kexec_crash.records)
    reserved = "" if isinstance(size, Unknown) else f", though {size_text(size)} is reserved for one"
    reason = f"No capture kernel is loaded (kexec_crash_loaded is 0){reserved}: a panic would leave no dump."
    return Finding(id, Status.FAIL, reason, f"systemctl restart {unit}" if unit else "", kexec_crash.records)


def check_load_allowed(kexec_crash: KexecCrash, firmware: Firmware | Unknown) -> Finding:
    """``kexec.load_allowed``: nothing forbids loading; WARN where only a signed kernel is taken (``kexec -s``)."""
    id = "kexec.load_allowed"
    records = records_of(kexec_crash, firmware)
    disabled = kexec_crash.load_disabled
    if isinstance(disabled, Unknown):
        return unknown_finding(id, "whether loading is allowed", disabled)
    if disabled:
        reason = "kernel.kexec_load_disabled is 1: this kernel loads no other until the next boot."
        return Finding(id, Status.FAIL, reason, "grep -r kexec_load_disabled /etc/sysctl.conf /etc/sysctl.d", records)
    secure_boot = firmware.secure_boot if isinstance(firmware, Firmware) else firmware
    for fact, what in ((kexec_crash.lockdown, "the lockdown level"), (secure_boot, "whether Secure Boot is on")):
        # a kernel without lockdown and firmware without Secure Boot forbid nothing
        if isinstance(fact, Unknown) and not fact.absent:
            return unknown_finding(id, what, fact)
    strict = []
    if kexec_crash.lockdown in (Lockdown.INTEGRITY, Lockdown.CONFIDENTIALITY):
        strict.append(f"kernel lockdown is {kexec_crash.lockdown}")
    if secure_boot is True:
        strict.append("Secure Boot is on")
    if kexec_crash.securelevel == 1:
        strict.append("securelevel is 1")
    if strict:
        reason = f"Only a signed capture kernel is taken, by kexec -s: {' and '.join(strict)}."
        return Finding(id, Status.WARN, reason, "kdump-config test", records)
    return Finding(id, Status.PASS, "Nothing forbids loading a capture kernel.", "", records)
