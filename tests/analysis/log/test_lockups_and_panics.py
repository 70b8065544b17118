"""Reports that are no oops: lockups, stalls, hung tasks, panics of all callers, hardware. All values are invented."""

# ruff: noqa: E501  the kernel prints long lines

from __future__ import annotations

import pytest

from kdumpkit.analysis.log import read_crash

from .crashes import fatal

HEADER = "CPU: 9 PID: 1500 Comm: widgetd Not tainted 5.4.0-99-generic #1-Example\n"


def test_soft_lockup_with_panic_keeps_the_stack_of_the_processor() -> None:
    block = fatal(
        "[ 700.000001] watchdog: BUG: soft lockup - CPU#9 stuck for 23s! [kworker/u40:2:1500]\n"
        "[ 700.000002] Modules linked in: widget\n"
        "[ 700.000003] CPU: 9 PID: 1500 Comm: kworker/u40:2 Tainted: G             L    5.4.0-99-generic #1-Example\n"
        "[ 700.000004] RIP: 0010:widget_spin+0x30/0x50 [widget]\n"
        "[ 700.000005] Call Trace:\n"
        "[ 700.000006]  widget_drain+0x1/0x2 [widget]\n"
        "[ 700.000007] Kernel panic - not syncing: softlockup: hung tasks\n"
        "[ 700.000008] CPU: 9 PID: 1500 Comm: kworker/u40:2 Tainted: G             L    5.4.0-99-generic #1-Example\n"
        "[ 700.000009] Call Trace:\n"
        "[ 700.000010]  <IRQ>\n"
        "[ 700.000011]  dump_stack+0x1/0x2\n"
    )
    assert (block.kind, block.panicked, block.panic_reason) == ("soft_lockup", True, "softlockup: hung tasks")
    assert (block.comm, block.pid, block.cpu, block.tainted) == ("kworker/u40:2", 1500, 9, "GL")
    assert (block.rip_symbol, block.rip_module) == ("widget_spin", "widget")
    assert block.call_trace == ("widget_drain",)


def test_soft_lockup_of_2_6_32() -> None:
    block = fatal(
        "BUG: soft lockup - CPU#3 stuck for 67s! [widgetd:2200]\nCPU 3 \nPid: 2200, comm: widgetd Not tainted 2.6.32-71.el6.x86_64 #1 X\n"
    )
    assert (block.kind, block.cpu, block.pid, block.kernel_release) == ("soft_lockup", 3, 2200, "2.6.32-71.el6.x86_64")


def test_hard_lockups() -> None:
    block = fatal(
        "Kernel panic - not syncing: Watchdog detected hard LOCKUP on cpu 4\n"
        "Pid: 77, comm: widgetd Not tainted 2.6.32-358.el6.x86_64 #1\n"
        "Call Trace:\n"
        " <NMI>  [<ffffffff8150d2e8>] ? panic+0xa7/0x16f\n"
        " [<ffffffff810e1234>] ? watchdog_overflow_callback+0xcd/0xd0\n"
        " <<EOE>>  [<ffffffff81234567>] ? widget_lock+0x7/0x10\n"
    )
    assert (block.kind, block.cpu, block.pid, block.panicked) == ("hard_lockup", 4, 77, True)
    assert block.call_trace == ("panic", "watchdog_overflow_callback", "widget_lock")
    block = fatal(
        "[ 1.000001] WARNING: CPU: 2 PID: 0 at kernel/watchdog.c:245 watchdog_overflow_callback+0x9c/0xd0()\n"
        "[ 1.000002] Watchdog detected hard LOCKUP on cpu 2\n"
        "[ 1.000003] CPU: 2 PID: 0 Comm: swapper/2 Not tainted 3.16.0-4-amd64 #1 Debian 3.16.7\n"
    )
    assert (block.kind, block.cpu, block.rip_symbol) == ("hard_lockup", 2, None)
    block = fatal(
        "[ 1.0] Watchdog CPU:80 detected Hard LOCKUP other CPUS:1\n"
        "[ 1.1] Watchdog CPU:1 Hard LOCKUP\n"
        "[ 1.2] CPU: 1 PID: 9 Comm: widgetd Not tainted 4.15.0 #1\n"
    )
    assert (block.kind, block.cpu, block.pid) == ("hard_lockup", 1, 9)
    assert fatal("[ 1.0] watchdog: CPU 7 self-detected hard LOCKUP @ widget_spin+0x4/0x8\n").kind == "hard_lockup"
    assert fatal("[ 1.0] watchdog: CPU 7 detected hard LOCKUP on other CPUs 5\n").kind == "hard_lockup"


