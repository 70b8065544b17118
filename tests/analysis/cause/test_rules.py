"""Every kind of death: which rule answers, how sure it is, and which words and lines it gives."""

from __future__ import annotations

import pytest

from kdumpkit.analysis.cause import Cause, Confidence, Origin, find_cause
from kdumpkit.analysis.cause.find import RULES
from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.excerpt import read_excerpt
from tests.analysis.cause.samples import BOOT, fault, gpf, hung, null, soft_lockup, x86

CERTAIN, LIKELY, POSSIBLE, UNKNOWN = Confidence
OE = "Tainted: G           OE     "


def cause_of(text: str) -> Cause:
    lines = text.encode().splitlines()
    log = read_crash(lines)
    found = find_cause(log, read_excerpt(lines, log))
    assert found is not None, text
    return found


SYSRQ = "sysrq: Trigger a crash\nKernel panic - not syncing: sysrq triggered crash\n" + x86(
    "", "", "dump_stack_lvl+0x44/0x5c panic+0x118/0x2ed sysrq_handle_crash+0x16/0x20 write_sysrq_trigger+0x64/0x80"
)
MCE = (
    "mce: [Hardware Error]: CPU 2: Machine Check Exception: 5 Bank 7: {status}\n"
    "mce: [Hardware Error]: RIP !INEXACT! 10:<ffffffff81234567> {{widget_put+0x1d/0x30}}\n"
    "mce: [Hardware Error]: TSC 7ebbc5c7e698b4 ADDR 3f5a84d000\n"
    "Kernel panic - not syncing: Fatal machine check\n"
)
GHES = (
    "{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 4\n"
    "{1}[Hardware Error]: event severity: fatal\n{1}[Hardware Error]:  Error 0, type: fatal\n"
    "{1}[Hardware Error]:   section_type: memory error\n{1}[Hardware Error]:   error_type: 3, multi-bit ECC\n"
    "{1}[Hardware Error]:   DIMM location: CPU1 DIMM_B2\nKernel panic - not syncing: Fatal hardware error!\n"
)
OOM = (
    "worker invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0\n"
    "CPU: 1 PID: 77 Comm: worker Not tainted 6.1.0-9-amd64 #1\nCall Trace:\n dump_stack_lvl+0x44/0x5c\n"
    " dump_header+0x4a/0x213\n out_of_memory+0x1/0x2\nMem-Info:\n slab_reclaimable:10 slab_unreclaimable:{slab}\n"
    "1000000 pages RAM\nTotal swap = 0kB\n"
    "[    500]     0   500    20000   {rss}   100000        0             0 eater\n"
    "Kernel panic - not syncing: {reason}\n"
)
ROOT = (
    "Kernel command line: BOOT_IMAGE=/vmlinuz root=/dev/mapper/vg-root ro\n{before}"
    "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block({numbers})\n"
)
INIT = (
    "{before}Kernel panic - not syncing: Attempted to kill init! exitcode=0x{code}\n"
    "CPU: 0 PID: 1 Comm: systemd Not tainted 6.1.0 #1\n"
)
GUARD = "BUG: stack guard page was hit at 00000000abcd (stack is 0..1)\nkernel stack overflow (page fault): 0000 [#1]"
STALL = (
    "rcu: INFO: rcu_sched self-detected stall on CPU\nrcu: \t3-....: (5250 ticks this GP) idle=74e/1/0x40 fqs=2233\n"
    "CPU: 3 PID: 900 Comm: worker Not tainted 6.1.0-9-amd64 #1\nRIP: 0010:{rip}\nCall Trace:\n <IRQ>\n"
    " rcu_dump_cpu_stacks+0xc4/0x100\n rcu_sched_clock_irq.cold+0x1/0x2\n update_process_times+0x1/0x2\n </IRQ>\n"
    " <TASK>\n asm_sysvec_apic_timer_interrupt+0x16/0x20\n{frames} </TASK>\n"
)

