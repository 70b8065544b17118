"""x86 reports of kernels from 2.6.32 to 6.x. All names and numbers are invented."""

# ruff: noqa: E501  the kernel prints long lines

from __future__ import annotations

import pytest

from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.task_header import parse_task_header

from .crashes import fatal

OOPS_2_6_32 = """\
BUG: unable to handle kernel NULL pointer dereference at 0000000000000018
IP: [<ffffffffa01234c5>] widget_release+0x25/0x60 [widget]
PGD 104bd2067 PUD 1048de067 PMD 0
Oops: 0000 [#1] SMP
last sysfs file: /sys/devices/system/cpu/online
CPU 2
Modules linked in: widget(U) autofs4 sunrpc ipv6 [last unloaded: scsi_wait_scan]

Pid: 2411, comm: widgetd Tainted: G           ---------------  T 2.6.32-431.el6.x86_64 #1 Example Model 7/Board
RIP: 0010:[<ffffffffa01234c5>]  [<ffffffffa01234c5>] widget_release+0x25/0x60 [widget]
RSP: 0018:ffff880104be5e58  EFLAGS: 00010246
RAX: 0000000000000000 RBX: ffff880104bd0aa0 RCX: 0000000000000001
Process widgetd (pid: 2411, threadinfo ffff880104be4000, task ffff880104bd0aa0)
Stack:
 ffff880104be5e68 ffffffff8118b6f5 ffff880104be5eb8 ffffffff8118b835
Call Trace:
 [<ffffffff8118b6f5>] __fput+0xf5/0x210
 [<ffffffff8118b700>] ? stale_frame+0x0/0x10
 [<ffffffff8118b835>] fput+0x25/0x30
Code: 48 8b 47 18 c9 c3
RIP  [<ffffffffa01234c5>] widget_release+0x25/0x60 [widget]
 RSP <ffff880104be5e58>
CR2: 0000000000000018
---[ end trace 5f2e1b1c9a3d7e48 ]---
Kernel panic - not syncing: Fatal exception
Pid: 2411, comm: widgetd Tainted: G      D    ---------------  T 2.6.32-431.el6.x86_64 #1
Call Trace:
 [<ffffffff8152723c>] ? panic+0xa7/0x16f
 [<ffffffff8152b5b4>] ? oops_end+0xe4/0x100
"""


def test_oops_of_2_6_32() -> None:
    block = fatal(OOPS_2_6_32)
    assert block.kind == "null_deref"
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_release", "+0x25/0x60", "widget")
    assert (block.comm, block.pid, block.cpu) == ("widgetd", 2411, 2)
    assert (block.kernel_release, block.tainted) == ("2.6.32-431.el6.x86_64", "GT")
    assert block.call_trace == ("__fput", "fput")
    assert block.panicked
    assert block.panic_reason == "Fatal exception"
    assert block.fault_address == "0000000000000018"
    assert block.modules_linked_in == ("widget", "autofs4", "sunrpc", "ipv6")
    assert block.oops_number == 1
    assert block.line_numbers["rip_symbol"] == 2
    assert block.line_numbers["pid"] == 9
    assert block.line_numbers["panic_reason"] == 25


PAGE_FAULT_6 = """\
[  901.000001][ T4242] BUG: unable to handle page fault for address: ffffa1b2c3d4e5f6
[  901.000002][ T4242] #PF: supervisor read access in kernel mode
[  901.000003][ T4242] #PF: error_code(0x0000) - not-present page
[  901.000004][ T4242] PGD 0 P4D 0
[  901.000005][ T4242] Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI
[  901.000006][ T4242] CPU: 11 UID: 1000 PID: 4242 Comm: tokio runtime w Kdump: loaded Tainted: P        W  OE      6.12.0-55.el10.x86_64 #1 PREEMPT(lazy)
[  901.000007][ T4242] Tainted: [P]=PROPRIETARY_MODULE, [W]=WARN, [O]=OOT_MODULE, [E]=UNSIGNED_MODULE
[  901.000008][ T4242] Hardware name: Example Server/Board, BIOS 1.2.3 01/02/2024
[  901.000009][ T4242] RIP: 0010:widget_poll+0x1b/0x80 [widget 0123456789abcdef0123456789abcdef01234567]
[  901.000010][ T4242] Code: 0f 1f 44 00 00 <48> 8b 07 c3
[  901.000011][ T4242] RSP: 0018:ffffb0c0d0e0f000 EFLAGS: 00010202
[  901.000012][    C3] eth0: renamed from veth1
[  901.000013][ T4242] Call Trace:
[  901.000014][ T4242]  <TASK>
[  901.000015][ T4242]  ? __die_body.cold+0x19/0x27
[  901.000016][ T4242]  widget_wait+0x44/0x90 [widget 0123456789abcdef0123456789abcdef01234567]
[  901.000017][ T4242]  do_syscall_64+0x5f/0x150
[  901.000018][ T4242]  entry_SYSCALL_64_after_hwframe+0x76/0x7e
[  901.000019][ T4242] RIP: 0033:0x7f0011223344
[  901.000020][ T4242]  </TASK>
[  901.000021][ T4242] Modules linked in: widget(POE) nf_tables
[  901.000022][ T4242]  dm_mod sd_mod
[  901.000023][ T4242] ---[ end trace 0000000000000000 ]---
"""