def test_hung_task_is_told_of_the_task_that_hangs() -> None:
    block = fatal(
        "[ 900.000001] INFO: task widget:main:4321 blocked for more than 120 seconds.\n"
        "[ 900.000002]       Tainted: P           OE     5.15.0-91-generic #101-Example\n"
        '[ 900.000003] "echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.\n'
        "[ 900.000004] task:widget:main     state:D stack:    0 pid: 4321 ppid:     1 flags:0x00000004\n"
        "[ 900.000005] Call Trace:\n"
        "[ 900.000006]  <TASK>\n"
        "[ 900.000007]  __schedule+0x24e/0x590\n"
        "[ 900.000008]  widget_wait+0x11/0x22 [widget]\n"
        "[ 900.000009] RIP: 0033:0x7f0011223344\n"
        "[ 900.000010] INFO: task other:77 blocked for more than 120 seconds.\n"
        "[ 900.000011] Call Trace:\n"
        "[ 900.000012]  schedule+0x24e/0x590\n"
        "[ 900.000013] NMI backtrace for cpu 0\n"
        "[ 900.000014] CPU: 0 PID: 50 Comm: khungtaskd Tainted: P           OE     5.15.0-91-generic #101-Example\n"
        "[ 900.000015] RIP: 0010:native_something+0x1/0x2\n"
        "[ 900.000016] Kernel panic - not syncing: hung_task: blocked tasks\n"
        "[ 900.000017] CPU: 0 PID: 50 Comm: khungtaskd Tainted: P           OE     5.15.0-91-generic #101-Example\n"
    )
    assert (block.kind, block.panic_reason) == ("hung_task", "hung_task: blocked tasks")
    assert (block.comm, block.pid, block.cpu) == ("widget:main", 4321, None)
    assert (block.kernel_release, block.tainted, block.rip_symbol) == ("5.15.0-91-generic", "POE", None)
    assert block.call_trace == ("__schedule", "widget_wait")