CASES = [
    ("sysrq", SYSRQ, "sysrq.crash", CERTAIN, Origin.OPERATOR, "wrote c to /proc/sysrq-trigger"),
    ("our test", f"kdumpkit: panic test 1\n{SYSRQ}", "sysrq.kdumpkit_test", CERTAIN, Origin.OPERATOR, "panic test"),
    ("null in tree", null(), "null_pointer.in_tree", LIKELY, Origin.KERNEL, "read through a pointer that is NULL"),
    (
        "null in a foreign module",
        null(rip="widget_put+0x1d/0x30 [widget]", taint=OE, modules="widget(OE) ext4"),
        "null_pointer.out_of_tree",
        LIKELY,
        Origin.MODULE,
        "does not come with the kernel (taint OE)",
    ),
    (
        "null below a foreign module",
        null(rip="kobject_x+0x1d/0x30", trace="widget_step+0x1/0x20@[widget]", taint=OE, modules="widget(OE)"),
        "null_pointer.out_of_tree",
        POSSIBLE,
        Origin.MODULE,
        "as it called this code",
    ),
    (
        "null in a module of the kernel's, foreign ones elsewhere",
        null(rip="ext4_x+0x1d/0x30 [ext4]", taint=OE, modules="widget(OE) ext4"),
        "null_pointer.in_tree",
        LIKELY,
        Origin.KERNEL,
        "(widget); none is on this stack",
    ),
    (
        "null function",
        null(rip="0x0", after="Code: Unable to access opcode bytes at 0xffffffffffffffd6.\n"),
        "null_pointer.in_tree",
        LIKELY,
        Origin.KERNEL,
        "called a function through a pointer that is NULL",
    ),
    (
        "null under KASAN",
        gpf("0xdffffc0000000003"),
        "null_pointer.in_tree",
        LIKELY,
        Origin.KERNEL,
        "pointer that is NULL",
    ),
    (
        "poison",
        gpf("0x6b6b6b6b6b6b6b8b"),
        "bad_pointer.use_after_free",
        LIKELY,
        Origin.KERNEL,
        "after it had been given",
    ),
    ("list", gpf("0xdead000000000108"), "bad_pointer.use_after_free", LIKELY, Origin.KERNEL, "LIST_POISON1"),
    (
        "list poison in a register of an old kernel",
        gpf(registers="RAX: dead000000000200 RBX: ffff88003d6ab000 RCX: 0000000000000000\n"),
        "bad_pointer.use_after_free",
        LIKELY,
        Origin.KERNEL,
        "register RAX",
    ),
    ("error code", fault("fffffffffffffff4"), "bad_pointer.error_code", LIKELY, Origin.KERNEL, "-ENOMEM"),
    ("one bit", gpf("0xfff7888012345678"), "bad_pointer.one_bit", POSSIBLE, Origin.HARDWARE, "but for one bit"),
    (
        "one bit after corrected errors",
        "EDAC MC0: 1 CE memory read error on CPU_SrcID#0\n" + gpf("0xfff7888012345678"),
        "bad_pointer.one_bit",
        LIKELY,
        Origin.HARDWARE,
        "memory errors before",
    ),
    ("text", fault("6f72772f6374652f"), "bad_pointer.text", LIKELY, Origin.KERNEL, "'/etc/wro'"),
    ("wild", fault("ffffa1b2c3d4e5f6"), "bad_pointer.wild", POSSIBLE, Origin.KERNEL, "at which nothing is mapped"),
    (
        "wild in a foreign module",
        fault("ffffa1b2c3d4e5f6", rip="widget_put+0x1d/0x30 [widget]", taint=OE, modules="widget(OE)"),
        "bad_pointer.wild.out_of_tree",
        POSSIBLE,
        Origin.MODULE,
        "look at it first",
    ),
    (
        "damage before",
        "BUG: Bad page state in process a  pfn:1234\n" + fault("ffffa1b2c3d4e5f6"),
        "bad_pointer.wild",
        POSSIBLE,
        Origin.KERNEL,
        "shows damaged memory before this",
    ),
    (
        "second death",
        null(taint="Tainted: G      D     "),
        "null_pointer.in_tree",
        POSSIBLE,
        Origin.KERNEL,
        "had died once before",
    ),
    (
        "list corruption",
        "list_del corruption. prev->next should be ffff, but was dead000000000100\n"
        "------------[ cut here ]------------\n"
        + x86("kernel BUG at lib/list_debug.c:56!\ninvalid opcode: 0000 [#1] SMP"),
        "kernel_bug.list_corruption",
        LIKELY,
        Origin.KERNEL,
        "linked list was found damaged",
    ),
    (
        "slab",
        x86("kernel BUG at mm/slub.c:379!\ninvalid opcode: 0000 [#1] SMP"),
        "kernel_bug.slab_corruption",
        LIKELY,
        Origin.KERNEL,
        "the victim and not the culprit",
    ),
    (
        "file system",
        x86("kernel BUG at fs/jbd2/commit.c:534!\ninvalid opcode: 0000 [#1] SMP"),
        "kernel_bug.file_system",
        POSSIBLE,
        Origin.KERNEL,
        "jbd2",
    ),
    (
        "assertion in a foreign module",
        x86(
            "kernel BUG at /src/widget.c:34!\ninvalid opcode: 0000 [#1] SMP",
            "widget_put+0x1d/0x30 [widget]",
            taint=OE,
            modules="widget(OE)",
        ),
        "kernel_bug.assertion.out_of_tree",
        LIKELY,
        Origin.MODULE,
        "A check failed in widget_put() of the module widget (/src/widget.c:34)",
    ),
    ("division", x86("divide error: 0000 [#1] SMP"), "kernel_bug.division_by_zero", LIKELY, Origin.KERNEL, "by zero"),
    (
        "stack guard",
        x86(GUARD),
        "kernel_stack.ran_out",
        LIKELY,
        Origin.KERNEL,
        "stack ran out",
    ),
    (
        "recursion",
        x86(
            GUARD,
            trace=" ".join(["again+0x1/0x20"] * 6),
        ),
        "kernel_stack.recursion",
        LIKELY,
        Origin.KERNEL,
        "called itself over and over",
    ),
    (
        "stack protector",
        x86(
            "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: widget_read+0x5d/0x60",
            "",
            "dump_stack_lvl+0x44/0x5c panic+0x118/0x2ed __stack_chk_fail+0x10/0x10 widget_read+0x5d/0x60",
        ),
        "kernel_stack.overwritten",
        LIKELY,
        Origin.KERNEL,
        "widget_read() wrote beyond",
    ),
    (
        "machine check",
        MCE.format(status="be00000000800400"),
        "hardware.mce",
        CERTAIN,
        Origin.HARDWARE,
        "internal timer",
    ),
    (
        "memory check",
        MCE.format(status="bd000000000000c0"),
        "hardware.mce",
        CERTAIN,
        Origin.HARDWARE,
        "memory controller",
    ),
    ("firmware", GHES, "hardware.firmware_record", CERTAIN, Origin.HARDWARE, "CPU1 DIMM_B2"),
    (
        "bus error by NMI",
        "NMI: IOCK error (debug interrupt?) for reason 61 on CPU 0.\n"
        "Kernel panic - not syncing: NMI IOCK error: Not continuing\n",
        "hardware.nmi_bus_error",
        LIKELY,
        Origin.HARDWARE,
        "error on the bus",
    ),
    (
        "NMI by a management controller",
        "Kernel panic - not syncing: An NMI occurred. Depending on your system the reason for the NMI is logged in any "
        "one of the following resources:\n1. Integrated Management Log (IML)\n",
        "hardware.nmi_management",
        POSSIBLE,
        Origin.HARDWARE,
        "its watchdog ran out",
    ),
    (
        "NMI by somebody",
        "Uhhuh. NMI received for unknown reason 3d on CPU 0.\nKernel panic - not syncing: NMI: Not continuing\n"
        + x86("", "widget_spin+0x1/0x9", "dump_stack_lvl+0x1/0x2 panic+0x1/0x2 end_repeat_nmi+0x1/0x2"),
        "hardware.nmi",
        POSSIBLE,
        Origin.UNKNOWN,
        "does not tell these apart. The processor was in widget_spin() then",
    ),
    (
        "SError",
        "SError Interrupt on CPU3, code 0x00000000bf000002 -- SError\n"
        "CPU: 3 PID: 0 Comm: swapper/3 Not tainted 5.14.0-70.el9.aarch64 #1\n"
        "Kernel panic - not syncing: Asynchronous SError Interrupt\n",
        "hardware.serror",
        POSSIBLE,
        Origin.HARDWARE,
        "asynchronous system error",
    ),
    (
        "hung behind a disk",
        hung(
            "__schedule schedule io_schedule blk_mq_get_tag __blk_mq_alloc_requests",
            "sd 0:0:0:0: [sda] tag#3 FAILED Result: hostbyte=DID_NO_CONNECT driverbyte=DRIVER_OK\n"
            "blk_update_request: I/O error, dev sda, sector 1234 op 0x1:(WRITE)\n",
        ),
        "hung_task.block_io",
        LIKELY,
        Origin.STORAGE,
        "errors of the storage before",
    ),
    (
        "hung behind a silent disk",
        hung(
            "__schedule schedule io_schedule folio_wait_bit_common",
            "virtio_blk virtio0: 2/0/0 default/read/poll queues\nmpt3sas version 43.100.00.00 loaded\n",
        ),
        "hung_task.block_io",
        POSSIBLE,
        Origin.STORAGE,
        "for a disk to answer",
    ),
    (
        "hung behind a file server",
        hung(
            "__schedule schedule rpc_wait_bit_killable nfs_wait", "nfs: server 192.0.2.1 not responding, still trying\n"
        ),
        "hung_task.file_server",
        LIKELY,
        Origin.STORAGE,
        "server did not answer",
    ),
    (
        "hung behind a lock",
        hung("__schedule schedule schedule_preempt_disabled __mutex_lock.constprop.0 widget_open chrdev_open"),
        "hung_task.lock",
        POSSIBLE,
        Origin.KERNEL,
        "for a lock that another task held (__mutex_lock() on its stack) in widget_open()",
    ),
    (
        "hung behind a lock whose owner is named",
        hung(
            "__schedule schedule schedule_preempt_disabled __mutex_lock widget_open",
            after="INFO: task worker:731 is blocked on a mutex likely owned by task holder:99.\n",
        ),
        "hung_task.lock",
        LIKELY,
        Origin.KERNEL,
        "task holder:99",
    ),
    (
        "a lock that is held over a disk is the lock's",
        hung("__schedule schedule rwsem_down_write_slowpath down_write ext4_file_write_iter blk_finish_plug"),
        "hung_task.lock",
        POSSIBLE,
        Origin.KERNEL,
        "for a lock",
    ),
    ("hung, no stack", hung(""), "hung_task.unknown", UNKNOWN, Origin.UNKNOWN, "no stack"),
    (
        "memory, by policy",
        OOM.format(slab=10, rss=600000, reason="Out of memory: system-wide panic_on_oom is enabled"),
        "out_of_memory.policy",
        CERTAIN,
        Origin.MEMORY,
        "eater (pid 500) with 60 %",
    ),
    (
        "memory, leak in the kernel",
        OOM.format(slab=700000, rss=10, reason="Out of memory: compulsory panic_on_oom is enabled"),
        "out_of_memory.policy",
        CERTAIN,
        Origin.MEMORY,
        "70 % of it (slab)",
    ),
    (
        "memory, nothing to end",
        OOM.format(slab=1, rss=1, reason="Out of memory and no killable processes..."),
        "out_of_memory.nothing_to_end",
        CERTAIN,
        Origin.MEMORY,
        "No task was left",
    ),
    (
        "soft lockup: what it was sent to do",
        soft_lockup("cpu_relax_x+0x1/0x10", "widget_spin+0x10/0x20;widget_ioctl+0x1/0x9;do_syscall_64+0x1/0x2"),
        "lockup.busy",
        POSSIBLE,
        Origin.KERNEL,
        "interrupted in cpu_relax_x()",
    ),
    (
        "soft lockup in a foreign module",
        soft_lockup("delay_tsc+0x1/0x10", "widget_spin+0x10/0x20 [widget]", modules="widget(OE)", taint=OE),
        "lockup.out_of_tree",
        LIKELY,
        Origin.MODULE,
        "widget_spin() of the module widget",
    ),
    (
        "soft lockup of a victim of a lock",
        soft_lockup("native_queued_spin_lock_slowpath+0x1/0x10", "_raw_spin_lock+0x10/0x20;widget_get+0x1/0x9"),
        "lockup.spin_lock",
        POSSIBLE,
        Origin.KERNEL,
        "waited for a spin lock in widget_get() that another processor held",
    ),
    (
        "soft lockup of a victim of another processor",
        soft_lockup("smp_call_function_many_cond+0x1/0x10", "on_each_cpu_cond_mask+0x10/0x20;widget_flush+0x1/0x9"),
        "lockup.other_processor",
        POSSIBLE,
        Origin.KERNEL,
        "waited for another processor to answer in widget_flush()",
    ),
    (
        "hard lockup",
        "NMI watchdog: Watchdog detected hard LOCKUP on cpu 7\n"
        + x86("", "native_queued_spin_lock_slowpath+0x1/0x10", "_raw_spin_lock_irqsave+0x1/0x2 widget_irq+0x1/0x20")
        + "Kernel panic - not syncing: Hard LOCKUP\n",
        "lockup.spin_lock",
        POSSIBLE,
        Origin.KERNEL,
        "not even take interrupts",
    ),
    (
        "stall",
        STALL.format(rip="widget_spin+0x1/0x20", frames=" widget_ioctl+0x1/0x20\n"),
        "rcu_stall.busy",
        POSSIBLE,
        Origin.KERNEL,
        "in widget_spin()",
    ),
    (
        "root",
        ROOT.format(before="", numbers="0,0"),
        "boot.no_root",
        LIKELY,
        Origin.SETTINGS,
        "/dev/mapper/vg-root: it knew no such device",
    ),
    (
        "root, broken initramfs",
        ROOT.format(before="Initramfs unpacking failed: junk within compressed archive\n", numbers="0,0"),
        "boot.no_root",
        LIKELY,
        Origin.SETTINGS,
        "could not be unpacked",
    ),
    (
        "init by signal",
        INIT.format(before="", code="0000000b"),
        "boot.init_ended",
        POSSIBLE,
        Origin.SETTINGS,
        "signal 11",
    ),
    (
        "init by itself",
        INIT.format(before="systemd[1]: Freezing execution.\n", code="00000100"),
        "boot.init_ended",
        LIKELY,
        Origin.SETTINGS,
        "with status 1",
    ),
    (
        "zfs",
        "VERIFY3(a == b) failed (0 == 1)\nPANIC at arc.c:123:arc_x()\nShowing stack for process 5\n",
        "assertion.zfs",
        LIKELY,
        Origin.MODULE,
        "arc.c:123",
    ),
    (
        "lustre",
        "LustreError: 12:0:(ldlm_lock.c:213:ldlm_lock_put()) ASSERTION( count > 0 ) failed: \n"
        "Kernel panic - not syncing: LBUG\n"
        + x86(
            "", "", "dump_stack+0x1/0x2 panic+0x1/0x2 ldlm_lock_put+0x1/0x20@[ptlrpc]", taint=OE, modules="ptlrpc(OE)"
        ),
        "assertion.lustre",
        LIKELY,
        Origin.MODULE,
        "ldlm_lock_put() of the module ptlrpc",
    ),
    (
        "KASAN",
        "BUG: KASAN: slab-use-after-free in widget_read+0x10/0x20 [widget]\nRead of size 8 at addr ffff888012345678 by "
        "task worker/44\n" + x86("", "", "dump_stack_lvl+0x1/0x2 kasan_report+0x1/0x2 widget_read+0x10/0x20@[widget]"),
        "sanitizer.kasan",
        LIKELY,
        Origin.KERNEL,
        "used memory after it had been given back",
    ),
    (
        "panic_on_warn",
        "WARNING: CPU: 1 PID: 44 at kernel/widget.c:10 widget_check+0x10/0x20\n"
        + x86("", "widget_check+0x10/0x20")
        + "Kernel panic - not syncing: kernel: panic_on_warn set ...\n",
        "policy.panic_on_warn",
        LIKELY,
        Origin.KERNEL,
        "kernel.panic_on_warn",
    ),
    (
        "only a warning",
        "WARNING: CPU: 1 PID: 44 at kernel/widget.c:10 widget_check+0x10/0x20\n" + x86("", "widget_check+0x10/0x20"),
        "policy.warning_only",
        LIKELY,
        Origin.KERNEL,
        "went on after that",
    ),
    (
        "panic_on_oops",
        x86("Oops: 0000 [#1] SMP", after="Kernel panic - not syncing: Fatal exception: panic_on_oops\n"),
        "policy.oops",
        POSSIBLE,
        Origin.KERNEL,
        "set to panic on every such error",
    ),
    (
        "words that no rule knows",
        "Kernel panic - not syncing: the teapot is empty\n",
        "undecided",
        UNKNOWN,
        Origin.UNKNOWN,
        'not known. Its own words are "the teapot is empty"',
    ),
]