def test_page_fault_of_6_x() -> None:
    block = fatal(PAGE_FAULT_6)
    assert block.kind == "paging_request"
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_poll", "+0x1b/0x80", "widget")
    assert (block.comm, block.pid, block.cpu) == ("tokio runtime w", 4242, 11)
    assert (block.kernel_release, block.tainted) == ("6.12.0-55.el10.x86_64", "PWOE")
    assert block.call_trace[:2] == ("widget_wait", "do_syscall_64")
    assert not block.panicked
    assert block.panic_reason is None
    assert block.modules_linked_in == ("widget", "nf_tables", "dm_mod", "sd_mod")
    assert block.taints[0].startswith("P: a proprietary module")


def test_general_protection_fault() -> None:
    block = fatal(
        "[   10.000000] general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] SMP PTI\n"
        "[   10.000001] CPU: 1 PID: 77 Comm: kswapd0 Not tainted 5.10.0-30-amd64 #1 Debian 5.10.218-1\n"
        "[   10.000002] RIP: 0010:widget_shrink+0x10/0x40\n"
    )
    assert block.kind == "gpf"
    assert block.tainted == ""
    assert block.kernel_version == "#1 Debian 5.10.218-1"
    assert block.rip_module is None


def test_bug_and_its_message() -> None:
    block = fatal(
        "[   10.000000] ------------[ cut here ]------------\n"
        "[   10.000001] kernel BUG at fs/widget/inode.c:321!\n"
        "[   10.000002] invalid opcode: 0000 [#1] SMP NOPTI\n"
        "[   10.000003] RIP: 0010:widget_evict.cold+0x7/0x9\n"
    )
    assert block.kind == "bug_on"
    assert block.bug_at == "fs/widget/inode.c:321"
    assert block.rip_symbol == "widget_evict.cold"
    # nothing invented: these lines are not in the log
    assert (block.comm, block.pid, block.cpu, block.kernel_release, block.tainted) == (None,) * 5
    assert block.call_trace == ()


def test_opcode_without_bug_is_no_bug() -> None:
    assert fatal("[   10.000002] invalid opcode: 0000 [#1] SMP NOPTI\n").kind == "invalid_opcode"


def test_divide_error_and_double_fault() -> None:
    assert fatal("[ 1.000002] divide error: 0000 [#1] SMP\n").kind == "divide_error"
    assert fatal("[ 1.000002] Oops: divide error: 0000 [#1] SMP\n").kind == "divide_error"
    assert fatal("[ 1.000002] PANIC: double fault, error_code: 0x0\n").kind == "stack_overflow"
    assert (
        fatal(
            "[ 1.000002] BUG: TASK stack guard page was hit at 00000000a1b2c3d4 (stack is 1..2)\n"
            "[ 1.000003] stack guard page: 0000 [#1] PREEMPT SMP\n"
        ).oops_number
        == 1
    )


def test_oops_without_cause_is_known_by_its_address() -> None:
    head = "[ 1.000002] Oops: 0002 [#1] SMP\n[ 1.000003] RIP: 0010:widget_set+0x1/0x2\n"
    assert (
        fatal(head + "[ 1.000004] CR2: 0000000000000020 CR3: 0000000012345000 CR4: 00000000000006f0\n").kind
        == "null_deref"
    )
    assert fatal(head + "[ 1.000004] CR2: ffffc90012345678 CR3: 0000000012345000\n").kind == "paging_request"
    assert fatal(head).kind == "oops"


def test_xen_segments() -> None:
    head = "[ 1.000002] BUG: unable to handle kernel paging request at ffffc90000abc000\n"
    assert (
        fatal(
            head + "[ 1.000003] RIP: e030:[<ffffffff81001234>]  [<ffffffff81001234>] widget_map+0x4/0x10\n"
        ).rip_symbol
        == "widget_map"
    )
    assert fatal(head + "[ 1.000003] RIP: e033:[<00007f0011223344>] looks_like+0x1/0x2\n").rip_symbol is None