def test_rcu_stall_shows_the_processor_that_stalls() -> None:
    block = fatal(
        "[ 50.000001][    C1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n"
        "[ 50.000002][    C1] rcu: \t6-...!: (1 GPs behind) idle=b02/1/0x4000000000000000 softirq=1/1 fqs=0\n"
        "[ 50.000003][    C1] \t(detected by 1, t=60002 jiffies, g=1, q=2)\n"
        "[ 50.000004][    C1] Sending NMI from CPU 1 to CPUs 6:\n"
        "[ 50.000005][    C6] NMI backtrace for cpu 6\n"
        "[ 50.000006][    C6] CPU: 6 PID: 1500 Comm: widgetd Not tainted 6.1.0-18-amd64 #1 Debian 6.1.76-1\n"
        "[ 50.000007][    C6] RIP: 0010:widget_loop+0x5/0x20\n"
        "[ 50.000008][    C6] Call Trace:\n"
        "[ 50.000009][    C6]  widget_main+0x5/0x20\n"
    )
    assert (block.kind, block.cpu, block.pid, block.rip_symbol) == ("rcu_stall", 6, 1500, "widget_loop")
    assert fatal("INFO: rcu_sched_state detected stall on CPU 3 (t=15000 jiffies)\n").kind == "rcu_stall"
    assert (
        fatal("[1.0] INFO: rcu_sched self-detected stall on CPU { 3}  (t=60000 jiffies g=1 c=0 q=0)\n").kind
        == "rcu_stall"
    )


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("sysrq triggered crash", "sysrq"),
        ("Out of memory: system-wide panic_on_oom is enabled", "oom_panic"),
        ("Out of memory and no killable processes...", "oom_panic"),
        ("out of memory. panic_on_oom is selected", "oom_panic"),
        ("System is deadlocked on memory", "oom_panic"),
        ("VFS: Unable to mount root fs on unknown-block(8,1)", "vfs_mount_root"),
        ("Attempted to kill init! exitcode=0x0000000b", "init_killed"),
        ("stack-protector: Kernel stack is corrupted in: ffffffff81234567", "stack_corruption"),
        ("corrupted stack end detected inside scheduler", "stack_corruption"),
        ("Fatal machine check on current CPU", "mce"),
        ("Timeout: Not all CPUs entered broadcast exception handler", "mce"),
        ("Machine halted.", "stack_overflow"),
        ("NMI: Not continuing", "nmi"),
        ("NMI IOCK error: Not continuing", "nmi"),
        ("An NMI occurred. Depending on your system the reason for the NMI is logged", "nmi"),
        ("Fatal hardware error!", "hw_error"),
        ("Hard LOCKUP", "hard_lockup"),
        ("RCU Stall", "rcu_stall"),
        ("hung_task: blocked tasks", "hung_task"),
        ("softlockup: hung tasks", "soft_lockup"),
        ("the widget went missing", "other"),
    ],
)
def test_panic_alone(reason: str, kind: str) -> None:
    block = fatal(
        f"[ 5.000001] Kernel panic - not syncing: {reason}\n[ 5.000002] {HEADER}[ 5.000003] Call Trace:\n[ 5.000004]  panic+0x1/0x2\n"
    )
    assert (block.kind, block.panicked, block.panic_reason) == (kind, True, reason)
    assert (block.comm, block.pid, block.cpu, block.tainted) == ("widgetd", 1500, 9, "")
    assert block.call_trace == ("panic",)
    assert block.rip_symbol is None


def test_only_the_end_of_a_panic() -> None:
    block = fatal("[ 5.0] ---[ end Kernel panic - not syncing: Fatal exception in interrupt ]---\n")
    assert (block.panicked, block.panic_reason, block.kind) == (True, "Fatal exception in interrupt", "oops")


def test_sysrq_that_writes_to_null() -> None:
    block = fatal(
        "SysRq : Trigger a crash\n"
        "BUG: unable to handle kernel NULL pointer dereference at           (null)\n"
        "IP: [<ffffffff813a1b2c>] sysrq_handle_crash+0x16/0x20\n"
        "Oops: 0002 [#1] SMP\n"
        "CPU: 1 PID: 900 Comm: bash Not tainted 3.10.0-957.el7.x86_64 #1\n"
    )
    assert (block.kind, block.rip_symbol, block.pid, block.panicked) == ("sysrq", "sysrq_handle_crash", 900, False)
    block = fatal(
        "[ 1.0] sysrq: Trigger a crash\n[ 1.1] Kernel panic - not syncing: sysrq triggered crash\n[ 1.2] " + HEADER
    )
    assert (block.kind, block.panicked, block.pid) == ("sysrq", True, 1500)


def test_init_died_of_an_oops() -> None:
    block = fatal(
        "[ 1.0] BUG: kernel NULL pointer dereference, address: 0000000000000020\n"
        "[ 1.1] Oops: 0000 [#1] SMP\n"
        "[ 1.2] CPU: 0 PID: 1 Comm: systemd Not tainted 5.10.0 #1\n"
        "[ 1.3] RIP: 0010:widget_mount+0x1/0x2\n"
        "[ 1.4] ---[ end trace 0000000000000000 ]---\n"
        "[ 4.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009\n"
    )
    assert (block.kind, block.rip_symbol, block.panicked) == ("null_deref", "widget_mount", True)


def test_machine_checks() -> None:
    one = "[ 5.000001] mce: [Hardware Error]: CPU 3: Machine Check Exception: 5 Bank 0: b200000000000005\n"
    end = "[ 5.000003] Kernel panic - not syncing: Fatal machine check\n[ 5.000004] Pid: 0, comm: swapper Tainted: G   M  2.6.32-1 #1\n"
    block = fatal(one + end)
    assert (block.kind, block.cpu, block.tainted) == ("mce", 3, "GM")
    # two processors saw it: which one panicked is not printed
    assert fatal(one + one.replace("CPU 3", "CPU 8") + end).cpu is None
    logged = "[ 1.0] mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 9: {}\n"
    assert read_crash([logged.format("8c00004000010091").encode()]).fatal is None
    assert fatal(logged.format("bea0000000000108")).kind == "mce"


