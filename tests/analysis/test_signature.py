"""Signatures on pairs: the same defect on other hosts and builds, and other defects that look alike."""

from __future__ import annotations

import re

import pytest

from kdumpkit.analysis.function_roles import is_reporting, is_shared
from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.places import normalise_module, normalise_symbol
from kdumpkit.analysis.signature import VERSION, Signature, find_signature
from tests.analysis.cause.samples import fault, gpf, hung, null, soft_lockup, x86


def of(text: str) -> Signature:
    fatal = read_crash(text.encode().splitlines()).fatal
    assert fatal is not None
    return find_signature(fatal)


def elsewhere(text: str) -> str:
    """The same crash on another host and build: other offsets, addresses, task, processor, release, prefixes."""
    text = re.sub(r"\+0x[0-9a-f]+/0x[0-9a-f]+", "+0x7b/0x1c0", text)
    text = text.replace("CPU: 3 PID: 44 Comm: worker", "CPU: 60 PID: 99123 Comm: other")
    text = text.replace("6.1.0-9-amd64 #1  Debian 6.1.27-1", "6.8.0-45-generic #45-Ubuntu").replace(" <TASK>\n", "")
    text = text.replace("widget_put+", "widget_put.isra.0+").replace("widget_work+", "widget_work.constprop.3+")
    return "".join(f"[  12{n:03}.000001][T99123] {line}\n" for n, line in enumerate(text.splitlines()))


@pytest.mark.parametrize(
    "text",
    [
        null(),
        fault("ffffa1b2c3d4e5f6"),
        gpf("0xdead000000000108"),
        x86("kernel BUG at lib/list_debug.c:56!\ninvalid opcode: 0000 [#1] SMP"),
        hung("__schedule schedule io_schedule folio_wait_bit_common ext4_x"),
        soft_lockup("widget_spin+0x1/0x2", "widget_loop+0x1/0x9;widget_ioctl+0x1/0x9;do_syscall_64+0x1/0x2"),
        "Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled\n",
    ],
    ids=["null", "fault", "gpf", "bug", "hung", "lockup", "words"],
)
def test_the_same_on_another_host_and_build(text: str) -> None:
    assert of(elsewhere(text)).hash == of(text).hash
    assert of(elsewhere(text)).title == of(text).title


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (null(), null(rip="gadget_put+0x1d/0x30")),
        # where the function on top is one that thousands call, its caller tells
        (
            null(rip="__list_del_entry_valid+0x1d/0x30"),
            null(rip="__list_del_entry_valid+0x1d/0x30", trace="gadget_step+0x1/0x2 widget_work+0x3/0x40"),
        ),
        (null(), fault("ffffa1b2c3d4e5f6")),
        (null(), null(rip="widget_put+0x1d/0x30 [widget]")),
        (null(rip="widget_put+0x1d/0x30 [widget]"), null(rip="widget_put+0x1d/0x30 [other]")),
        (
            "Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled\n",
            "Kernel panic - not syncing: Out of memory and no killable processes...\n",
        ),
    ],
)
def test_other_defects_differ(one: str, other: str) -> None:
    assert of(one).hash != of(other).hash


def test_who_called_the_function_takes_no_part() -> None:
    # one compiler keeps widget_step, the next inlines it
    assert of(null()).hash == of(null(trace="gadget_step+0x1/0x2 widget_work+0x3/0x40")).hash


@pytest.mark.parametrize(
    ("rip", "frames"),
    [
        ("widget_a+0x1/0x2", "widget_loop+0x1/0x9;__x64_sys_rmdir+0x1/0x9;do_syscall_64+0x1/0x2"),
        ("widget_b+0x1/0x2", "widget_more+0x1/0x9;SyS_rmdir+0x1/0x9;system_call_fastpath+0x1/0x2"),
        ("widget_c+0x1/0x2", "vfs_rmdir+0x1/0x9;__arm64_sys_rmdir+0x1/0x9;invoke_syscall+0x1/0x2"),
    ],
)
def test_a_loop_is_told_by_what_the_processor_had_been_sent_to_do(rip: str, frames: str) -> None:
    assert of(soft_lockup(rip, frames)).title == "soft_lockup in sys_rmdir"


