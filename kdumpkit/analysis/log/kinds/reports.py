"""Reports that the kernel outlives unless a sysctl says otherwise: WARN, lock validation, sanitizers, bad pages.

Source: kernel/panic.c (__warn), kernel/locking/lockdep.c, mm/kasan/report.c, mm/kfence/report.c, mm/kmsan/report.c,
kernel/kcsan/report.c, lib/ubsan.c, kernel/sched/core.c, mm/page_alloc.c, mm/slub.c, arch/x86/kernel/unwind_frame.c.

``WARNING:`` and ``BUG:`` are also used by messages that report nothing but a setting. What the kernel takes for a
defect is followed by a stack; a known defect is a report at once, any other only when the stack follows.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.log.kinds.rule import Role, Rule
from kdumpkit.analysis.log.model import Severity

_PLACE = r"(?P<place>[A-Za-z_.$][\w.$]{0,255}\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[[\w-]+\])?)"
_WARNING = (b"WARNING: ",)

RULES: tuple[Rule, ...] = (
    Rule((b"BUG: ",), re.compile(r"BUG: KAS(?:AN|an): \S"), "kasan", Severity.REPORT),
    Rule((b"BUG: ",), re.compile(r"BUG: KFENCE: \S"), "kfence", Severity.REPORT),
    Rule((b"BUG: ",), re.compile(r"BUG: KMSAN: \S"), "kmsan", Severity.REPORT),
    Rule((b"BUG: ",), re.compile(r"BUG: KCSAN: \S"), "kcsan", Severity.REPORT),
    Rule((b"UBSAN: ",), re.compile(r"(?:^|\W)UBSAN: \S"), "ubsan", Severity.REPORT),
    # WARN() since 3.12, with processor and process
    Rule(
        _WARNING,
        re.compile(
            r"WARNING: CPU: (?P<cpu>\d{1,6}) PID: (?P<pid>\d{1,10}) at (?P<bug_at>\S{1,200}?:\d+)?(?:(?<=\d) )?(?:"
            + _PLACE
            + ")?"
        ),
        "warning",
        Severity.REPORT,
    ),
    # since 6.19: place first, processor and task last
    Rule(
        _WARNING,
        re.compile(
            r"WARNING: (?P<bug_at>[^\s:]{1,200}:\d+) at (?:"
            + _PLACE
            + r"|\S{1,64}), CPU#(?P<cpu>\d{1,6}): (?P<comm>.{1,64})/(?P<pid>\d{1,10})"
        ),
        "warning",
        Severity.REPORT,
    ),
    # before 3.12; Red Hat's 2.6.32 says behind the place what taints the kernel
    Rule(
        _WARNING,
        re.compile(
            r"WARNING: at (?P<bug_at>\S{1,200}?:\d+) (?:"
            + _PLACE
            + r"(?:\(\) \((?P<taint>Not tainted|Tainted: [A-Z][A-Z ]{0,40}))?)?"
        ),
        "warning",
        Severity.REPORT,
    ),
    # the lock validator and RCU's checks; INFO: and BUG: in older kernels
    Rule(
        (b"WARNING: ", b"INFO: ", b"BUG: "),
        re.compile(
            r"(?:WARNING|INFO|BUG): (?:.{1,64}/\d+ )?(?:possible (?:circular|recursive|irq) lock|(?:soft|hard)irq-safe|"
            r"[\w-]{1,24}-safe -> [\w-]{1,24}-unsafe lock order|possible \S{1,32} lock inversion|"
            r"inconsistent lock state|"
            r"suspicious (?:rcu|RCU)|bad (?:unlock|contention) balance|held lock freed|still has locks held|"
            r"locks? held when returning|[Ii]nvalid wait context|[Nn]ested lock was not taken|"
            r"trying to register non-static key)"
        ),
        "warning",
        Severity.REPORT,
    ),
    # the frame unwinder says this once and prints no stack
    Rule(
        _WARNING,
        re.compile(r"WARNING: (?:kernel|can't) .{0,24}(?:stack|unwind).{0,120} has bad .{0,8}value"),
        "warning",
        Severity.REPORT,
    ),
    Rule(
        (b"BUG: ",),
        re.compile(
            r"(?:^|[\s\]:])BUG: scheduling while atomic: (?P<comm>\S.{0,31}?)/(?P<pid>\d{1,10})/0x[0-9a-f]{8}(?!\w)"
        ),
        "warning",
        Severity.REPORT,
    ),
    Rule(
        (b"BUG: ",),
        re.compile(
            r"(?:^|[\s\]:])BUG: (?:sleeping function called|scheduling while atomic|"
            r"Bad page (?:state|map|cache)(?: in process (?P<comm>\S.{0,15}?)  p(?:fn|te):)?|"
            r"Bad rss-counter|non-zero (?:pgtables|page table|nr_ptes)|using (?:__this_cpu|smp_processor_id)|"
            r"spinlock |rwlock |rt-mutex|"
            r"unable to handle kernel\b.{0,4}$|memory leak|Dentry |atomic |lock |mutex |corrupted |stack )"
        ),
        "warning",
        Severity.REPORT,
    ),
    Rule(
        (b"BUG ",),
        re.compile(r"^BUG [\w:-]{1,64} ?\((?:Not tainted|Tainted)[^)]{0,60}\): "),
        "warning",
        Severity.REPORT,
    ),
    Rule((b"WARNING: ",), re.compile(r"^WARNING: \S"), "warning", Severity.REPORT, Role.MAYBE),
    Rule((b"BUG: ",), re.compile(r"^BUG: \S"), "warning", Severity.REPORT, Role.MAYBE),
    # no crash, but their stacks must not be taken for one
    Rule(
        (b"page allocation ",), re.compile(r"page allocation (?:failure|stalls)"), "allocation_failure", Severity.NOTE
    ),
    Rule((b"invoked oom-killer",), re.compile(r"invoked oom-killer"), "oom_kill", Severity.NOTE),
    Rule(
        (b"nable to allocate memory",),
        re.compile(r"^SLUB: Unable to allocate memory"),
        "allocation_failure",
        Severity.NOTE,
    ),
)
