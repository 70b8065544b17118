"""Settings that decide whether trouble becomes a panic, and thereby a dump."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.sysctls import PanicSysctls
from kdumpkit.facts.unknown import Unknown


class PanicPolicy(StrEnum):
    """What is to become a panic. PRODUCTION: what a machine does not recover from. TEST: all that smells.

    AS_SHIPPED: nothing is asked for, values are only shown.
    """

    PRODUCTION = "production"
    TEST = "test"
    AS_SHIPPED = "as-shipped"


#: settings beside oops, panic and lockups, with what goes wrong where the value is another one
_ALSO: Mapping[PanicPolicy, Mapping[str, tuple[int, str]]] = {
    PanicPolicy.PRODUCTION: {
        "hung_task_panic": (0, "storage that is slow for two minutes would crash the machine"),
        "panic_on_warn": (0, "any kernel warning, some of which a user can cause, would crash the machine"),
        "panic_on_oom": (0, "running out of memory would crash the machine where killing a process is enough"),
    },
    PanicPolicy.TEST: {
        "hung_task_panic": (1, "a task that hangs for two minutes would leave no dump"),
        "panic_on_warn": (1, "a kernel warning would leave no dump"),
        "unknown_nmi_panic": (1, "the NMI button of a machine that hangs would leave no dump"),
        "panic_on_oom": (0, "running out of memory would crash the machine where killing a process is enough"),
    },
    PanicPolicy.AS_SHIPPED: {},
}


def check_sysctls(sysctls: PanicSysctls, policy: PanicPolicy = PanicPolicy.PRODUCTION) -> tuple[Finding, ...]:
    """``sysctl.panic_on_oops``, ``sysctl.panic``, ``sysctl.lockups``, ``sysctl.policy`` and ``sysrq.trigger``."""
    judged = [_panic_on_oops(sysctls), _panic(sysctls), _lockups(sysctls)]
    if policy is PanicPolicy.AS_SHIPPED:
        judged = [_shown_only(finding) for finding in judged]
    return (*judged, _policy(sysctls, policy), _sysrq(sysctls))


def _shown_only(finding: Finding) -> Finding:
    if finding.status is not Status.WARN:
        return finding
    return Finding(finding.id, Status.SKIP, f"As shipped: {finding.reason}", "", finding.records)


def _policy(sysctls: PanicSysctls, policy: PanicPolicy) -> Finding:
    id = "sysctl.policy"
    asked = _ALSO[policy]
    if not asked:
        names = ("hung_task_panic", "panic_on_warn", "panic_on_oom", "unknown_nmi_panic")
        values = {name: getattr(sysctls, name) for name in names}
        shown = ", ".join(f"{_sysctl(name)} is {value}" for name, value in values.items() if isinstance(value, int))
        reason = f"As shipped: {shown or 'this kernel has none of them, or none could be read'}."
        return Finding(id, Status.SKIP, reason, "", sysctls.records)
    found = {name: getattr(sysctls, name) for name in asked}
    unread = next((value for value in found.values() if isinstance(value, Unknown) and not value.absent), None)
    if unread is not None:
        return unknown_finding(id, f"whether the policy {policy} holds", unread)
    # what a kernel is built without cannot be set, and does not panic
    wrong = {name: value for name, value in found.items() if isinstance(value, int) and value != asked[name][0]}
    if not wrong:
        return Finding(id, Status.PASS, f"Nothing else is against the policy {policy}.", "", sysctls.records)
    told = "; ".join(f"{_sysctl(name)} is {value}: {asked[name][1]}" for name, value in wrong.items())
    remedy = _set(*(f"{_sysctl(name)} = {asked[name][0]}" for name in wrong))
    return Finding(id, Status.WARN, f"Against the policy {policy}, {told}.", remedy, sysctls.records)


def _sysctl(field: str) -> str:
    return f"{'vm' if field == 'panic_on_oom' else 'kernel'}.{field}"


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
            "kernel.panic_on_oops is 0: a kernel that oopses limps on and leaves no dump "
            "(Debian's and SUSE's kdump set 1 as they load)."
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
