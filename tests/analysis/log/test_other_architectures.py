"""arm64, arm, powerpc, s390 and riscv reports. All names and numbers are invented."""

# ruff: noqa: E501  the kernel prints long lines

from __future__ import annotations

from .crashes import fatal

ARM64 = """\
[  120.000001] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000058
[  120.000002] Mem abort info:
[  120.000003]   ESR = 0x0000000096000004
[  120.000004] user pgtable: 4k pages, 48-bit VAs, pgdp=0000000812345000
[  120.000005] Internal error: Oops: 0000000096000004 [#1] SMP
[  120.000006] Modules linked in: widget sunrpc
[  120.000007] CPU: 5 PID: 1777 Comm: widget-worker Kdump: loaded Not tainted 5.14.0-427.el9.aarch64 #1
[  120.000008] Hardware name: Example Arm Server, BIOS 0.1
[  120.000009] pstate: 60400009 (nZCv daif +PAN -UAO -TCO -DIT -SSBS BTYPE=--)
[  120.000010] pc : widget_submit+0x3c/0x120 [widget]
[  120.000011] lr : widget_queue+0x88/0xb0 [widget]
[  120.000012] sp : ffff80000abc3c00
[  120.000013] x29: ffff80000abc3c00 x28: 0000000000000000 x27: 0000000000000000
[  120.000014] Call trace:
[  120.000015]  widget_submit+0x3c/0x120 [widget]
[  120.000016]  widget_queue+0x88/0xb0 [widget]
[  120.000017]  kthread+0x10c/0x110
[  120.000018] Code: 910003fd f9000bf3 aa0003f3 f9402c00 (f9400001)
[  120.000019] SMP: stopping secondary CPUs
[  120.000020] Starting crashdump kernel...
"""


def test_arm64_oops() -> None:
    block = fatal(ARM64)
    assert block.kind == "null_deref"
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_submit", "+0x3c/0x120", "widget")
    assert (block.comm, block.pid, block.cpu, block.tainted) == ("widget-worker", 1777, 5, "")
    assert block.kernel_release == "5.14.0-427.el9.aarch64"
    assert block.call_trace == ("widget_submit", "widget_queue", "kthread")
    assert not block.panicked


def test_arm64_of_4_x() -> None:
    block = fatal(
        "[ 1.000001] Unable to handle kernel paging request at virtual address ffff00000abc0000\n"
        "[ 1.000002] pgd = ffff80000abc0000\n"
        "[ 1.000003] Internal error: Oops: 96000047 [#1] SMP\n"
        "[ 1.000004] CPU: 0 PID: 9 Comm: rcu_sched Tainted: G        W       4.9.67 #2\n"
        "[ 1.000005] task: ffff80000abc0000 task.stack: ffff80000abc4000\n"
        "[ 1.000006] PC is at widget_write+0x40/0x80\n"
        "[ 1.000007] LR is at widget_flush+0x80/0x100\n"
        "[ 1.000008] pc : [<ffff000008123440>] lr : [<ffff000008123480>] pstate: 60000145\n"
    )
    assert (block.kind, block.rip_symbol, block.rip_offset, block.kernel_release) == (
        "paging_request",
        "widget_write",
        "+0x40/0x80",
        "4.9.67",
    )


def test_arm64_bug_abort_and_serror() -> None:
    assert (
        fatal("[ 1.0] kernel BUG at mm/widget.c:12!\n[ 1.1] Internal error: Oops - BUG: 0 [#1] SMP\n").kind == "bug_on"
    )
    assert fatal("[ 1.0] Internal error: Oops - BUG: 00000000f2000800 [#1] SMP\n").kind == "bug_on"
    assert (
        fatal("[ 1.0] Internal error: synchronous external abort: 0000000096000010 [#1] SMP\n").kind == "external_abort"
    )
    assert (
        fatal("[ 1.0] Unhandled fault: synchronous external abort (0x96000010) at 0xffff00000abc0004\n").kind
        == "external_abort"
    )
    block = fatal(
        "[ 1.000001] SError Interrupt on CPU6, code 0x00000000be000411 -- SError\n"
        "[ 1.000002] CPU: 6 PID: 0 Comm: swapper/6 Not tainted 6.1.0 #1\n"
        "[ 1.000003] pc : cpu_idle_something+0x14/0x20\n"
        "[ 1.000004] Kernel panic - not syncing: Asynchronous SError Interrupt\n"
        "[ 1.000005] CPU: 6 PID: 0 Comm: swapper/6 Not tainted 6.1.0 #1\n"
        "[ 1.000006] Call trace:\n"
        "[ 1.000007]  dump_backtrace+0x0/0x1e4\n"
        "[ 1.000008]  panic+0x17c/0x360\n"
    )
    assert (block.kind, block.panicked, block.panic_reason) == ("serror", True, "Asynchronous SError Interrupt")
    assert block.rip_symbol == "cpu_idle_something"
    assert block.call_trace == ("dump_backtrace", "panic")
    assert fatal("[ 1.0] Kernel panic - not syncing: kernel stack overflow\n").kind == "stack_overflow"


