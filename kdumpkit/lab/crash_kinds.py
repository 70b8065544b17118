"""The kinds of crash that the lab can make, and what a log of each must say.

A kind has the name that ``kdumpkit oops`` gives it, unless it is one of several ways to the same. All but two are made
by the lab's own kernel module (``module/kdumpkit_crash.c``), so that function and module are known beforehand.

A hard lockup is not among them: the watchdog that finds it needs a processor that counts cycles and raises an NMI,
which QEMU's emulation has not (kernel/watchdog_hld.c; the one without it, kernel/watchdog_buddy.c, came with 6.5).

What a log prints is taken from Linux 6.1 on x86_64: an oops and an interrupted processor have an RIP; a panic that a
function calls (sysrq, out of memory, hung task, stack protector) has none, and its own stack names the function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kdumpkit.errors import UsageError

MODULE = "kdumpkit_crash"
#: where a word makes the loaded module do its work
TRIGGER = f"/sys/module/{MODULE}/parameters/trigger"


@dataclass(frozen=True)
class CrashKind:
    """One way to die. Expected values that are None must be absent from what is read."""

    name: str
    #: one line for people
    what: str
    #: stands on the serial console as soon as it has happened; empty where the console never tells
    says: str
    #: seconds from the trigger to that (or to ``nmi_after``), at most
    within_s: float
    #: run by root's shell on the guest, a second after the call that starts it has come back
    command: str
    needs_module: bool = True
    #: name -> value, set before the command is run
    sysctls: Mapping[str, int] = field(default_factory=dict)
    #: the hypervisor sends an NMI as soon as the console says this
    nmi_after: str = ""
    rip_symbol: str | None = None
    rip_module: str | None = None
    #: task that the log blames
    comm: str | None = None
    #: a function that must be in the log's call trace
    in_trace: str = ""
    #: task on the processor that panicked, as the dump has it; "/" at its end: whichever processor's
    crashed_task: str = ""
    #: a function that must be on that task's stack in the dump
    on_stack: str = ""
    #: what ``kdumpkit oops`` calls it; empty: by its name
    log_kind: str = ""
    #: of processors: task and a function that must be on its stack in the dump
    on_cpus: tuple[tuple[str, str], ...] = ()
    #: lock, task that holds it, task that waits for it, as the dump must name them; empty where the kind takes none
    lock: tuple[str, str, str] | tuple[()] = ()


def _module(name: str, what: str, function: str, says: str, **other: Any) -> CrashKind:
    """A kind whose function is called by the shell that writes the trigger."""
    values: dict[str, Any] = {
        "command": f"echo {name} > {TRIGGER}",
        "within_s": 20,
        "sysctls": {"kernel.panic_on_oops": 1},
        "rip_symbol": function,
        "rip_module": MODULE,
        "comm": "sh",
        "in_trace": "kdk_set_trigger",
        "crashed_task": "sh",
        "on_stack": function,
    }
    return CrashKind(name, what, says, **(values | other))


_KINDS = (
    CrashKind(
        "sysrq",
        "the crash that an operator asks for",
        says="sysrq: Trigger a crash",
        within_s=20,
        command="echo c > /proc/sysrq-trigger",
        needs_module=False,
        comm="sh",
        in_trace="sysrq_handle_crash",
        crashed_task="sh",
        on_stack="sysrq_handle_crash",
    ),
    _module("null_deref", "reads a member of a structure at address 0", "kdk_read_null", "NULL pointer dereference"),
    _module(
        "paging_request",
        "reads a kernel address where nothing is mapped",
        "kdk_read_unmapped",
        "BUG: unable to handle page fault",
    ),
    _module("gpf", "reads an address that no page can have", "kdk_read_wild", "general protection fault"),
    _module("bug_on", "runs into BUG()", "kdk_bug", "kernel BUG at"),
    _module("divide_error", "divides by zero", "kdk_divide", "divide error"),
    _module(
        "warning",
        "runs into WARN() where kernel.panic_on_warn is set",
        "kdk_warn",
        "Kernel panic - not syncing",
        sysctls={"kernel.panic_on_warn": 1},
    ),
    _module(
        "stack_overflow",
        "calls itself until its stack is used up",
        "kdk_recurse",
        # the double fault that finds it counts as an NMI: see below
        "",
        # more frames than a log prints
        in_trace="kdk_recurse",
    ),
    _module(
        "stack_corruption",
        "writes beyond a buffer on its stack",
        "kdk_smash_stack",
        "Kernel stack is corrupted",
        rip_symbol=None,
        rip_module=None,
        # the way back was overwritten, so that nothing below is sure
        in_trace="kdk_smash_stack",
    ),
    CrashKind(
        "soft_lockup",
        "a kernel thread spins where kernel.softlockup_panic is set",
        says="BUG: soft lockup",
        within_s=60,
        command=f"echo soft_lockup > {TRIGGER}",
        # twice the threshold is the time that a processor may be stuck
        sysctls={"kernel.watchdog_thresh": 4, "kernel.softlockup_panic": 1},
        rip_symbol="kdk_spin",
        rip_module=MODULE,
        comm="kdk-spin/",
        in_trace="kthread",
        crashed_task="kdk-spin/",
        on_stack="kdk_spin",
        on_cpus=(("kdk-spin/", "kdk_spin"),),
    ),
    CrashKind(
        "spinlock_victim",
        "a thread spins for a lock that another processor never lets go of, where kernel.softlockup_panic is set",
        says="BUG: soft lockup",
        within_s=60,
        command=f"echo spinlock_victim > {TRIGGER}",
        sysctls={"kernel.watchdog_thresh": 4, "kernel.softlockup_panic": 1},
        log_kind="soft_lockup",
        rip_symbol="native_queued_spin_lock_slowpath",
        comm="kdk-victim/",
        in_trace="kdk_take_spinlock",
        crashed_task="kdk-victim/",
        on_stack="kdk_take_spinlock",
        on_cpus=(("kdk-holder/", "kdk_hold_spinlock"), ("kdk-victim/", "kdk_take_spinlock")),
    ),
    CrashKind(
        "rcu_stall",
        "a kernel thread spins where kernel.panic_on_rcu_stall is set",
        says="Kernel panic - not syncing: RCU Stall",
        within_s=90,
        command=f"echo 3 > /sys/module/rcupdate/parameters/rcu_cpu_stall_timeout; echo rcu_stall > {TRIGGER}",
        # the soft lockup's watchdog must not be first
        sysctls={"kernel.panic_on_rcu_stall": 1, "kernel.watchdog_thresh": 60},
        rip_symbol="kdk_spin",
        rip_module=MODULE,
        comm="kdk-spin/",
        in_trace="kthread",
        crashed_task="kdk-spin/",
        on_stack="kdk_spin",
        on_cpus=(("kdk-spin/", "kdk_spin"),),
    ),
    CrashKind(
        "hung_task",
        "a task waits for a mutex that another one holds, where kernel.hung_task_panic is set",
        says="blocked for more than",
        within_s=90,
        command=f"echo hung_task > {TRIGGER}",
        sysctls={"kernel.hung_task_panic": 1, "kernel.hung_task_timeout_secs": 10},
        comm="kdk-waiter",
        in_trace="kdk_wait_mutex",
        crashed_task="khungtaskd",
        on_stack="watchdog",
        lock=("kdk_mutex", "kdk-holder", "kdk-waiter"),
    ),
    CrashKind(
        "oom_panic",
        "a program takes all memory where vm.panic_on_oom is set",
        says="Kernel panic - not syncing: Out of memory",
        within_s=180,
        # writes to its memory itself: where the kernel does, in read(), RIP is now and then a function of the kernel's
        command="exec perl -e '$a .= \"x\" x 1048576 while 1'",
        needs_module=False,
        sysctls={"vm.panic_on_oom": 1},
        comm="perl",
        in_trace="out_of_memory",
        crashed_task="perl",
        on_stack="out_of_memory",
    ),
    CrashKind(
        "nmi",
        "every processor spins and the hypervisor sends an NMI, where kernel.unknown_nmi_panic is set",
        # what is printed within an NMI is left to a later moment, and there is none: only the dump has it
        says="",
        within_s=40,
        command=f"echo nmi > {TRIGGER}",
        sysctls={"kernel.unknown_nmi_panic": 1},
        nmi_after=f"{MODULE}: every processor spins",
        rip_symbol="kdk_spin",
        rip_module=MODULE,
        comm="kdk-spin/",
        in_trace="kthread",
        crashed_task="kdk-spin/",
        on_stack="kdk_spin",
        on_cpus=(("kdk-spin/0", "kdk_spin"), ("kdk-spin/1", "kdk_spin")),
    ),
)
KINDS: Mapping[str, CrashKind] = {kind.name: kind for kind in _KINDS}


def find_kind(name: str) -> CrashKind:
    """The kind of that name. Raises UsageError."""
    if name not in KINDS:
        raise UsageError(f"{name!r} is not a kind of crash that the lab can make", f"use one of: {', '.join(KINDS)}")
    return KINDS[name]


def log_differences(kind: CrashKind, found: Mapping[str, Any]) -> list[str]:
    """What ``kdumpkit oops --json`` says of this crash's log and should not; empty where all of it is right."""
    wrong = []
    name = kind.log_kind or kind.name
    for key, expected in (("kind", name), ("rip_symbol", kind.rip_symbol), ("rip_module", kind.rip_module)):
        if found.get(key) != expected:
            wrong.append(f"{key} is {found.get(key)!r} and not {expected!r}")
    if not _same_task(kind.comm, found.get("comm")):
        wrong.append(f"comm is {found.get('comm')!r} and not {kind.comm!r}")
    # the compiler moves rare branches into a part of their own, and the log prints that part's name
    if kind.in_trace not in [function.removesuffix(".cold") for function in found.get("call_trace") or ()]:
        wrong.append(f"{kind.in_trace} is not in the call trace {found.get('call_trace')!r}")
    return wrong


