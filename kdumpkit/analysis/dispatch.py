"""What a processor or a thread had been sent to do: the function that the kernel's own dispatching called.

A processor that is stuck in a loop is caught each time in another part of it, so the innermost function of such a stack
says little. The kernel hands work over in a few places: system calls, workqueues, timers, interrupts, protocol and file
operations. What such a place called is the same each time, and is the name by which people know the defect.

Source: arch/*/entry, kernel/workqueue.c, kernel/time/{timer,hrtimer}.c, kernel/softirq.c, kernel/irq/handle.c,
kernel/rcu/tree.c (rcu_do_batch), kernel/notifier.c, net/core/dev.c, net/netlink/, net/socket.c, fs/{read_write,ioctl,
file_table}.c, init/main.c.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kdumpkit.analysis.function_roles import is_entry, is_interrupt, is_layer, is_reporting, is_shared
from kdumpkit.analysis.places import Place

#: what calls a function that was registered for it
_DISPATCHERS = re.compile(
    # work, threads, timers, deferred work of interrupts
    r"process_one_work|process_scheduled_works|worker_thread|kthread|kthread_worker_fn|io_wq\w*worker\w*|"
    r"call_timer_fn|expire_timers|__run_timers|run_timer_softirq|__hrtimer_run_queues|__run_hrtimer|"
    r"hrtimer_run_softirq|tasklet_action\w*|(?:__)?do_softirq|handle_softirqs|run_ksoftirqd|smpboot_thread_fn|"
    r"rcu_do_batch|rcu_core\w*|rcu_process_callbacks|irq_work_\w+|(?:__)?handle_irq_event\w*|irq_thread\w*|"
    r"net_rx_action|_{0,2}napi_poll|blk_done_softirq|cpu_stopper_thread|generic_smp_call_function_\w+|"
    r"(?:__)?flush_smp_call_function_queue|cpuhp_invoke_callback\w*|task_work_run|"
    # packets and messages, to whoever takes their kind
    r"_{0,2}netif_receive_skb\w*|deliver_skb|(?:rt|nf|x)netlink_rcv_msg|nfnetlink_rcv_msg|rtnetlink_rcv_msg|"
    r"xfrm_user_rcv_msg|genl_(?:family_)?rcv_msg\w*|netlink_rcv_skb|ip6?_protocol_deliver_rcu|"
    r"nf_hook_slow\w*|nf_iterate|notifier_call_chain|(?:raw|blocking|atomic|srcu)_notifier_call_chain|"
    # files, modules
    r"_{0,4}fput\w*|do_vfs_ioctl|vfs_ioctl|do_dentry_open|do_one_initcall|"
    r"ops_exit_list|ops_init|seq_read\w*"
)
_WAITS_FOR_PROCESSORS = re.compile(
    r"_{0,2}smp_call_function\w*|csd_lock_wait|smp_cfm_core\w*|on_each_cpu\w*|stop_machine\w*"
)
#: the ways that compilers, architectures and years name one system call
_SYSTEM_CALL = re.compile(
    r"(?:__(?:x64|ia32|arm64|arm|s390x?|riscv|powerpc|se|do|do_compat)_(?:compat_)?sys_|"
    r"SyS_|SYSC_|compat_SyS_|C_SYSC_|compat_sys_|ksys_|k?sys_)(?P<name>\w+)"
)
#: parts of a system call, not what it passes on to
_OWN_PARTS = re.compile(r"_{2,4}sys_\w+|do_(?:recv|send)mmsg")
#: system calls that pass on to a file, a socket or a device; which one stands above them on the stack
_PASSED_ON = frozenset(
    """
    ioctl read write readv writev preadv pwritev pread64 pwrite64 connect bind accept accept4 listen shutdown close
    close_range sendto sendmsg recvfrom recvmsg setsockopt getsockopt socketcall socket fsync
    fdatasync exit exit_group poll select ppoll fallocate sendfile sendfile64 splice mount fsmount fsconfig umount2
    """.split()
)


def system_call(symbol: str) -> str | None:
    """The system call that such a function is, as ``sys_rmdir``; None for other functions.

    >>> system_call("__x64_sys_rmdir"), system_call("compat_SyS_writev"), system_call("vfs_rmdir")
    ('sys_rmdir', 'sys_writev', None)
    """
    match = _SYSTEM_CALL.fullmatch(symbol)
    return None if match is None else f"sys_{match['name']}"


def waits_for_processors(symbol: str) -> bool:
    """Whether a function waits until other processors have done something."""
    return _WAITS_FOR_PROCESSORS.fullmatch(symbol) is not None


def find_sent_to_do(stack: Sequence[Place]) -> Place | None:
    """The function that the innermost dispatching place of a stack called, out of all its places, innermost first.

    A system call stands for itself, unless it only passes on to a file or socket. A processor that waits for others is
    told by that alone: what it wanted of them has nothing to do with why they do not answer. None where no such place
    is on the stack.
    """
    before: Place | None = None
    for place in stack:
        if waits_for_processors(place.symbol):
            return Place("smp_call_function", None, place.line_number)
        called = system_call(place.symbol)
        if called is not None and called.removeprefix("sys_") not in _PASSED_ON:
            return Place(called, None, place.line_number)
        if called is not None or _dispatches(place.symbol):
            if before is not None:
                return before
            continue
        if before is not None and "compat" in place.symbol:
            # the way of 32-bit programs to the same function
            continue
        if not (is_reporting(place.symbol) or is_interrupt(place.symbol) or is_shared(place.symbol)):
            before = place
    return None


def find_outermost_sent(stack: Sequence[Place]) -> Place | None:
    """The same of the outermost dispatching place: what a thread as a whole was at; None where there is none."""
    for number in range(len(stack) - 1, -1, -1):
        place = stack[number]
        if _dispatches(place.symbol) and number and not _dispatches(stack[number - 1].symbol):
            return stack[number - 1]
        called = system_call(place.symbol)
        if called is not None:
            return Place(called, None, place.line_number)
    return None


def _dispatches(symbol: str) -> bool:
    if _OWN_PARTS.fullmatch(symbol):
        return False
    return _DISPATCHERS.fullmatch(symbol) is not None or is_layer(symbol) or is_entry(symbol)
