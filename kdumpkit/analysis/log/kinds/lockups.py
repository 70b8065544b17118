"""Things that do not move any more: soft and hard lockups, RCU stalls, hung tasks, stuck workqueues.

Source: kernel/watchdog.c, kernel/watchdog_hld.c, arch/powerpc/kernel/watchdog.c, kernel/rcu/tree_stall.h and update.c,
kernel/rcu/tasks.h, kernel/hung_task.c, kernel/workqueue.c.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.log.kinds.rule import Rule
from kdumpkit.analysis.log.model import Severity

RULES: tuple[Rule, ...] = (
    Rule(
        (b"BUG: ",),
        re.compile(
            r"BUG: soft lockup\b[^#]{0,24}CPU#(?P<cpu>\d{1,6})"
            r"(?: stuck for \d+s!(?: \[(?P<comm>.{0,64}):(?P<pid>\d{1,10})\])?|!)?"
        ),
        "soft_lockup",
        Severity.HANG,
    ),
    Rule(
        (b"LOCKUP",),
        re.compile(r"(?:^|: )Watchdog detected hard LOCKUP on cpu ?(?P<cpu>\d{1,6})"),
        "hard_lockup",
        Severity.HANG,
    ),
    # powerpc: the processor that does not answer, found by itself or named after another found it
    Rule(
        (b"LOCKUP",),
        re.compile(r"(?:^|: )(?:Watchdog )?CPU[: ](?P<cpu>\d{1,6}) (?:self-detected )?[Hh]ard LOCKUP"),
        "hard_lockup",
        Severity.HANG,
    ),
    # x86 until 2.6.36; without "BUG: " until 2.6.20
    Rule(
        (b"LOCKUP",),
        re.compile(r"(?:^|: )NMI Watchdog detected LOCKUP(?: on CPU ?(?P<cpu>\d{1,6}))?"),
        "hard_lockup",
        Severity.HANG,
    ),
    # here the number is that of the processor that looks
    Rule(
        (b"LOCKUP",),
        re.compile(r"(?:^|: )(?:Watchdog )?CPU[: ]\d{1,6} detected [Hh]ard LOCKUP (?:on )?other"),
        "hard_lockup",
        Severity.HANG,
    ),
    Rule(
        (b"stall",),
        re.compile(r"\brcu\w*(?: \w+)? (?:self-)?detected (?:expedited )?stalls? on(?: CPU (?P<cpu>\d{1,6})\b)?"),
        "rcu_stall",
        Severity.HANG,
    ),
    # until 2.6.33
    Rule(
        (b"INFO: ",),
        re.compile(r"INFO: RCU detected CPU (?:(?P<cpu>\d{1,6}) stall|stalls:)"),
        "rcu_stall",
        Severity.HANG,
    ),
    Rule(
        (b"for more than ",),
        re.compile(
            r"\btask (?P<comm>.{1,64}):(?P<pid>\d{1,10})(?: <\w+>)? blocked (?:in I/O wait )?for more than \d+ seconds"
        ),
        "hung_task",
        Severity.HANG,
    ),
    Rule(
        (b"for more than ",),
        re.compile(r"\btask (?P<comm>.{1,64}):(?P<pid>\d{1,10}) can't die for more than \d+ seconds"),
        "hung_task",
        Severity.HANG,
    ),
    Rule((b"BUG: ",), re.compile(r"BUG: workqueue lockup"), "workqueue_lockup", Severity.REPORT),
)