@pytest.mark.parametrize(
    ("text", "rule", "confidence", "origin", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_rule(text: str, rule: str, confidence: Confidence, origin: Origin, words: str) -> None:
    found = cause_of(text)
    assert (found.rule, found.confidence, found.origin) == (rule, confidence, origin), found.sentence
    assert words in found.sentence
    assert found.evidence
    lines = text.splitlines()
    for row in found.evidence:
        # every piece of evidence is a line as it stands in the log
        assert row.source == "log"
        assert row.line is not None
        assert row.text == lines[row.line - 1].strip()
    # what is not certain says what would make it so; what is no test of ours says what to do
    assert bool(found.would_raise) or confidence is CERTAIN
    assert bool(found.next_steps) or rule == "sysrq.kdumpkit_test"


def test_every_kind_that_the_reader_knows_has_a_rule_or_is_a_note() -> None:
    from kdumpkit.analysis.log import kinds
    from kdumpkit.analysis.log.kinds import panics
    from kdumpkit.analysis.log.model import Severity

    read = {rule.kind for rule in kinds.RULES if rule.severity is not Severity.NOTE}
    read |= {rule.kind for rule in panics.RULES} | {kind for _, kind in kinds.faults.DIE_KINDS}
    known = set().union(*(kinds_ for kinds_, _ in RULES))
    assert read - known == set()


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_without_the_lines_around_it_a_cause_is_still_given(case: tuple[object, ...]) -> None:
    lines = str(case[1]).encode().splitlines()
    log = read_crash(lines)
    found = find_cause(log)
    assert found is not None
    assert found.sentence
    assert all(row.line == log.fatal.first_line for row in found.evidence)  # type: ignore[union-attr]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_boot_in_good_order_before_it_changes_nothing(case: tuple[object, ...]) -> None:
    alone, after = cause_of(str(case[1])), cause_of(BOOT + str(case[1]))
    assert (after.rule, after.confidence, after.origin) == (alone.rule, alone.confidence, alone.origin)
    first = BOOT.count("\n")
    # the command line and what became of the initramfs belong to a root file system that could not be mounted
    told = [row for row in after.evidence if row.line is not None and row.line <= first]
    assert told == [] or alone.rule == "boot.no_root", told


def test_words_of_a_log_do_not_become_commands() -> None:
    found = cause_of(null(rip="a;reboot+0x1/0x2 [widget]", taint=OE, modules="widget(OE) $(reboot)(OE)"))
    assert "reboot" not in " ".join(step.command for step in found.next_steps)


def test_another_report_shortly_before_is_named() -> None:
    warning = "WARNING: CPU: 1 PID: 4 at kernel/x.c:1 gadget_check+0x10/0x20\n" + x86("", "gadget_check+0x10/0x20")
    found = cause_of(warning + null())
    assert "reported something else: warning in gadget_check (line 1)." in found.sentence
    assert found.evidence[0].line == 1
    stamped = "".join(f"[    5.000000] {line}\n" for line in warning.splitlines())
    late = "".join(f"[ 9005.000000] {line}\n" for line in null().splitlines())
    assert "something else" not in cause_of(stamped + late).sentence


def test_no_crash_no_cause() -> None:
    assert find_cause(read_crash([b"usb 1-1: new device"])) is None