def test_arm() -> None:
    block = fatal(
        "[ 1.0] Unable to handle kernel NULL pointer dereference at virtual address 00000008 when read\n"
        "[ 1.1] [00000008] *pgd=00000000\n"
        "[ 1.2] Internal error: Oops: 5 [#1] SMP ARM\n"
        "[ 1.3] CPU: 1 PID: 310 Comm: widgetd Not tainted 6.1.20-v7+ #1\n"
        "[ 1.4] PC is at widget_irq+0x10/0x50 [widget]\n"
        "[ 1.5]  widget_irq [widget] from __handle_irq_event_percpu+0x40/0x1a0\n"
        "[ 1.6]  __handle_irq_event_percpu from handle_irq_event+0x30/0x80\n"
    )
    assert (block.kind, block.rip_symbol, block.rip_module, block.cpu) == ("null_deref", "widget_irq", "widget", 1)
    assert block.fault_address == "00000008"
    assert block.call_trace == ("widget_irq", "__handle_irq_event_percpu")


PPC64 = """\
[  300.000001] BUG: Kernel NULL pointer dereference on read at 0x00000010
[  300.000002] Faulting instruction address: 0xc0080000012345a8
[  300.000003] Oops: Kernel access of bad area, sig: 11 [#1]
[  300.000004] LE PAGE_SIZE=64K MMU=Hash SMP NR_CPUS=2048 NUMA pSeries
[  300.000005] Modules linked in: widget(OE) xts vmx_crypto
[  300.000006] CPU: 17 PID: 5150 Comm: widgetctl Kdump: loaded Tainted: G           OE    --------- -  - 4.18.0-553.el8.ppc64le #1
[  300.000007] NIP:  c0080000012345a8 LR: c008000001234590 CTR: c000000000123450
[  300.000008] REGS: c000000abc123450 TRAP: 0300   Tainted: G           OE    --------- -  -  (4.18.0-553.el8.ppc64le)
[  300.000009] MSR:  800000000280b033 <SF,VEC,VSX,EE,FP,ME,IR,DR,RI,LE>  CR: 24002428  XER: 20040000
[  300.000010] GPR00: c008000001234590 c000000abc1236e0 c008000001288000 0000000000000000
[  300.000011] NIP [c0080000012345a8] widget_show+0x38/0x90 [widget]
[  300.000012] LR [c008000001234590] widget_show+0x20/0x90 [widget]
[  300.000013] Call Trace:
[  300.000014] [c000000abc1236e0] [c008000001234590] widget_show+0x20/0x90 [widget] (unreliable)
[  300.000015] [c000000abc123750] [c000000000a12340] dev_attr_show+0x40/0x80
[  300.000016] [c000000abc123780] [c0000000005a1230] sysfs_kf_seq_show+0xd0/0x1c0
[  300.000017] --- interrupt: c00 at 0x7fff9a123450
[  300.000018] Instruction dump:
[  300.000019] ---[ end trace 1c2d3e4f5a6b7c8d ]---
"""


def test_powerpc_oops() -> None:
    block = fatal(PPC64)
    assert block.kind == "null_deref"
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_show", "+0x38/0x90", "widget")
    assert (block.comm, block.pid, block.cpu) == ("widgetctl", 5150, 17)
    assert (block.kernel_release, block.tainted) == ("4.18.0-553.el8.ppc64le", "GOE")
    assert block.call_trace == ("dev_attr_show", "sysfs_kf_seq_show")
    assert len(block.frames) == 3
    assert not block.frames[0].reliable


