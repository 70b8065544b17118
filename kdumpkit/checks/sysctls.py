"""Settings that decide whether trouble becomes a panic, and thereby a dump."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.sysctls import PanicSysctls
from kdumpkit.facts.unknown import Unknown


def check_sysctls(sysctls: PanicSysctls) -> tuple[Finding, ...]:
    """``sysctl.panic_on_oops``, ``sysctl.panic``, ``sysctl.lockups`` and ``sysrq.trigger``."""
    return (_panic_on_oops(sysctls), _panic(sysctls), _lockups(sysctls), _sysrq(sysctls))


def _set(*assignments: str) -> str:
    # a file for each setting, so that one remedy does not overwrite another
    file = f"/etc/sysctl.d/90-{assignments[0].partition(' ')[0]}.conf"
    lines = "\\n".join(assignments)
    return f"printf '{lines}\\n' > {file} && sysctl --system"


def _panic_on_oops(sysctls: PanicSysctls) -> Finding:
    id, value = "sysctl.panic_on_oops", sysctls.panic_on_oops
    if isinstance(value, Unknown):
        return unknown_finding(id, "whether an oops becomes a panic", value)
    if value == 0:
        reason = (
            "kernel.panic_on_oops is 0: a kernel that oopses limps on and leaves no dump (kdump-tools sets 1 on load)."
        )
        return Finding(id, Status.WARN, reason, _set("kernel.panic_on_oops = 1"), sysctls.records)
    return Finding(id, Status.PASS, f"kernel.panic_on_oops is {value}: an oops becomes a panic.", "", sysctls.records)


def _panic(sysctls: PanicSysctls) -> Finding:
    id, value = "sysctl.panic", sysctls.panic
    if isinstance(value, Unknown):
        return unknown_finding(id, "what a panic without a capture kernel does", value)
    if value == 0:
        reason = "kernel.panic is 0: a panic that no capture kernel takes up leaves the machine hanging for ever."
        return Finding(id, Status.WARN, reason, _set("kernel.panic = 10"), sysctls.records)
    when = "at once" if value < 0 else f"after {value} s"
    reason = f"kernel.panic is {value}: a panic that no capture kernel takes up reboots {when}."
    return Finding(id, Status.PASS, reason, "", sysctls.records)


def _lockups(sysctls: PanicSysctls) -> Finding:
    id = "sysctl.lockups"
    values = {"softlockup_panic": sysctls.softlockup_panic, "hardlockup_panic": sysctls.hardlockup_panic}
    unread = next((value for value in values.values() if isinstance(value, Unknown) and not value.absent), None)
    if unread is not None:
        return unknown_finding(id, "whether a lockup becomes a panic", unread)
    known = {name: value for name, value in values.items() if isinstance(value, int)}
    if not known:
        reason = "This kernel has no lockup detectors, or none that can panic."
        return Finding(id, Status.SKIP, reason, "", sysctls.records)
    off = [name for name, value in known.items() if value == 0]
    shown = ", ".join(f"kernel.{name} is {value}" for name, value in known.items())
    if off:
        reason = f"{shown}: a machine that hangs leaves no dump."
        return Finding(id, Status.WARN, reason, _set(*(f"kernel.{name} = 1" for name in off)), sysctls.records)
    return Finding(id, Status.PASS, f"{shown}: a lockup becomes a panic.", "", sysctls.records)


def _sysrq(sysctls: PanicSysctls) -> Finding:
    id, value = "sysrq.trigger", sysctls.sysrq
    if isinstance(value, Unknown):
        return unknown_finding(id, "whether this kernel takes SysRq", value)
    reason = (
        f"kernel.sysrq is {value}; root's write to /proc/sysrq-trigger works whatever this mask for the keyboard says."
    )
    return Finding(id, Status.PASS, reason, "", sysctls.records)