def test_firmware_reports_a_fatal_error() -> None:
    block = fatal(
        "[ 5.000001] {1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 1\n"
        "[ 5.000002] {1}[Hardware Error]: event severity: fatal\n"
        "[ 5.000003] Kernel panic - not syncing: Fatal hardware error!\n"
        "[ 5.000004] " + HEADER
    )
    assert (block.kind, block.panicked, block.cpu) == ("hw_error", True, 9)
    corrected = [b"[ 5.0] {1}[Hardware Error]: event severity: corrected\n"]
    assert read_crash(corrected).fatal is None


def test_zfs_assertion_halts_a_thread_only() -> None:
    block = fatal(
        "[ 5.000001] VERIFY(widget_held(w)) failed\n"
        "[ 5.000002] PANIC at widget.c:77:widget_sync()\n"
        "[ 5.000003] Showing stack for process 640\n"
        "[ 5.000004] CPU: 9 PID: 640 Comm: txg_sync Tainted: P           OE     5.15.0-1-generic #1\n"
        "[ 5.000005] Call Trace:\n"
        "[ 5.000006]  spl_dumpstack+0x29/0x2f [spl]\n"
    )
    assert (block.kind, block.panicked, block.bug_at, block.comm) == ("zfs_assert", False, "widget.c:77", "txg_sync")


def test_warning_with_panic_on_warn() -> None:
    block = fatal(
        "[ 5.000001] WARNING: CPU: 1 PID: 33 at drivers/widget/core.c:12 widget_check+0x2b/0x90 [widget]\n"
        "[ 5.000002] Kernel panic - not syncing: panic_on_warn set ...\n"
        "[ 5.000003] CPU: 1 PID: 33 Comm: widgetd Not tainted 4.19.0 #1\n"
        "[ 5.000004] Call Trace:\n"
        "[ 5.000005]  dump_stack+0x1/0x2\n"
    )
    assert (block.kind, block.panicked, block.bug_at) == ("warning", True, "drivers/widget/core.c:12")
    assert (block.rip_symbol, block.rip_module, block.comm) == ("widget_check", "widget", "widgetd")
    assert block.call_trace == ("dump_stack",)


def test_warning_of_6_19() -> None:
    block = fatal("[ 5.0] WARNING: fs/widget.c:829 at widget_put+0x334/0x430, CPU#1: widget exec/5830\n")
    assert (block.kind, block.cpu, block.comm, block.pid, block.rip_symbol) == (
        "warning",
        1,
        "widget exec",
        5830,
        "widget_put",
    )


def test_messages_that_only_sound_like_reports() -> None:
    lines = [
        "[ 1.0] WARNING: the widget mount option is deprecated and",
        "[ 1.1]          will be removed",
        "[ 1.2] INFO: lockdep is turned off.",
        "[ 1.3] Spectre: WARNING: see the manual",
        "[ 1.4] INFO: NMI handler (widget) took too long to run: 2.2 msecs",
        "[ 1.5] rcu: RCU CPU stall warnings are on",
        "[ 1.6] widgetd invoked oom-killer: gfp_mask=0x100cca, order=0, oom_score_adj=0",
        "[ 1.7] CPU: 9 PID: 1500 Comm: widgetd Not tainted 5.4.0 #1",
        "[ 1.8] Call Trace:",
        "[ 1.9]  dump_stack+0x1/0x2",
        "[ 2.0] Out of memory: Killed process 1500 (widgetd) total-vm:1kB",
        "[ 2.1] widgetd: page allocation failure: order:4, mode:0xcc0",
        "[ 2.2] CPU: 9 PID: 1500 Comm: widgetd Not tainted 5.4.0 #1",
        "[ 2.3] Call Trace:",
        "[ 2.4]  dump_stack+0x1/0x2",
        "[ 2.5] Kernel command line: panic=10 crashkernel=512M",
        "[ 2.6] Uhhuh. NMI received for unknown reason 3d on CPU 0.",
    ]
    assert read_crash(line.encode() for line in lines).fatal is None


