"""Reports of powerpc's kernel debugger. All names and numbers are invented."""

from __future__ import annotations

from kdumpkit.analysis.log import CrashLog, read_crash

BOOT = "[    0.000000] Linux version 6.1.0-9 (builder@host) (gcc 12) #1 SMP\n"
FAULT = (
    "[  314.000001] BUG: Unable to handle kernel data access on read at 0xc00800000176c638\n"
    "[  314.000002] Faulting instruction address: 0xc008000000d4ddb0\n"
)
XMON = """\
cpu 0x1f: Vector: 300 (Data Access) at [c00000036da077a0]
    pc: c008000000d4ddb0: widget_flush+0x68/0xd0 [widget]
    lr: c008000000d4dd94: widget_all+0x4c/0xd0 [widget]
    sp: c00000036da07a30
   msr: 900000010280b033
   dar: c00800000176c638
 dsisr: 40000000
  current = 0xc00000036d4c0000
  paca    = 0xc000000001a00000   irqmask: 0x03   irq_happened: 0x01
    pid   = 1992, comm = widgetd
"""
BANNER = "Linux version 6.1.0-9 (builder@host) (gcc 12) #1 SMP\n"
STACK = """\
enter ? for help
[link register   ] c008000000d4dd94 widget_all+0x4c/0xd0 [widget]
[c00000036da07ab0] c008000000d4fbe0 widget_destroy+0x28/0x60 [widget] (unreliable)
[c00000036da07ae0] c0000000009eab8c gadget_destroy+0x34/0x50
[c00000036da07b10] c0000000009eab9c gadget_close+0x34/0x50
"""


def read(text: str) -> CrashLog:
    return read_crash(text.encode().splitlines(keepends=True))


def test_the_debugger_takes_the_place_of_registers_and_stack() -> None:
    log = read(BOOT + FAULT + XMON + BANNER + STACK)
    block = log.fatal
    assert block is not None
    assert block.kind == "paging_request"
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_flush", "+0x68/0xd0", "widget")
    assert (block.cpu, block.pid, block.comm, block.kernel_release) == (31, 1992, "widgetd", "6.1.0-9")
    assert block.call_trace == ("gadget_destroy", "gadget_close")
    assert [frame.symbol for frame in block.frames] == ["widget_destroy", "gadget_destroy", "gadget_close"]


def test_the_banner_in_a_report_is_no_new_boot() -> None:
    assert read(BOOT + FAULT + XMON + BANNER + STACK).boot_count == 1
    # until 4.6 there is none, and the next banner is that of the next boot
    assert read(BOOT + FAULT + XMON + STACK + BOOT).boot_count == 2


def test_a_report_of_the_debugger_alone() -> None:
    block = read(XMON + STACK).fatal
    assert block is not None
    assert (block.kind, block.fault_address, block.oops_number) == ("paging_request", "c00800000176c638", None)
    block = read(XMON.replace("Vector: 300 (Data Access)", "Vector: 700 (Program Check)") + STACK).fatal
    assert block is not None
    assert block.kind != "none"


def test_the_debugger_by_sysrq_is_no_crash() -> None:
    assert (
        read("cpu 0x1: Vector: 0  at [c00000036da077a0]\n    pc: c0000000000ddb0: sysrq_handle_xmon+0x68/0xd0\n").fatal
        is None
    )
