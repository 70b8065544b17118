"""Lines that a mail program broke, in more than two pieces or in mails without time stamps."""

from __future__ import annotations

import pytest

from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.model import CrashBlock


def _block(text: str) -> CrashBlock:
    blocks = read_crash(text.strip("\n").encode().split(b"\n")).blocks
    assert len(blocks) == 1
    return blocks[0]


@pytest.mark.parametrize(
    "start",
    [
        "WARNING: CPU: 7\nPID: 77 at ../drivers/widget/core.c:12\nwidget_spin+0x34/0x90 [widget]",
        "WARNING: CPU: 7 PID: 77 at ../drivers/widget/core.c:12\nwidget_spin+0x34/0x90 [widget]",
        "WARNING: CPU: 7 PID: 77 at ../drivers/widget/core.c:12\nwidget_spin+0x34/0x90\n[widget]",
    ],
)
def test_a_warning_broken_before_its_place(start: str) -> None:
    prefix = "> 2024-10-10T00:13:12.790055+02:00 hostname kernel: "
    rest = f"{prefix}CPU: 7 PID: 77\n> Comm: widgetd Tainted: G W OE 4.12.14-9-default #1\n{prefix}Call Trace:"
    block = _block(f"{prefix}{start}".replace("\n", "\n> ") + "\n" + rest)
    assert block.kind == "warning"
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_spin", "+0x34/0x90", "widget")
    assert (block.comm, block.pid, block.cpu, block.kernel_release) == ("widgetd", 77, 7, "4.12.14-9-default")


def test_quoted_printable_that_was_never_decoded() -> None:
    block = _block(
        "> > [  215.671940] Oops: 003b ilc:3 [#1] SMP=20\n"
        "> > [  215.671943] CPU: 7 UID: 0 PID: 77 Comm: widgetd Kdump: loaded Tainted: G        W =20\n"
        "> > 6.16.0-rc7-00005-g0123456789ab #79 NONE=20\n"
        "> > [  215.671951] Krnl PSW : 0704c00180000000 000002482f7ee55e (widget_remov=\n"
        "e_part+0xde/0xf0\n"
        "> > [widget])\n"
        "> > [  215.671956]            R:0 T:1 IO:1 EX:1 Key:0 M:1 W:0 P:0 AS:3 CC:0\n"
    )
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_remove_part", "+0xde/0xf0", "widget")
    assert (block.comm, block.kernel_release) == ("widgetd", "6.16.0-rc7-00005-g0123456789ab")


def test_a_place_below_its_addresses_in_a_mail_without_stamps() -> None:
    block = _block(
        "> Unable to handle kernel paging request at 0000000000100108 RIP: \n"
        "> Oops: 0000 [1] SMP \n"
        "> Pid: 77, comm: widgetd Not tainted 2.6.20 #1\n"
        "> RIP: 0010:[<ffffffff88007793>]  [<ffffffff88007793>] \n"
        "> :widget:widget_spin+0x14a/0x4a7\n"
        "> RSP: 0018:ffff810032d3fc28  EFLAGS: 00010202\n"
    )
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_spin", "+0x14a/0x4a7", "widget")


def test_letters_behind_the_dashes_of_a_taint() -> None:
    block = _block(
        "Oops: 0000 [#1] SMP \n"
        "Pid: 77, comm: widgetd Tainted: G           ---------------- T\n"
        "(2.6.32-9.el6.i686 #21) HVM domU\n"
        "EIP is at widget_spin+0xef/0x350\n"
    )
    assert (block.comm, block.pid, block.kernel_release) == ("widgetd", 77, "2.6.32-9.el6.i686")


def test_a_place_that_klogd_wrote_in_place_of_the_address() -> None:
    block = _block(
        "Unable to handle kernel paging request at 0000000000100108 RIP: \n"
        "Oops: 0000 [1] SMP \n"
        "Pid: 77, comm: widgetd Not tainted 2.6.24-9-generic #1\n"
        "RIP: 0010:[widget:widget_spin+0x447/0x9b0]  [widget:widget_spin+0x447/0x9b0] :widget:widget_spin+0x447/0x9b0\n"
    )
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_spin", "+0x447/0x9b0", "widget")


def test_the_kernel_of_a_lock_report_until_3_2() -> None:
    block = _block(
        "[ INFO: possible circular locking dependency detected ]\n"
        "3.0.5 #1\n"
        "-------------------------------------------------------\n"
        "widgetd/77 is trying to acquire lock:\n"
        " (&w->lock){+.+.+.}, at: [<c01f7714>] widget_spin+0x314/0x890\n"
    )
    assert (block.comm, block.pid, block.kernel_release) == ("widgetd", 77, "3.0.5")
    assert block.tainted is None