def dump_differences(kind: CrashKind, sections: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a dump's crashed task, processors and locks (sections of the drgn report) are and should not be."""
    crashed_task = sections["crashed_task"]
    if "error" in crashed_task:
        return [f"the crashed task is not known: {crashed_task['error']}"]
    wrong = []
    if not _same_task(kind.crashed_task, crashed_task.get("command")):
        wrong.append(f"the crashed task is {crashed_task.get('command')!r} and not {kind.crashed_task!r}")
    if kind.on_stack not in [frame.get("function") for frame in crashed_task.get("frames", ())]:
        wrong.append(f"{kind.on_stack} is not on its stack")
    for command, function in kind.on_cpus:
        if not any(_runs(cpu, command, function) for cpu in sections.get("cpus", {}).get("cpus", ())):
            wrong.append(f"no processor runs {command} with {function} on its stack")
    if kind.lock and kind.lock not in (named := _named_locks(sections.get("locks", {}))):
        wrong.append(f"lock, holder and waiter are {named} and not {kind.lock}")
    return wrong


def _named_locks(locks: Mapping[str, Any]) -> list[tuple[Any, Any, Any]]:
    return [
        (lock["name"], (lock["owner"] or {}).get("command"), waiter["command"])
        for lock in locks.get("locks", ())
        for waiter in lock["waiters"]
    ]


def _runs(cpu: Mapping[str, Any], command: str, function: str) -> bool:
    return _same_task(command, cpu["command"]) and function in [frame["function"] for frame in cpu["frames"]]


def _same_task(expected: str | None, found: object) -> bool:
    if expected is not None and expected.endswith("/"):
        return isinstance(found, str) and found.startswith(expected)
    return found == expected