@pytest.mark.parametrize(
    ("frames", "function"),
    [
        ("widget_loop+0x1/0x9;widget_ioctl+0x1/0x9;do_vfs_ioctl+0x1/0x9;__x64_sys_ioctl+0x1/0x9", "widget_ioctl"),
        # the same through the door of 32-bit programs
        ("a+0x1/0x9;widget_ioctl+0x1/0x9;widget_compat_ioctl+0x1/0x9;compat_SyS_ioctl+0x1/0x9", "widget_ioctl"),
        ("widget_loop+0x1/0x9;widget_workfn+0x1/0x9;process_one_work+0x1/0x9;worker_thread+0x1/0x9", "widget_workfn"),
        ("widget_loop+0x1/0x9;widget_tick+0x1/0x9;call_timer_fn+0x1/0x9;run_timer_softirq+0x1/0x9", "widget_tick"),
        # the packet came in while a program sent another
        ("a+0x1/0x9;ipv6_rcv+0x1/0x9;__netif_receive_skb_core+0x1/0x9;tun_get_user+0x1/0x9", "ipv6_rcv"),
        (
            "csd_lock_wait+0x1/0x9;smp_call_function_many+0x1/0x9;widget_x+0x1/0x9",
            "smp_call_function",
        ),
        ("widget_fn+0x1/0x9;kthread+0x1/0x9;ret_from_fork+0x1/0x9", "widget_fn"),
    ],
)
def test_what_the_kernel_hands_work_over_to(frames: str, function: str) -> None:
    assert of(soft_lockup("widget_a+0x1/0x2", frames)).frames == (function,)


def test_what_an_interrupt_interrupted_may_be_the_work_of_another() -> None:
    # a timer's function was interrupted by the next timer, and had itself interrupted a program
    text = soft_lockup(
        "widget_a+0x1/0x2",
        "widget_tick+0x1/0x9;call_timer_fn+0x1/0x9;__do_softirq+0x1/0x9;irq_exit_rcu+0x1/0x9;"
        "sysvec_apic_timer_interrupt+0x1/0x9;asm_sysvec_apic_timer_interrupt+0x1/0x9;other_write+0x1/0x9;ksys_write+0x1/0x9",
    )
    assert of(text).frames == ("widget_tick",)


def test_a_stack_that_ran_full_is_told_by_what_the_thread_was_at() -> None:
    end = "Kernel panic - not syncing: corrupted stack end detected inside scheduler"
    frames = "panic+0x1/0x9 __schedule+0x1/0x9 {}+0x1/0x9 flush_x+0x1/0x9 process_one_work+0x1/0x9 kthread+0x1/0x9"
    assert of(x86(end, "", frames.format("a"))) == of(x86(end, "", frames.format("b")))
    assert of(x86(end, "", frames.format("a"))).title == "stack_corruption in flush_x"


def test_a_hung_task_is_told_by_what_it_waits_for() -> None:
    assert of(hung("__schedule schedule rwsem_down_read_slowpath rtnl_lock widget_a")).title == "hung_task in rtnl_lock"
    waits = [hung(f"schedule {function} widget_a") for function in ("synchronize_net", "synchronize_rcu_expedited")]
    assert {of(text).title for text in waits} == {"hung_task in synchronize_rcu"}


def test_names_of_access_that_kernels_changed() -> None:
    report = "BUG: KASAN: {} in widget_get+0x1/0x2\nRead of size 8 at addr ffff0000 by task a/1"
    old, new = of(x86(report.format("use-after-free"), "")), of(x86(report.format("slab-use-after-free"), ""))
    assert old == new
    assert old != of(x86(report.format("slab-out-of-bounds"), ""))


def test_one_function_may_cause_warnings_of_several_kinds() -> None:
    title = "WARNING: {}\n------\nworker/44 is trying:"
    found = {
        of(x86(title.format(words), "")).title
        for words in ("possible circular locking dependency detected", "held lock freed!", "suspicious RCU usage")
    }
    assert len(found) == 3


def test_a_recursion_is_told_by_the_function_that_calls_itself() -> None:
    first = (
        "BUG: stack guard page was hit at 00000000abcd (stack is 0..1)\nkernel stack overflow (page fault): 0000 [#1]"
    )
    stack = " ".join(["again+0x1/0x20"] * 9)
    one = of(x86(first, "again+0x1/0x20", f"{stack} widget_a+0x1/0x2"))
    other = of(x86(first, "again+0x9/0x20", f"{stack} widget_b+0x1/0x2"))
    assert one == other
    assert one.title == "stack_overflow in again"


