"""Reports of hardware: machine checks, firmware-first errors, NMIs; and the ZFS layer's halted threads and sysrq.

Source: arch/x86/kernel/cpu/mce/core.c (print_mce), drivers/acpi/apei/ghes.c and drivers/firmware/efi/cper.c,
arch/x86/kernel/nmi.c, drivers/tty/sysrq.c, spl's spl-err.c (spl_panic, vcmn_err).

A machine check that was only logged (``Machine Check: 0``) is grave where status bit 61 (UC, not corrected) is set.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.log.kinds.rule import Role, Rule
from kdumpkit.analysis.log.model import Severity

_UNCORRECTED = r"(?=[2367abef][0-9a-f]{15}\b)"

RULES: tuple[Rule, ...] = (
    Rule(
        (b"achine Check",),
        re.compile(r"CPU (?P<mce_cpu>\d{1,6}): Machine Check Exception: +[0-9a-f]+ Bank"),
        "mce",
        Severity.FATAL,
    ),
    # until 2.6.31, 32-bit: the banks stand in lines of their own
    Rule(
        (b"achine Check",),
        re.compile(r"CPU (?P<mce_cpu>\d{1,6}): Machine Check Exception: [0-9a-f]{16}$"),
        "mce",
        Severity.FATAL,
    ),
    Rule(
        (b"achine Check",),
        re.compile(r"CPU (?P<mce_cpu>\d{1,6}): Machine Check: +\d+ Bank +\d+: " + _UNCORRECTED),
        "mce",
        Severity.HANG,
    ),
    Rule((b"severity: fatal",), re.compile(r"\[Hardware Error\]: +event severity: fatal"), "hw_error", Severity.HANG),
    Rule((b"NMI received for unknown",), re.compile(r"NMI received for unknown reason"), "unknown_nmi", Severity.NOTE),
    Rule((b"rigger a crash",), re.compile(r"^(?:sysrq: )?(?:SysRq ?: )?Trigger a crash"), "sysrq", Severity.FATAL),
    Rule(
        (b"PANIC",),
        re.compile(r"(?:^|\W)PANIC at (?P<bug_at>[\w./-]{1,120}:\d+):\w+\(\)"),
        "zfs_assert",
        Severity.FATAL,
    ),
    Rule(
        (b"PANIC",),
        re.compile(r"^PANIC: (?!double fault|early exception|\")\S"),
        "zfs_assert",
        Severity.FATAL,
        Role.MAYBE,
    ),
    # until 0.6.4
    Rule((b"PANIC",), re.compile(r"^SPLError: .{0,400} SPL PANIC"), "zfs_assert", Severity.FATAL),
    Rule(
        (b"VERIFY",),
        re.compile(r"(?:^|\W)VERIFY[03FSUP]{0,3}\(.{1,300}\) failed"),
        "zfs_assert",
        Severity.FATAL,
        Role.MAYBE,
    ),
)
