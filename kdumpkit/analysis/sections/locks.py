"""Locks that were held while others waited: who held them, who waited, and who waited for each other in a circle.

The kernel keeps no list of locks. Those shown are the ones that a task in uninterruptible sleep waits for
(:mod:`kdumpkit.analysis.lock_waits`), with everybody else who waits for the same, and some of the kernel's own big
locks where somebody holds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.lock_waits import KINDS, MOST_WAITERS, LockKind, find_wait
from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, counted, listed, seconds_text
from kdumpkit.analysis.task_walk import command_of, waited_s

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_MOST_LOCKS = 100
_MOST_WAITERS_NAMED = 20
#: mutexes of the kernel that hold up much else; those that a kernel does not have are passed over
_BIG_MUTEXES = (
    "rtnl_mutex",
    "cgroup_mutex",
    "module_mutex",
    "text_mutex",
    "oom_lock",
    "console_mutex",
    "event_mutex",
    "slab_mutex",
    "cpu_add_remove_lock",
    "system_transition_mutex",
    "kernfs_rename_lock",
    "loop_ctl_mutex",
)


@dataclass(frozen=True)
class LockTask:
    """A task that holds a lock or waits for it."""

    pid: int
    command: str
    #: ps(1)'s letter
    state: str
    #: since it last got a CPU; None where the kernel does not keep that
    since_s: float | None


@dataclass(frozen=True)
class HeldLock:
    """One lock. None for what is not known."""

    #: ``mutex``, ``read-write semaphore``, ``semaphore`` or ``per-CPU read-write semaphore``
    kind: str
    #: in hex
    address: str
    #: of a lock with a name of its own, such as ``rtnl_mutex``; or what it is a part of
    name: str | None
    #: ``for writing`` or ``for reading``, of a read-write semaphore
    held: str | None
    #: semaphores do not keep it; of a semaphore held for reading the kernel knows one reader at most
    owner: LockTask | None
    waiters_in_all: int
    #: longest first, at most 20
    waiters: tuple[LockTask, ...]


@dataclass(frozen=True)
class Locks:
    """All locks that were found, the one with most waiters first."""

    #: at most 100
    locks: tuple[HeldLock, ...]
    locks_in_all: int
    #: pids of tasks that wait in a circle, each for the next one
    circles: tuple[tuple[int, ...], ...]
    #: tasks whose stacks show that they wait for a lock that could not be found
    unfound: tuple[LockTask, ...]


def read_locks(session: DrgnSession) -> Locks:
    """Locks out of an open dump."""
    program = session.program
    waiting: dict[tuple[str, int], list[Any]] = {}
    unfound = []
    for task in session.waiting:
        wait = find_wait(program, task)
        if wait is not None and wait.address is None:
            unfound.append(_lock_task(task.task, session.now_ns))
        elif wait is not None and wait.address is not None:
            waiting.setdefault((wait.kind.name, wait.address), []).append(task.task)
    for mutex in _held_big_mutexes(program):
        waiting.setdefault(("mutex", mutex), [])
    kinds = {kind.name: kind for kind in KINDS}
    found: list[HeldLock] = []
    edges: dict[int, int] = {}
    for (name, address), tasks in waiting.items():
        lock, pids = _read_lock(session, kinds[name], address, tasks)
        found.append(lock)
        if lock.owner is not None:
            edges |= dict.fromkeys(pids, lock.owner.pid)
    found.sort(key=lambda lock: -lock.waiters_in_all)
    return Locks(tuple(found[:_MOST_LOCKS]), len(found), find_circles(edges), tuple(unfound[:_MOST_LOCKS]))


def _held_big_mutexes(program: Any) -> Iterable[int]:
    from drgn.helpers.linux.locking import mutex_owner

    for name in _BIG_MUTEXES:
        try:
            mutex = program[name]
            if mutex_owner(mutex.address_of_()):
                yield mutex.address_
        except Exception:  # not in this kernel, or not a mutex in it
            continue


def _read_lock(session: DrgnSession, kind: LockKind, address: int, tasks: Sequence[Any]) -> tuple[HeldLock, list[int]]:
    # the lock, and the pids of all who wait for it
    from drgn import Object

    program = session.program
    lock = Object(program, f"{kind.lock} *", address)
    owner, held = _owner(lock, kind)
    everybody = {task.value_(): task for task in (*tasks, *_others(lock, kind))}
    waiters = sorted(
        (_lock_task(task, session.now_ns) for task in everybody.values()), key=lambda task: -(task.since_s or 0)
    )
    found = HeldLock(
        kind=kind.name,
        address=f"{address:#x}",
        name=_lock_name(program, address),
        held=held,
        owner=None if owner is None else _lock_task(owner, session.now_ns),
        waiters_in_all=len(waiters),
        waiters=tuple(waiters[:_MOST_WAITERS_NAMED]),
    )
    return found, [task.pid for task in waiters]


def _others(lock: Any, kind: LockKind) -> list[Any]:
    from drgn import cast
    from drgn.helpers.linux.list import list_for_each_entry

    found = []
    try:
        for number, waiter in enumerate(
            list_for_each_entry(kind.waiter, lock.subobject_(kind.waiters).address_of_(), kind.link)
        ):
            if number >= MOST_WAITERS:
                break
            task = cast("struct task_struct *", waiter.member_(kind.task))
            task.pid.value_()  # raises where it is none
            found.append(task)
    except Exception:  # a kernel that links its waiters otherwise, or a list that is not whole
        pass
    return found


def _owner(lock: Any, kind: LockKind) -> tuple[Any, str | None]:
    from drgn.helpers.linux.locking import RwsemLocked, mutex_owner, rwsem_locked, rwsem_owner
    from drgn.helpers.linux.pid import find_task

    owner = held = None
    try:
        if kind.name == "mutex":
            owner = mutex_owner(lock)
        elif kind.name == "read-write semaphore":
            state = rwsem_locked(lock)
            held = {RwsemLocked.READ_LOCKED: "for reading", RwsemLocked.WRITE_LOCKED: "for writing"}.get(state)
            owner = rwsem_owner(lock) if state is not RwsemLocked.UNLOCKED else None
        if owner is not None:
            # the words of a lock that was freed, or whose last reader ended, may point anywhere
            owner = owner if owner and find_task(lock.prog_, owner.pid) == owner else None
    except Exception:  # no such member in this kernel, or a damaged pointer
        owner = None
    return owner, held


def _lock_name(program: Any, address: int) -> str | None:
    try:
        symbol = program.symbol(address)
    except LookupError:
        return _frozen_file_system(program, address)
    offset = address - symbol.address
    return str(symbol.name) + (f"+{offset:#x}" if offset else "")


def _frozen_file_system(program: Any, address: int) -> str | None:
    from drgn.helpers.linux.list import list_for_each_entry

    try:
        for block in list_for_each_entry("struct super_block", program["super_blocks"].address_of_(), "s_list"):
            within = address - block.s_writers.address_
            if 0 <= within < block.s_writers.type_.size:
                names = (block.s_type.name.string_(), block.s_id.string_())
                kind, device = (raw.decode("utf-8", "replace") for raw in names)
                return f"writers of the {kind} file system on {device}"
    except Exception:  # a damaged list; the lock's address is left
        pass
    return None


def _lock_task(task: Any, now_ns: int | None) -> LockTask:
    from drgn.helpers.linux.sched import task_state_to_char

    return LockTask(task.pid.value_(), command_of(task), task_state_to_char(task), waited_s(task, now_ns))


def find_circles(waits_for: Mapping[int, int]) -> tuple[tuple[int, ...], ...]:
    """Circles of tasks that wait for each other, each once and from its smallest pid on.

    ``waits_for``: by the pid of a task that waits, the pid of the task that holds what it waits for.

    >>> find_circles({415: 416, 416: 415, 410: 409})
    ((415, 416),)
    """
    circles = set()
    settled: set[int] = set()
    for start in waits_for:
        path: dict[int, int] = {}
        here: int | None = start
        while here is not None and here not in settled and here not in path:
            path[here] = len(path)
            here = waits_for.get(here)
        if here is not None and here in path:
            ring = [pid for pid, place in path.items() if place >= path[here]]
            first = ring.index(min(ring))
            circles.add(tuple(ring[first:] + ring[:first]))
        settled |= set(path)
    return tuple(sorted(circles))


def describe_locks(found: Locks) -> tuple[SectionTable, ...]:
    """One line for each lock, and one for each circle."""
    if not found.locks and not found.unfound:
        return (SectionTable("Locks", "No task was seen to wait for a lock."),)
    rows = tuple(
        (
            lock.kind,
            lock.name or lock.address,
            _task_words(lock.owner) if lock.owner else "not known",
            lock.held or "",
            str(lock.waiters_in_all),
            listed([f"{_task_words(task)} {seconds_text(task.since_s)}".strip() for task in lock.waiters], 4),
        )
        for lock in found.locks
    )
    sentence = f"{counted(found.locks_in_all, 'lock')} held or waited for."
    for circle in found.circles:
        sentence += f" Deadlock: {' waits for '.join(map(str, (*circle, circle[0])))}."
    if found.unfound:
        sentence += f" For {counted(len(found.unfound), 'waiting task')} the lock could not be found."
    columns = ("kind", "lock", "held by", "", "waiters", "longest first")
    return (SectionTable("Locks", sentence, columns, rows),)


def _task_words(task: LockTask) -> str:
    return f"{task.command} ({task.pid}, {task.state})"


SECTION = Section("locks", Locks, read_locks, describe_locks)