def test_powerpc_of_3_x_says_paging_request_for_every_address() -> None:
    head = "Oops: Kernel access of bad area, sig: 11 [#1]\nNIP [c000000000123450] .widget_get+0x10/0x60\n"
    null = fatal("Unable to handle kernel paging request for data at address 0x00000008\n" + head)
    assert (null.kind, null.rip_symbol) == ("null_deref", ".widget_get")
    assert (
        fatal("Unable to handle kernel paging request for data at address 0xc00c000012345678\n" + head).kind
        == "paging_request"
    )
    assert fatal("BUG: Unable to handle kernel instruction fetch (NULL pointer?)\n" + head).kind == "null_deref"
    assert (
        fatal("BUG: Unable to handle kernel data access on write at 0xc00c000012345678\n" + head).kind
        == "paging_request"
    )


def test_powerpc_bug() -> None:
    block = fatal("kernel BUG at mm/widget.c:77!\nOops: Exception in kernel mode, sig: 5 [#3]\n")
    assert (block.kind, block.bug_at, block.oops_number) == ("bug_on", "mm/widget.c:77", 3)


S390 = """\
[   60.000001] Unable to handle kernel pointer dereference in virtual kernel address space
[   60.000002] Failing address: {address} TEID: {address}
[   60.000003] Fault in home space mode while using kernel ASCE.
[   60.000004] AS:0000000101234007 R3:0000000000000024
[   60.000005] Oops: 0038 ilc:3 [#1] SMP
[   60.000006] Modules linked in: widget qeth
[   60.000007] CPU: 4 PID: 808 Comm: widgetd Not tainted 5.14.0-362.el9.s390x #1
[   60.000008] Hardware name: IBM 8561 T01 701 (z/VM 7.3.0)
[   60.000009] Krnl PSW : 0704c00180000000 000003ff80123456 (widget_peek+0x26/0x80 [widget])
[   60.000010]            R:0 T:1 IO:1 EX:1 Key:0 M:1 W:0 P:0 AS:3 CC:0 PM:0 RI:0 EA:3
[   60.000011] Krnl GPRS: 0000000000000000 0000000000000000 0000000000000000 0000000000000001
[   60.000012] Call Trace:
[   60.000013] ([<000003ff80123440>] widget_peek+0x10/0x80 [widget])
[   60.000014]  [<000000000071a2b4>] vfs_ioctl+0x24/0x40
[   60.000015]  [<0000000000c0ffee>] __do_syscall+0x1c0/0x1f0
[   60.000016] Last Breaking-Event-Address:
[   60.000017]  [<000003ff80123abc>] not_a_caller+0x4/0x8 [widget]
[   60.000018] Kernel panic - not syncing: Fatal exception: panic_on_oops
"""


def test_s390_oops() -> None:
    block = fatal(S390.format(address="0000000000000000"))
    assert block.kind == "null_deref"
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_peek", "+0x26/0x80", "widget")
    assert (block.comm, block.pid, block.cpu, block.kernel_release) == ("widgetd", 808, 4, "5.14.0-362.el9.s390x")
    assert block.call_trace == ("widget_peek", "vfs_ioctl", "__do_syscall")
    assert block.panic_reason == "Fatal exception: panic_on_oops"
    assert fatal(S390.format(address="000003ffabcde000")).kind == "paging_request"


def test_s390_program_checks() -> None:
    assert fatal("[ 6.0] kernel BUG at lib/widget.c:62!\n[ 6.1] monitor event: 0040 ilc:2 [#1] SMP\n").kind == "bug_on"
    assert fatal("[ 6.1] illegal operation: 0001 ilc:1 [#1] SMP\n").kind == "invalid_opcode"
    assert fatal("[ 6.1] fixed point divide exception: 0009 ilc:2 [#1] SMP\n").kind == "divide_error"


def test_s390_of_2_6_32() -> None:
    block = fatal(
        "Unable to handle kernel pointer dereference at virtual kernel address 000003ff00000000\n"
        "Oops: 0004 [#1] SMP\n"
        "CPU: 3 Not tainted 2.6.32-431.el6.s390x #1\n"
        "Process widgetd (pid: 4711, task: 0000000012345678, ksp: 0000000087654321)\n"
        "Krnl PSW : 0704200180000000 000003c001234567 (widget_read+0x3a/0x1f0 [widget])\n"
    )
    assert (block.kind, block.comm, block.pid, block.cpu) == ("paging_request", "widgetd", 4711, 3)
    assert block.kernel_release == "2.6.32-431.el6.s390x"