def test_code_that_many_share_is_not_to_blame() -> None:
    text = fault("6b6b6b6b6b6b6b6b", rip="__list_del_entry_valid+0x1/0x2", trace="kfree+0x1/0x9 widget_free+0x1/0x9")
    assert of(text).title == "paging_request in widget_free"


def test_the_hash_is_what_it_was() -> None:
    # whoever keeps hashes compares them over versions: a change needs another VERSION and is deliberate
    assert of(null()) == Signature("null_deref in widget_put", "d06a48e15a90e4ad", ("widget_put",), False)
    assert of(null()).as_json()["version"] == VERSION == 2


def test_without_a_function_the_words_stand_in() -> None:
    found = of("Kernel panic - not syncing: widget 0x12ab failed with 17\n")
    assert found.weak
    assert found.title == "other: widget N failed with N"


def test_hardware_is_told_by_its_words() -> None:
    text = x86(
        "Kernel panic - not syncing: Fatal hardware error!", "", "panic+0x1/0x2 ghes_x+0x1/0x9 intel_idle+0x1/0x2"
    )
    assert of(text).frames == ()


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("a.isra.0", "a"),
        ("a.part.12.cold", "a"),
        ("a.constprop.0.isra.3", "a"),
        ("a.cold.77", "a"),
        (".panic", "panic"),
        ("a.lto_priv.0", "a"),
        ("plain", "plain"),
    ],
)
def test_what_compilers_add(printed: str, name: str) -> None:
    assert normalise_symbol(printed) == name


def test_module_names() -> None:
    assert normalise_module("dm-mod") == "dm_mod"
    assert normalise_module("zfs.ko") == "zfs"
    assert normalise_module(None) is None


def test_roles_of_functions() -> None:
    assert is_reporting("asm_exc_page_fault")
    assert not is_reporting("ext4_readpage")
    assert is_shared("atomic_inc")
    assert not is_shared("widget_mutex")


def test_two_assertions_of_one_file_differ() -> None:
    text = "VERIFY3({} == 0) failed ({} == 0)\nPANIC at dbuf.c:{}:dbuf_x()\n"
    one, again = of(text.format("error", 5, 4044)), of(text.format("error", 28, 4102))
    assert one.weak
    assert one.hash == again.hash
    assert one.hash != of(text.format("refs", 5, 4044)).hash


@pytest.mark.parametrize(
    ("one", "other", "title"),
    [
        (
            "[ 9.1] watchdog: BUG: soft lockup - CPU#5 stuck for 26s! [widgetd/3:93]\n",
            "[ 8.1] BUG: soft lockup - CPU#12 stuck for 372s! [gadget:1:7]\n",
            "soft_lockup: soft lockup - CPU#N stuck for N!",
        ),
        (
            "[ 9.1] INFO: rcu_sched self-detected stall on CPU { 3}  (t=6000 jiffies g=1 c=2 q=3)\n",
            "[ 9.1] rcu: INFO: rcu_sched self-detected stall on CPU\n",
            "rcu_stall: rcu_sched self-detected stall on CPU",
        ),
        (
            "[ 9.1] BUG: Bad page state in process widgetd  pfn:02e44\n",
            "[ 9.1] BUG: Bad page state in process big:gadget  pfn:7f3\n",
            "warning: Bad page state in process pfn:N",
        ),
        (
            "[ 9.1] WARNING: CPU: 1 PID: 7 at /build/linux-aB1/linux-4.9/kernel/widget.c:265 bad_page+0x9c/0xd0()\n",
            "[ 9.1] WARNING: CPU: 2 PID: 8 at kernel/widget.c:267 bad_page+0x9a/0xd0()\n",
            "warning: kernel/widget.c",
        ),
    ],
    ids=["lockup", "stall", "page", "file"],
)
def test_words_that_stand_in_name_no_task_processor_or_builder(one: str, other: str, title: str) -> None:
    assert of(one) == of(other)
    assert of(one).title == title
    assert of(one).weak


def test_a_function_that_thousands_call_makes_a_weak_signature() -> None:
    assert of(null(rip="memcpy+0x1d/0x40", trace="")).weak
    assert not of(null(rip="memcpy+0x1d/0x40")).weak