def test_jump_to_null_has_no_symbol() -> None:
    block = fatal(
        "[ 1.000002] BUG: kernel NULL pointer dereference, address: 0000000000000000\n"
        "[ 1.000003] #PF: supervisor instruction fetch in kernel mode\n"
        "[ 1.000004] RIP: 0010:0x0\n"
        "[ 1.000005] Call Trace:\n"
        "[ 1.000006]  widget_call+0x12/0x30\n"
    )
    assert (block.kind, block.rip_symbol, block.rip_offset) == ("null_deref", None, None)
    assert block.call_trace == ("widget_call",)


def test_32_bit() -> None:
    block = fatal(
        "BUG: unable to handle kernel NULL pointer dereference at 00000004\n"
        "IP: [<c0412345>] widget_next+0x15/0x40\n"
        "*pde = 00000000\n"
        "Oops: 0000 [#1] SMP\n"
        "Pid: 12, comm: events/0 Not tainted (2.6.32-5-686 #1) Example\n"
        "EIP: 0060:[<c0412345>] EFLAGS: 00010246 CPU: 0\n"
        "EIP is at widget_next+0x15/0x40\n"
    )
    assert (block.rip_symbol, block.pid, block.comm, block.kernel_release) == (
        "widget_next",
        12,
        "events/0",
        "2.6.32-5-686",
    )


def test_lines_of_decode_stacktrace() -> None:
    block = fatal(
        "[  5.000001][ T33] BUG: kernel NULL pointer dereference, address: 0000000000000010\n"
        "[  5.000002][ T33] RIP: 0010:widget_get (include/linux/widget.h:12 drivers/widget/core.c:345 (discriminator 3)) widget\n"
        "[  5.000003][ T33] Call Trace:\n"
        "[  5.000004][ T33]  <TASK>\n"
        "[  5.000005][ T33] ? show_regs (arch/x86/kernel/dumpstack.c:479)\n"
        "[  5.000006][ T33] widget_open (drivers/widget/core.c:99) widget\n"
        "[  5.000007][ T33] do_dentry_open (fs/open.c:960)\n"
    )
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_get", None, "widget")
    assert block.call_trace == ("widget_open", "do_dentry_open")


def test_mail_program_broke_the_lines() -> None:
    block = fatal(
        "> [ 5.000001] BUG: unable to handle kernel NULL pointer dereference at\n"
        "> 0000000000000010\n"
        "> [ 5.000002] CPU: 3 PID: 99 Comm: kworker/3:1 Tainted: G        W        \n"
        "> 4.19.0-17-amd64 #1 Debian 4.19.194-3\n"
        "> [ 5.000003] RIP: 0010:a_rather_long_function_name_of_a_driver+0x1234/0x5678\n"
        "> [widget]\n"
        "> [ 5.000004] Kernel panic - not syncing: Fatal exception in interrupt\n"
        "> Any ideas?\n"
    )
    assert (block.kind, block.pid, block.kernel_release, block.tainted) == ("null_deref", 99, "4.19.0-17-amd64", "GW")
    assert (block.rip_symbol, block.rip_module) == ("a_rather_long_function_name_of_a_driver", "widget")
    assert block.panic_reason == "Fatal exception in interrupt"
    assert block.fault_address == "0000000000000010"


def test_user_faults_are_no_crash() -> None:
    log = read_crash(
        [
            b"[  5.0] widgetd[42]: segfault at 10 ip 000055d0c0ffee00 sp 00007ffc00000000 error 4 in widgetd[55d0c0000000+9000]\n",
            b"[  6.0] traps: widgetd[43] general protection fault ip:55d0c0ffee10 sp:7ffc00000010 error:0 in widgetd[55d0c0000000+9000]\n",
            b"[  7.0] traps: widgetd[44] trap divide error ip:55d0c0ffee20 sp:7ffc00000020 error:0\n",
            b"[  8.0] Code: 48 8b\n",
        ]
    )
    assert log.fatal is None
    assert log.as_json()["kind"] == "none"
    assert log.as_json()["rip_symbol"] is None