def test_riscv() -> None:
    block = fatal(
        "[ 1.0] Unable to handle kernel access to user memory without uaccess routines at virtual address 0000000000000050\n"
        "[ 1.1] Oops [#1]\n"
        "[ 1.2] CPU: 2 PID: 55 Comm: widgetd Not tainted 6.6.0 #1\n"
        "[ 1.3] epc : widget_io+0x1c/0x80\n"
        "[ 1.4]  ra : widget_run+0x30/0x44\n"
    )
    assert (block.kind, block.rip_symbol, block.oops_number) == ("null_deref", "widget_io", 1)


def test_s390_division() -> None:
    crash = fatal(
        "fixpoint divide exception: 0009 ilc:2 [#1]SMP\nCPU: 1 PID: 22 Comm: widgetd Not tainted 5.14.0-70.el9.s390x #1\n"
        "Krnl PSW : 0704c00180000000 000003ff80201234 (widget_div+0x18/0x60 [widget])\nCall Trace:\n"
        " [<000003ff80201234>] widget_div+0x18/0x60 [widget] \n"
    )
    assert (crash.kind, crash.rip_symbol, crash.rip_module) == ("divide_error", "widget_div", "widget")


def test_arm64_exception_that_nothing_handles() -> None:
    crash = fatal(
        "Unhandled 64-bit el1h sync exception on CPU3, ESR 0x0000000002000000 -- Unknown/Uncategorized\n"
        "CPU: 3 PID: 9 Comm: widgetd Not tainted 6.1.0 #1\npc : widget_put+0x1c/0x40\nlr : widget_q+0x1/0x2\n"
        "Kernel panic - not syncing: Unhandled exception\n"
    )
    assert (crash.kind, crash.rip_symbol, crash.cpu, crash.panicked) == ("oops", "widget_put", 3, True)


def test_arm64_bad_mode() -> None:
    crash = fatal(
        "Bad mode in Synchronous Abort handler detected on CPU2, code 0x86000005 -- IABT (current EL)\n"
        "Internal error: Oops - bad mode: 0 [#1] SMP\nCPU: 2 PID: 22 Comm: widgetd Not tainted 4.18.0-80.el8.aarch64 #1\n"
        "pc : widget_put+0x1c/0x40\nKernel panic - not syncing: bad mode\n"
    )
    assert (crash.kind, crash.rip_symbol, crash.oops_number, crash.panicked) == ("oops", "widget_put", 1, True)


def test_arm64_bad_mode_in_the_error_handler_is_an_serror() -> None:
    assert fatal("Bad mode in Error handler detected on CPU2, code 0xbf000002 -- SError\n").kind == "serror"


def test_rcu_stall_of_2_6_32() -> None:
    crash = fatal(
        "INFO: RCU detected CPU 4 stall (t=10000 jiffies)\nPid: 7, comm: worker Not tainted 2.6.32-71.el6.x86_64 #1\n"
        "Call Trace:\n <IRQ>  [<ffffffff810d9b1c>] ? __rcu_pending+0x7c/0x200\n"
        " [<ffffffff810d9c8c>] widget_spin+0x2c/0x110\n"
    )
    assert (crash.kind, crash.cpu, crash.comm, crash.call_trace) == ("rcu_stall", 4, "worker", ("widget_spin",))


def test_nmi_watchdog_of_2_6_32() -> None:
    crash = fatal(
        "BUG: NMI Watchdog detected LOCKUP on CPU0, ip ffffffff81500000, registers:\nCPU 0 \n"
        "Pid: 5, comm: migration/0 Not tainted 2.6.32-71.el6.x86_64 #1 HP\n"
        "RIP: 0010:[<ffffffff81500000>]  [<ffffffff81500000>] _spin_lock+0x20/0x30\n"
        "Call Trace:\n [<ffffffff81500001>] widget_x+0x1/0x2\nKernel panic - not syncing: Non maskable interrupt\n"
    )
    assert (crash.kind, crash.panicked, crash.rip_symbol) == ("hard_lockup", True, "_spin_lock")


def test_riscv_prints_its_stack_without_a_heading() -> None:
    block = fatal(
        "[   55.000001] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008\n"
        "[   55.000002] Oops [#1]\n"
        "[   55.000003] CPU: 2 PID: 300 Comm: sh Tainted: G           OE      6.6.0-riscv64 #1\n"
        "[   55.000004] epc : widget_store+0x1c/0x40 [widget]\n"
        "[   55.000005]  ra : kernfs_write+0x11e/0x1a0\n"
        "[   55.000006] status: 0000000200000120 badaddr: 0000000000000008 cause: 000000000000000d\n"
        "[   55.000007] [<ffffffff01a4601c>] widget_store+0x1c/0x40 [widget]\n"
        "[   55.000008] [<ffffffff802b5b0a>] kernfs_write+0x11e/0x1a0\n"
        "[   55.000009] ---[ end trace 0000000000000000 ]---\n"
    )
    assert (block.rip_symbol, block.rip_module, block.pid) == ("widget_store", "widget", 300)
    assert block.call_trace == ("widget_store", "kernfs_write")