def test_a_warning_needs_its_stack_soon() -> None:
    stack = (
        "[ 2.0] CPU: 9 PID: 1500 Comm: widgetd Not tainted 5.4.0 #1\n[ 2.1] Call Trace:\n[ 2.2]  widget_warn+0x1/0x2\n"
    )
    assert fatal("[ 1.0] WARNING: something of a widget\n" + stack).kind == "warning"
    far = "[ 1.0] WARNING: something of a widget\n" + "[ 1.1] eth0: link up\n" * 20 + stack
    assert read_crash(far.encode().splitlines()).fatal is None


def test_a_release_that_a_mail_program_broke() -> None:
    block = fatal(
        "[  215.671900] WARNING: CPU: 10 PID: 6210 at drivers/widget.c:10 widget_remove+0xda/0xf0 [widget]\n"
        "[  215.671946] CPU: 10 UID: 107 PID: 6210 Comm: widgetd Kdump: loaded Not tainted 6.16.0-\n"
        "rc7-00005-g123456789abc #79 NONE\n"
    )
    assert block.kernel_release == "6.16.0-rc7-00005-g123456789abc"


def test_soft_lockup_that_panics_at_once() -> None:
    block = fatal(
        "[ 1.0] watchdog: BUG: soft lockup - CPU#3 stuck for 25s! [swapper/3:0]\n"
        "[ 1.1] Kernel panic - not syncing: softlockup: hung tasks\n"
        "[ 1.2] CPU: 3 PID: 0 Comm: swapper/3 Tainted: G             L     6.5.3 #1 0123456789abcdef\n"
        "[ 1.3] Call Trace:\n"
        "[ 1.4]  <IRQ>\n"
        "[ 1.5]  panic+0x180/0x330\n"
        "[ 1.6] RIP: 0010:widget_softirq+0x7c/0x2c8\n"
    )
    assert (block.kind, block.panicked, block.cpu, block.tainted) == ("soft_lockup", True, 3, "GL")
    assert (block.rip_symbol, block.call_trace) == ("widget_softirq", ("panic",))


def test_machine_check_with_its_place() -> None:
    block = fatal(
        "[ 5.1] mce: [Hardware Error]: CPU 3: Machine Check Exception: 5 Bank 6: be00000000800400\n"
        "[ 5.2] mce: [Hardware Error]: RIP !INEXACT! 10:<ffffffff81234567> {widget_idle+0x72/0x170}\n"
        "[ 5.3] Kernel panic - not syncing: Fatal machine check\n"
    )
    assert (block.kind, block.rip_symbol, block.rip_offset) == ("mce", "widget_idle", "+0x72/0x170")