@pytest.mark.parametrize(
    ("printed", "letters", "release"),
    [
        ("Not tainted 6.1.0 #1", "", "6.1.0"),
        ("Not tainted ---------------  2.6.32-71.el6.x86_64 #1", "", "2.6.32-71.el6.x86_64"),
        ("Tainted: G           OE  ------------   3.10.0-1160.el7.x86_64 #1", "GOE", "3.10.0-1160.el7.x86_64"),
        ("Tainted: G           OE  ------------ T 3.10.0-1160.el7.x86_64 #1", "GOET", "3.10.0-1160.el7.x86_64"),
        ("Tainted: G        W        --------- -t - 4.18.0-80.el8.x86_64 #1", "GWt", "4.18.0-80.el8.x86_64"),
        ("Tainted: P           OE    -------  ---  5.14.0-70.el9.x86_64 #1", "POE", "5.14.0-70.el9.x86_64"),
        ("Tainted: G               X    5.3.18-150300.59.87-default #1 SLE15-SP3", "GX", "5.3.18-150300.59.87-default"),
        ("Tainted: P    B D W IOEL K  6.8.0-31-generic #31-Ubuntu", "PBDWIOELK", "6.8.0-31-generic"),
        ("Not tainted syzkaller #0", "", "syzkaller"),
    ],
)
def test_taint_and_release(printed: str, letters: str, release: str) -> None:
    for head in ("CPU: 1 PID: 2 Comm: a b", "CPU: 1 UID: 0 PID: 2 Comm: a b Kdump: loaded", "Pid: 2, comm: a b"):
        header = parse_task_header(f"{head} {printed}")
        assert header is not None
        assert (header.comm, header.pid, header.taint, header.release) == ("a b", 2, letters, release)


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("6.15.0-rc1 #1 PREEMPT(full)", "#1 PREEMPT(full)"),
        ("6.15.0 #1 SMP PREEMPT(voluntary) 6.15.1-2", "#1 SMP PREEMPT(voluntary) 6.15.1-2"),
        ("(2.6.18-348.el5 #1)", "#1"),
        ("(3.2.0-4-686 #1 SMP PREEMPT(lazy))", "#1 SMP PREEMPT(lazy)"),
    ],
)
def test_a_parenthesis_of_the_version_stays_and_one_around_it_goes(printed: str, version: str) -> None:
    for comm in ("widgetd", "a b"):
        header = parse_task_header(f"CPU: 1 PID: 2 Comm: {comm} Not tainted {printed}")
        assert header is not None
        assert header.version == version


def test_a_broken_die_line_is_one_report() -> None:
    lines = (
        "[  115.685734][  T579] Oops: general protection fault, probably for non-\n"
        "canonical address 0x9d504b8ce3373: 0000 [#1] SMP NOPTI\n"
        "[  115.685742][  T579] CPU: 13 UID: 0 PID: 579 Comm: widgetd Not tainted 6.15.0-rc6 #1\n"
        "[  115.685750][  T579] Kernel panic - not syncing: Fatal exception in int=\n"
        "errupt\n"
    )
    log = read_crash(lines.encode().splitlines(keepends=True))
    assert log.block_count == 1
    assert log.fatal is not None
    assert (log.fatal.kind, log.fatal.oops_number, log.fatal.pid) == ("gpf", 1, 579)
    assert log.fatal.panic_reason == "Fatal exception in interrupt"


def test_32_bit_until_2_6_24() -> None:
    block = fatal(
        "BUG: unable to handle kernel NULL pointer dereference at virtual address 00000004\n"
        " printing eip:\n"
        "c0123456\n"
        "*pde = 00000000\n"
        "Oops: 0002 [#1]\n"
        "Modules linked in: widget ext3\n"
        "CPU:    3\n"
        "EIP:    0060:[<c0123456>]    Tainted: PF      VLI\n"
        "EFLAGS: 00010282   (2.6.18-8.el5PAE #1) \n"
        "EIP is at widget_put+0x3e/0x100 [widget]\n"
        "eax: 00000000   ebx: c7ba7580   ecx: c0316bd4   edx: 00000000\n"
        "Process widgetd (pid: 2871, ti=c953e000 task=c953da90 task.ti=c953e000)\n"
        "Call Trace:\n"
        " [<c019666a>] widget_close+0x13a/0x150 [widget]\n"
        " [<c0174750>] sys_close+0x10/0xd0\n"
    )
    assert (block.cpu, block.tainted, block.kernel_release) == (3, "PF", "2.6.18-8.el5PAE")
    assert (block.rip_symbol, block.comm, block.pid) == ("widget_put", "widgetd", 2871)
    assert block.call_trace == ("widget_close", "sys_close")


