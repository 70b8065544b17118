"""The rules in the order in which they are asked, and the first answer."""

from __future__ import annotations

from collections.abc import Callable

from kdumpkit.analysis.cause import (
    addresses,
    assertion,
    boot,
    hardware,
    hung_task,
    kernel_bug,
    kernel_stack,
    lockup,
    out_of_memory,
    panic_words,
    policy,
    rcu_stall,
    sanitizer,
    sysrq,
    undecided,
)
from kdumpkit.analysis.cause.capture_kernel import with_capture_death
from kdumpkit.analysis.cause.cause import Cause
from kdumpkit.analysis.cause.scene import Scene
from kdumpkit.analysis.crash_report import CrashReport
from kdumpkit.analysis.log.excerpt import Excerpt
from kdumpkit.analysis.log.model import CrashLog

#: kinds of report to the rules for them; a rule that does not know gives None, and the next is asked
RULES: tuple[tuple[frozenset[str], Callable[[Scene], Cause | None]], ...] = (
    (sysrq.KINDS, sysrq.explain),
    (hardware.KINDS, hardware.explain),
    (addresses.KINDS, addresses.explain),
    (kernel_bug.KINDS, kernel_bug.explain),
    (kernel_stack.KINDS, kernel_stack.explain),
    (hung_task.KINDS, hung_task.explain),
    (out_of_memory.KINDS, out_of_memory.explain),
    (lockup.KINDS, lockup.explain),
    (rcu_stall.KINDS, rcu_stall.explain),
    (boot.KINDS, boot.explain),
    (assertion.KINDS, assertion.explain),
    (sanitizer.KINDS, sanitizer.explain),
    (policy.KINDS, policy.explain),
    (panic_words.KINDS, panic_words.explain),
)


def find_cause(log: CrashLog, excerpt: Excerpt | None = None, report: CrashReport | None = None) -> Cause | None:
    """Why the kernel died; None where the log shows no crash.

    ``excerpt`` holds the lines around the crash (:mod:`kdumpkit.analysis.log.excerpt`): without it a cause names fewer
    lines and knows less of what came before. ``report`` is drgn's, where symbols matched.
    """
    crash = log.fatal
    if crash is None:
        return None
    earlier = tuple(block for block in log.blocks if block.first_line < crash.first_line)
    cause = explain(Scene(crash, earlier, excerpt or Excerpt(), report))
    return cause if log.capture_death is None else with_capture_death(cause, log.capture_death)


def explain(scene: Scene) -> Cause:
    """The first rule's answer; a plain "not known" where none has one."""
    for kinds, rule in RULES:
        if scene.crash.kind in kinds:
            cause = rule(scene)
            if cause is not None:
                return cause
    return undecided.explain(scene)