STARVED = """\
[  417.100001][    C1] rcu: INFO: rcu_sched self-detected stall on CPU
[  417.100002][    C1] rcu: \t1-...!: (10499 ticks this GP) idle=9f9/1/0x4000000000000002 softirq=2116/2117 fqs=0
[  417.100003][    C1] rcu: rcu_sched kthread starved for 10500 jiffies! g989 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=0
[  417.100004][    C1] rcu: RCU grace-period kthread stack dump:
[  417.100005][    C1] task:rcu_sched       state:R  running task     stack:    0 pid:   13 ppid:     2 flags:0x00000000
[  417.100006][    C1] Call Trace:
[  417.100007][    C1]  __schedule+0x1/0x9
[  417.100008][    C1]  rcu_gp_kthread+0x1/0x9
[  417.100009][    C1]  kthread+0x1/0x9
"""
LAST_RAN = """\
[  417.100010][    C1] rcu: Stack dump where RCU GP kthread last ran:
[  417.100011][    C1] Sending NMI from CPU 1 to CPUs 0:
[  417.100012][    C0] NMI backtrace for cpu 0
[  417.100013][    C0] CPU: 0 PID: 7 Comm: busy Not tainted 6.1.0 #1
[  417.100014][    C0] RIP: 0010:other_spin+0x1/0x9
[  417.100015][    C0] Call Trace:
[  417.100016][    C0]  other_loop+0x1/0x9
"""
LAST_RAN_IN_SHORT = """\
[  417.100010][    C1] rcu: Stack dump where RCU GP kthread last ran:
[  417.100013][    C1] Task dump for CPU 0:
[  417.100014][    C1] task:busy  state:R  running task     stack:    0 pid:    7 ppid:  1414 flags:0x00000202
[  417.100015][    C1] Call trace:
[  417.100016][    C1]  other_loop+0x1/0x9
"""
OWN = """\
[  417.100020][    C1] NMI backtrace for cpu 1
[  417.100021][    C1] CPU: 1 PID: 1429 Comm: stuck Not tainted 6.1.0 #1
[  417.100022][    C1] Call Trace:
[  417.100023][    C1]  <IRQ>
[  417.100024][    C1]  rcu_dump_cpu_stacks+0x1/0x9
[  417.100025][    C1]  asm_sysvec_apic_timer_interrupt+0x1/0x9
[  417.100026][    C1]  </IRQ>
[  417.100027][    C1] RIP: 0010:widget_spin+0x1/0x9
[  417.100028][    C1]  widget_loop+0x1/0x9
"""
OWN_IN_SHORT = """\
[  417.100020][    C1] Task dump for CPU 1:
[  417.100021][    C1] task:stuck  state:R  running task     stack:    0 pid: 1429 ppid:  1407 flags:0x00000202
[  417.100022][    C1] Call trace:
[  417.100023][    C1]  rcu_dump_cpu_stacks+0x1/0x9
[  417.100024][    C1]  el1h_64_irq+0x1/0x9
[  417.100025][    C1]  widget_loop+0x1/0x9
"""


@pytest.mark.parametrize("other", ["", LAST_RAN])
def test_the_stack_of_rcus_own_thread_is_not_that_of_the_processor(other: str) -> None:
    block = fatal(STARVED + other + OWN)
    assert (block.comm, block.pid, block.cpu, block.rip_symbol) == ("stuck", 1429, 1, "widget_spin")
    assert block.call_trace == ("rcu_dump_cpu_stacks", "asm_sysvec_apic_timer_interrupt", "widget_loop")


def test_a_stall_whose_stacks_are_printed_in_short() -> None:
    block = fatal(STARVED + LAST_RAN_IN_SHORT + OWN_IN_SHORT)
    assert block.call_trace == ("rcu_dump_cpu_stacks", "el1h_64_irq", "widget_loop")


def test_the_thread_is_also_starved_where_another_processor_found_the_stall() -> None:
    # here the stacks of the processors come first
    head, thread = STARVED.splitlines(keepends=True)[:2], STARVED.splitlines(keepends=True)[2:]
    block = fatal("".join([*head, *OWN.splitlines(keepends=True), *thread]))
    assert block.call_trace == ("rcu_dump_cpu_stacks", "asm_sysvec_apic_timer_interrupt", "widget_loop")


def test_of_tasks_that_were_found_hung_in_one_pass_the_first_is_told() -> None:
    one = (
        "[  {0}.100001][   T30] INFO: task widget{1}:{1} blocked for more than 120 seconds.\n"
        "[  {0}.100002][   T30] Call Trace:\n"
        "[  {0}.100003][   T30]  __schedule+0x1/0x9\n"
        "[  {0}.100004][   T30]  widget_wait{1}+0x1/0x9\n"
    )
    block = fatal(
        one.format(400, 1)
        + one.format(401, 2)
        + one.format(402, 3)
        + "[  402.500000][   T30] Kernel panic - not syncing: hung_task: blocked tasks\n"
    )
    assert (block.comm, block.pid, block.panicked) == ("widget1", 1, True)


def test_stall_of_3_x_names_the_processor_in_its_first_line() -> None:
    block = fatal("[ 3556.510903] INFO: rcu_sched_state detected stall on CPU 5 (t=105060 jiffies)\n")
    assert (block.kind, block.cpu) == ("rcu_stall", 5)
