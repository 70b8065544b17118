"""What follows ``Kernel panic - not syncing:``, and which report it ends.

Most panics are the second half of a report: die() panics with ``Fatal exception``, a watchdog with its own words. The
rest are reports of their own.

Source: the callers of panic() in kernel/, arch/*/kernel/, mm/oom_kill.c, init/, drivers/acpi/apei/, drivers/watchdog/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PANIC = re.compile(r"Kernel panic - not syncing: ?(?P<reason>[^\n]{0,1000})")
PANIC_END = re.compile(r"---\[ end Kernel panic - not syncing:? ?(?P<reason>.{0,1000}?)(?: \]---)?$")


@dataclass(frozen=True)
class PanicRule:
    """One reason: the kind of a panic without other report, and the kinds of report that it may be the end of."""

    pattern: re.Pattern[str]
    kind: str
    #: kinds of report that such a panic ends; "die" for any oops, "report" for anything that panic_on_warn covers
    ends: frozenset[str] = frozenset()


def _rule(pattern: str, kind: str, *ends: str) -> PanicRule:
    return PanicRule(re.compile(pattern), kind, frozenset(ends))


RULES: tuple[PanicRule, ...] = (
    _rule(
        r"^(?:Oops: )?Fatal exception|^Oops\b|panic_on_oops|[Uu]nhandled exception|Unrecoverable (?:exception|FP)",
        "oops",
        "die",
    ),
    _rule(r"panic_on_warn|kasan\.fault", "warning", "report"),
    _rule(r"Attempted to kill init", "init_killed", "init"),
    _rule(r"Attempted to kill the idle task", "oops", "die"),
    # until 2.6.28 also the end of what the NMI watchdog found
    _rule(r"Aiee, killing interrupt handler", "oops", "die", "hard_lockup"),
    _rule(r"softlockup", "soft_lockup", "soft_lockup"),
    _rule(r"[Hh]ard LOCKUP|detected LOCKUP|^[Nn][Mm][Ii] [Ww]atchdog", "hard_lockup", "hard_lockup"),
    _rule(r"hung_task", "hung_task", "hung_task"),
    _rule(r"RCU Stall|rcu.*stall", "rcu_stall", "rcu_stall"),
    _rule(r"sysrq triggered crash|SysRq", "sysrq", "sysrq"),
    _rule(r"[Oo]ut of memory|System is deadlocked on memory|panic_on_oom", "oom_panic"),
    _rule(r"VFS: Unable to mount root", "vfs_mount_root"),
    _rule(r"stack-protector|corrupted stack end|Kernel stack is corrupted", "stack_corruption"),
    _rule(
        r"kernel stack overflow|stack overflow|Corrupt kernel stack|Machine halted", "stack_overflow", "stack_overflow"
    ),
    _rule(r"SError", "serror", "serror"),
    _rule(r"external abort", "external_abort", "external_abort"),
    _rule(
        r"[Mm]achine [Cc]heck|MCE|Not all CPUs entered broadcast exception|[Mm]achine check from unknown"
        r"|^CPU context corrupt|^Unable to continue$",
        "mce",
        "mce",
    ),
    # ZFS, where a pool's failmode is panic: its disks do not answer
    _rule(r"^Pool '.{0,256}' has encountered an uncorrectable I/O failure", "other"),
    _rule(r"^BUG!$", "bug_on", "bug_on"),
    _rule(
        r"[Hh]ardware error|GHES|[Uu]ncorrect(?:ed|able)|EDAC|CPER|PCI-?E?.*(?:[Ee]rror|AER)|PHB|OPAL|DPC",
        "hw_error",
        "hw_error",
        "mce",
    ),
    # what the NMI watchdog of 2.6.32 ends with
    _rule(r"^Non maskable interrupt", "nmi", "hard_lockup"),
    _rule(r"\bNMI\b|IOCK", "nmi"),
    _rule(r"[Ff]atal exception|Unexpected exception|bad mode", "oops", "die"),
)
OTHER = PanicRule(re.compile(""), "other")


def find_rule(reason: str) -> PanicRule:
    """The rule for a reason; ``other`` where the kit has no word for it."""
    for rule in RULES:
        if rule.pattern.search(reason):
            return rule
    return OTHER