def test_loongarch_says_where_it_was() -> None:
    block = fatal(
        "CPU 1 Unable to handle kernel paging request at virtual address 0000000000000010, era == 900000000030a1b4\n"
        "Oops[#1]:\n"
        "CPU: 1 PID: 300 Comm: sh Tainted: G           OE      6.6.0-loong #1\n"
        "   ra: 900000000030a194 widget_show+0x14/0x40 [widget]\n"
        "  ERA: 900000000030a1b4 widget_store+0x34/0x40 [widget]\n"
        "Call Trace:\n"
        "[<900000000030a1b4>] widget_store+0x34/0x40 [widget]\n"
        "[<900000000040b1b4>] vfs_write+0x34/0x400\n"
    )
    assert (block.kind, block.rip_symbol, block.rip_module) == ("null_deref", "widget_store", "widget")
    assert block.call_trace == ("widget_store", "vfs_write")


def test_modules_stood_in_front_of_their_functions_once() -> None:
    block = fatal(
        "Unable to handle kernel NULL pointer dereference at 0000000000000050 RIP: \n"
        " [<ffffffff8831a5f4>] :ext3:ext3_dirty+0x14/0x3a\n"
        "Oops: 0000 [1] SMP \n"
        "Pid: 1234, comm: kjournald Not tainted 2.6.18-398.el5 #1\n"
        "RIP: 0010:[<ffffffff8831a5f4>]  [<ffffffff8831a5f4>] :ext3:ext3_dirty+0x14/0x3a\n"
        "Call Trace:\n"
        " [<ffffffff88319e4a>] :ext3:walk_page_buffers+0x65/0x8b\n"
        " [<ffffffff8001cf46>] mpage_writepages+0x1bf/0x37e\n"
    )
    assert (block.rip_symbol, block.rip_module) == ("ext3_dirty", "ext3")
    assert [(frame.symbol, frame.module) for frame in block.frames] == [
        ("walk_page_buffers", "ext3"),
        ("mpage_writepages", None),
    ]


def test_arm_prints_its_stack_without_a_heading() -> None:
    stack = (
        "[ 9.000002] [<c0012340>] (unwind_backtrace+0x0/0xf8) from [<c0023450>] (panic+0x84/0x1dc)\n"
        "[ 9.000003] [<c0023450>] (panic+0x84/0x1dc) from [<c0034560>] (do_exit+0x700/0x7cc)\n"
        "[ 9.000004] [<c0034560>] (do_exit+0x700/0x7cc) from [<c0045670>] (do_group_exit+0x40/0xa0)\n"
    )
    block = fatal("[ 9.000001] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n" + stack)
    assert block.call_trace == ("unwind_backtrace", "panic", "do_exit")
    block = fatal(
        "BUG: Bad page map in process widgetd  pte:4a44e100 pmd:4dfc8831\n"
        "CPU: 0 PID: 1041 Comm: widgetd Not tainted 4.3.6 #1\n"
        "Hardware name: Example SoC\n"
        "[<c000f28c>] (unwind_backtrace) from [<c000cf0c>] (show_stack+0x10/0x14)\n"
        "[<c000cf0c>] (show_stack) from [<c00787c8>] (print_bad_pte+0x158/0x190)\n"
    )
    assert block.call_trace == ("unwind_backtrace", "show_stack")
    assert (block.comm, block.cpu) == ("widgetd", 0)


def test_arm_hung_task_without_a_heading() -> None:
    block = fatal(
        "[ 300.000001] INFO: task widgetd:77 blocked for more than 120 seconds.\n"
        "[ 300.000002]       Tainted: G         C      4.14.17 #1\n"
        "[ 300.000003] widgetd    D    0    77      1 0x00000000\n"
        "[ 300.000004] [<807762c0>] (__schedule) from [<80776938>] (schedule+0x50/0xa8)\n"
        "[ 300.000005] [<80776938>] (schedule) from [<8014ac8c>] (widget_wait+0x20/0x40 [widget])\n"
    )
    assert block.call_trace == ("__schedule", "schedule")
    assert (block.kernel_release, block.tainted) == ("4.14.17", "GC")


