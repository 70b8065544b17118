"""Panics whose own words name the reason: each by the words that its source prints."""

from __future__ import annotations

import pytest

from kdumpkit.analysis.cause import Cause, Confidence, Origin, find_cause
from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.excerpt import read_excerpt


def explained(reason: str, before: str = "") -> Cause:
    text = (
        f"{before}Kernel panic - not syncing: {reason}\nCPU: 0 PID: 77 Comm: worker Not tainted 6.1.0 #1\n"
        "Call Trace:\n dump_stack_lvl+0x1/0x2\n panic+0x1/0x2\n"
    )
    lines = text.encode().splitlines()
    log = read_crash(lines)
    cause = find_cause(log, read_excerpt(lines, log))
    assert cause is not None
    return cause


@pytest.mark.parametrize(
    ("reason", "rule", "origin"),
    [
        ("EXT4-fs (device sda1): panic forced after error", "file_system", Origin.STORAGE),
        ("EXT4-fs panic from previous error", "file_system", Origin.STORAGE),
        ("BTRFS panic (device sda1) in btrfs_x:12: it (errno=-5 IO failure)", "file_system", Origin.STORAGE),
        ("*** ocfs2 is very sorry to be fencing this system by panicing ***", "fenced", Origin.STORAGE),
        ("dm-verity device corrupted", "verity", Origin.STORAGE),
        ("Software Watchdog Timer expired", "watchdog", Origin.UNKNOWN),
        ("watchdog pretimeout event", "watchdog", Origin.UNKNOWN),
        ("audit: backlog limit exceeded", "audit", Origin.SETTINGS),
        ("panic_on_taint set ...", "taint", Origin.SETTINGS),
        ("No working init found.  Try passing init= option to kernel.", "no_init", Origin.SETTINGS),
        ("Requested init /sbin/none failed (error -2).", "no_init", Origin.SETTINGS),
        ("junk within compressed archive", "initramfs", Origin.SETTINGS),
        ("memblock_x: Failed to allocate 4194304 bytes align=0x1000", "early_memory", Origin.MEMORY),
        ("CFI failure (target: widget_put+0x0/0x4)", "indirect_call", Origin.KERNEL),
        ("IO-APIC + timer doesn't work!  Boot with apic=debug", "timer", Origin.HARDWARE),
        ("dumptest", "test", Origin.OPERATOR),
        ("Fatal exception in interrupt", "end_of_oops", Origin.UNKNOWN),
        ("Attempted to kill the idle task!", "end_of_oops", Origin.UNKNOWN),
    ],
)
def test_words_that_name_the_reason(reason: str, rule: str, origin: Origin) -> None:
    cause = explained(reason)
    assert (cause.rule, cause.origin) == (f"panic_words.{rule}", origin)
    assert cause.next_steps
    assert any(reason in row.text for row in cause.evidence)
    assert (cause.confidence is Confidence.UNKNOWN) == (rule == "end_of_oops")


def test_the_message_before_belongs_to_it() -> None:
    before = "EXT4-fs error (device sda1): ext4_lookup:1: inode #2: comm ls: deleted inode referenced\nusb 1-1: new\n"
    cause = explained("EXT4-fs (device sda1): panic forced after error", before)
    assert [row.line for row in cause.evidence][:2] == [1, 3]


@pytest.mark.parametrize("reason", ["widget: cannot go on", "Panic of a driver's own", ""])
def test_words_that_nobody_knows_are_not_explained(reason: str) -> None:
    cause = explained(reason)
    assert (cause.rule, cause.confidence) == ("undecided", Confidence.UNKNOWN)


def test_an_oops_whose_first_lines_are_there_is_told_by_them() -> None:
    oops = "BUG: kernel NULL pointer dereference, address: 0000000000000008\nOops: 0000 [#1] SMP\n"
    assert explained("Fatal exception in interrupt", oops).rule.startswith("null_pointer")
