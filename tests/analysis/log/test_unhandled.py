"""Faults of which only part is the kernel's, or of which only part is left."""

from __future__ import annotations

import pytest

from kdumpkit.analysis.log import read_crash

from .crashes import fatal


@pytest.mark.parametrize("syndrome", ["0x92000610", "0x82000010", "0x93c08007"])
def test_an_external_abort_of_user_space_is_no_crash(syndrome: str) -> None:
    line = f"[  100.000001] Unhandled fault: synchronous external abort ({syndrome}) at 0x0000000000429958"
    assert read_crash([line.encode()]).fatal is None
    assert fatal(line.replace(syndrome, "0x96000210")).kind == "external_abort"


def test_execution_of_memory_that_holds_no_code() -> None:
    for text in (
        "Unable to handle kernel execution of user memory at virtual address 0000000000001000",
        "Unable to handle kernel execution of memory at virtual address e5150010 when execute",
    ):
        block = fatal(f"[    1.000001] {text}\n[    1.000002] Internal error: Oops: 86000004 [#1] SMP\n")
        assert block.kind == "paging_request"
        assert block.fault_address in ("0000000000001000", "e5150010")


NMI = (
    "{0}NMI Watchdog detected LOCKUP on CPU 3{1}\n"
    "CPU 3\n"
    "Pid: 44, comm: widgetd Not tainted 2.6.18-8.el5 #1\n"
    "RIP: 0010:[<ffffffff8020776b>]  [<ffffffff8020776b>] widget_spin+0x82/0xf6\n"
    "Call Trace:\n"
    " [<ffffffff802a3b94>] widget_lock+0x94/0x220\n"
    "\n"
    "console shuts up ...\n"
    " <0>Kernel panic - not syncing: Aiee, killing interrupt handler!\n"
)


@pytest.mark.parametrize("words", [("", ""), ("BUG: ", ", ip ffffffff8020776b, registers:")])
def test_what_the_nmi_watchdog_found_ends_with_a_killed_handler(words: tuple[str, str]) -> None:
    block = fatal(NMI.format(*words))
    assert (block.kind, block.cpu, block.comm, block.rip_symbol) == ("hard_lockup", 3, "widgetd", "widget_spin")
    assert (block.panicked, block.panic_reason) == (True, "Aiee, killing interrupt handler!")


def test_registers_behind_the_end_of_a_report_whose_beginning_is_lost() -> None:
    text = (
        "Panic#2 Part1\n"
        "<4>[  100.000001]  widget_again+0x1/0x2\n"
        "<4>[  100.000002] ---[ end trace 0123456789abcdef ]---\n"
        "<4>[  100.000003] RIP: 0010:widget_free+0x26/0x330\n"
        "<4>[  100.000004] RSP: 0018:ffffae2b19088fb0 EFLAGS: 00010082\n"
        "<0>[  100.000005] Kernel panic - not syncing: Fatal exception in interrupt\n"
    )
    block = fatal(text)
    assert (block.kind, block.rip_symbol, block.panic_reason) == ("oops", "widget_free", "Fatal exception in interrupt")
    # no report is made of the end of a warning
    assert read_crash([b"[  100.000002] ---[ end trace 0123456789abcdef ]---", b"[  100.1] usb 1-1: new"]).fatal is None