def test_lock_validator_of_arm_names_kernel_and_task_itself() -> None:
    block = fatal(
        "[   65.000001] =============================================\n"
        "[   65.000002] [ INFO: possible recursive locking detected ]\n"
        "[   65.000003] 3.5.0-rc5 #2 Tainted: G        W   \n"
        "[   65.000004] ---------------------------------------------\n"
        "[   65.000005] widgetd/0/73 is trying to acquire lock:\n"
        "[   65.000006]  (&(&host->lock)->rlock#2){-.-...}, at: [<bf054120>] widget_enable+0x18/0xdc [widget]\n"
        "[   65.000007] stack backtrace:\n"
        "[   65.000008] [<c0014990>] (unwind_backtrace+0x0/0xf4) from [<c005ccb8>] (__lock_acquire+0x14f8/0x1b98)\n"
        "[   65.000009] [<c005ccb8>] (__lock_acquire+0x14f8/0x1b98) from [<c005d3f8>] (lock_acquire+0xa0/0x108)\n"
    )
    assert (block.kernel_release, block.tainted) == ("3.5.0-rc5", "GW")
    assert (block.comm, block.pid) == ("widgetd/0", 73)
    assert block.call_trace == ("unwind_backtrace", "__lock_acquire")


def test_bug_of_architectures_without_a_trap_for_it() -> None:
    block = fatal(
        "widget: BUG: failure at mm/widget.c:99/widget_abort()!\n"
        "Path: /bin/busybox\n"
        "CPU: 0 PID: 84 Comm: init Not tainted 5.4.22 \n"
        "Stack Trace:\n"
        " widget_abort+0x8a/0x8c\n"
        " widget_copy+0x10e/0x138\n"
    )
    assert (block.kind, block.bug_at) == ("bug_on", "mm/widget.c:99")
    assert (block.kernel_release, block.call_trace) == ("5.4.22", ("widget_abort", "widget_copy"))


def test_processors_that_panic_stops_are_no_part_of_the_report() -> None:
    block = fatal(
        "[    6.000001] Kernel panic - not syncing: corrupted stack end detected inside scheduler\n"
        "[    6.000002] CPU1: stopping\n"
        "[    6.000003] CPU: 1 PID: 91 Comm: widgetd Not tainted 5.10.0-rc2 #135\n"
        "[    6.000004] [<c010c05c>] (unwind_backtrace) from [<c0109ad0>] (show_stack+0x10/0x14)\n"
    )
    assert (block.cpu, block.comm, block.pid, block.kernel_release) == (None, None, None, None)
    assert block.frames == ()


def test_mail_program_broke_between_the_two_places_of_an_arm_frame() -> None:
    for quote in ("", "> "):
        block = fatal(
            f"{quote}[  190.000001] BUG: soft lockup - CPU#0 stuck for 61s! [widgetd:2224]\n"
            f"{quote}[  190.000002] Kernel panic - not syncing: softlockup: hung tasks\n"
            f"{quote}[  190.000003] [<c0031078>] (unwind_backtrace+0x0/0xe4) from\n"
            f"{quote}[<c02baf24>] (panic+0x50/0xd0)\n"
            f"{quote}[  190.000004] [<c02baf24>] (panic+0x50/0xd0) from [<c00729e4>]\n"
            f"{quote}(softlockup_tick+0x134/0x158)\n"
            f"{quote}[  190.000005] [<c00729e4>] (softlockup_tick+0x134/0x158) from\n"
            f"{quote}[<c005612c>] (update_process_times+0x28/0x48)\n"
        )
        assert block.call_trace == ("unwind_backtrace", "panic", "softlockup_tick")


def test_mail_program_broke_in_front_of_the_release_of_a_hung_task() -> None:
    block = fatal(
        "> > [ 7823.000001][   T28] INFO: task widgetd:1872 blocked for more than 491 seconds.\n"
        "> > [ 7823.000002][   T28]       Tainted: G        W\n"
        "> > 5.10.0-rc3-next-20201110-00008-gfeedbeef0123 #3\n"
        "> > [ 7823.000003][   T28] task:widgetd         state:D stack:27120 pid: 1872 ppid:     2 flags:0x00000028\n"
    )
    assert (block.kernel_release, block.tainted) == ("5.10.0-rc3-next-20201110-00008-gfeedbeef0123", "GW")