def test_32_bit_says_the_processor_beside_the_instruction_pointer() -> None:
    block = fatal(
        "[  146.000001] BUG: unable to handle kernel paging request at ffdd2000\n"
        "[  146.000002] IP: [<c12b6e7d>] widget_copy+0x1d/0x40\n"
        "[  146.000003] Oops: 0000 [#1] SMP \n"
        "[  146.000004] Pid: 2229, comm: widgetd Tainted: P           O 3.2.0-25-generic-pae #40 EXAMPLE Board\n"
        "[  146.000005] EIP: 0060:[<c12b6e7d>] EFLAGS: 00010216 CPU: 2\n"
        "[  146.000006] EIP is at widget_copy+0x1d/0x40\n"
    )
    assert (block.cpu, block.pid, block.tainted) == (2, 2229, "PO")


def test_mail_program_broke_between_two_addresses() -> None:
    block = fatal(
        "Jul 27 00:17:51 host kernel: [ 5828.000001] invalid opcode: 0000 [#1] SMP \n"
        "Jul 27 00:17:51 host kernel: [ 5828.000002] CPU 0 \n"
        "Jul 27 00:17:51 host kernel: [ 5828.000003] Pid: 5894, comm: widget_target-1 \n"
        "Tainted: G           O 3.8.5 #1 Example\n"
        "Jul 27 00:17:51 host kernel: [ 5828.000004] RIP: 0010:[<ffffffffa01b3fe3>]  \n"
        "[<ffffffffa01b3fe3>] widget_cmd_done+0xa/0x34 [widget]\n"
    )
    assert (block.rip_symbol, block.rip_module, block.tainted) == ("widget_cmd_done", "widget", "GO")


def test_what_stands_below_a_header_without_release_is_not_part_of_it() -> None:
    block = fatal(
        "watchdog: BUG: soft lockup - CPU#7 stuck for 22s! [widgetd:2533]\n"
        "CPU: 7 PID: 2533 Comm: widgetd Kdump: loaded Tainted: G           OE     \n"
        "Hardware name: Example Machine, BIOS 0.1 02/06/2015\n"
    )
    assert (block.tainted, block.hardware_name) == ("GOE", "Example Machine, BIOS 0.1 02/06/2015")


def test_the_words_of_a_fault_of_which_the_first_part_is_lost() -> None:
    block = fatal(
        """\
[   12.345678] NULL pointer dereference at 0000000000000029
[   12.345690] IP: [<ffffffffa01234c5>] widget_release+0x25/0x60 [widget]
[   12.345700] PGD 0
[   12.345710] Oops: 0002 [#1] SMP
[   12.345720] CPU: 1 PID: 7 Comm: widgetd Not tainted 4.4.0-7-generic #7
"""
    )
    assert (block.kind, block.rip_symbol, block.rip_module) == ("null_deref", "widget_release", "widget")
    assert fatal("[    1.000000] paging request at ffffc90000123000\n").kind == "paging_request"
    assert read_crash([b"NULL pointer dereference at widget_release() again\n"]).fatal is None


def test_a_general_protection_fault_that_a_mail_program_broke_early() -> None:
    block = fatal(
        """\
[  12.345678] Oops: general protection fault, probably for
non-canonical address 0xdead000000000107: 0000 [#1] SMP PTI
[  12.345690] CPU: 1 PID: 7 Comm: widgetd Not tainted 6.10.1-7 #7
"""
    )
    assert (block.kind, block.comm, block.fault_address) == ("gpf", "widgetd", "0xdead000000000107")


def test_what_die_says_last_tells_of_an_oops_whose_beginning_is_lost() -> None:
    block = fatal(
        """\
[    7.000001]  [<ffffffff81000010>] widget_top+0x10/0x20
[    7.000002] Code: 90 90 <0f> 1f
[    7.000003] RIP  [<ffffffffa0123456>] widget_probe+0x36/0x90 [widget]
[    7.000004]  RSP <ffffc90000123cd8>
[    7.000005] CR2: 000000000007b2cb
[    7.000006] ---[ end trace 0123456789abcdef ]---
[    7.000007] Kernel panic - not syncing: Fatal exception
"""
    )
    assert (block.kind, block.rip_symbol, block.rip_offset) == ("paging_request", "widget_probe", "+0x36/0x90")
    assert (block.rip_module, block.panic_reason, block.comm) == ("widget", "Fatal exception", None)
    assert read_crash([b"RIP  [widgetd] rest in peace\n"]).fatal is None


@pytest.mark.parametrize(("said", "letters"), [("Not tainted", ""), ("Tainted: P        W  ---------------- ", "PW")])
def test_red_hat_6_says_beside_a_warning_what_taints_the_kernel(said: str, letters: str) -> None:
    block = fatal(
        f"WARNING: at drivers/widget/core.c:65 widget_watch+0x1f1/0x200() ({said})\nHardware name: Widget 1\n"
    )
    assert (block.kind, block.rip_symbol, block.tainted) == ("warning", "widget_watch", letters)
