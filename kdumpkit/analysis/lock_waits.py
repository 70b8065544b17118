"""Which lock a blocked task waits for: found through its stack, as the kernel keeps no list of locks.

Three ways, the surest first: the kernel says so itself (``task_struct.blocker`` or ``.blocked_on``, where it has them),
the debug information still knows the argument of the locking function, or the waiter's record is found on the stack.
Such a record (``struct mutex_waiter`` and its like) stands on the stack of the task that waits, names that task, and
is linked into the lock's list; the one link of that list that is no such record is the lock.

Source: kernel/locking/{mutex,rwsem,semaphore,percpu-rwsem}.c; include/linux/hung_task.h.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kdumpkit.analysis.task_walk import WaitingTask
from kdumpkit.vmcore.memory import MemoryFault, memory_of

#: of a list that goes on beyond this, the rest is left alone
MOST_WAITERS = 10_000
#: a stack of a kernel is 8 to 64 KiB
_LEAST_STACK_BYTES = 1 << 12
_MOST_STACK_BYTES = 1 << 17


@dataclass(frozen=True)
class LockKind:
    """A kind of lock and how its waiters are linked."""

    #: in words
    name: str
    #: functions that wait for it
    functions: re.Pattern[str]
    #: C types: of the lock, and of the record of a waiter
    lock: str
    waiter: str
    #: members: of the lock's list, of the waiter's link in it, and of its task
    waiters: str
    link: str
    task: str


KINDS = (
    LockKind(
        "mutex",
        re.compile(r"(?:__)?(?:ww_)?mutex_lock\w*|__mutex_lock_common"),
        "struct mutex",
        "struct mutex_waiter",
        "wait_list",
        "list",
        "task",
    ),
    LockKind(
        "per-CPU read-write semaphore",
        re.compile(r"percpu_rwsem_wait|_*percpu_down_(?:read|write)\w*"),
        "struct percpu_rw_semaphore",
        "struct wait_queue_entry",
        "waiters.head",
        "entry",
        "private",
    ),
    LockKind(
        "read-write semaphore",
        re.compile(r"rwsem_down_\w+|(?:__)?down_(?:read|write)(?:_\w+)?"),
        "struct rw_semaphore",
        "struct rwsem_waiter",
        "wait_list",
        "list",
        "task",
    ),
    LockKind(
        "semaphore",
        re.compile(r"_*down(?:_common|_interruptible|_killable|_timeout)?"),
        "struct semaphore",
        "struct semaphore_waiter",
        "wait_list",
        "list",
        "task",
    ),
)
#: two lowest bits of ``task_struct.blocker``
_BLOCKER_TYPES = {0: "mutex", 1: "semaphore", 2: "read-write semaphore", 3: "read-write semaphore"}


@dataclass(frozen=True)
class Wait:
    """A task and the lock that it waits for."""

    kind: LockKind
    #: None: it waits for a lock of this kind, and which one cannot be found
    address: int | None


def find_wait(program: Any, task: WaitingTask) -> Wait | None:
    """The lock that a task waits for; None where its stack is not that of waiting for one."""
    kind = next((kind for kind in KINDS if any(kind.functions.fullmatch(name) for name in task.functions)), None)
    if kind is None:
        return None
    for way in (_told_by_task, _told_by_frames, _told_by_stack):
        try:
            found = way(program, task, kind)
        except Exception:  # no such member, no such type, damaged pointers: the next way is tried
            continue
        if found is not None:
            return found
    return Wait(kind, None)


def _told_by_task(program: Any, task: WaitingTask, kind: LockKind) -> Wait | None:
    try:
        blocker = task.task.blocker.value_()
    except AttributeError:
        blocker = 0
    if blocker:
        name = _BLOCKER_TYPES[blocker & 3]
        return Wait(next(kind for kind in KINDS if kind.name == name), blocker & ~3)
    blocked_on = task.task.blocked_on
    # with CONFIG_DEBUG_MUTEXES it was the waiter's record before it was the lock
    if kind.name == "mutex" and blocked_on.type_.type_name().removeprefix("volatile ") == "struct mutex *":
        return Wait(kind, blocked_on.value_()) if blocked_on else None
    return None


def _told_by_frames(program: Any, task: WaitingTask, kind: LockKind) -> Wait | None:
    for number, name in enumerate(task.functions):
        if not kind.functions.fullmatch(name):
            continue
        frame = task.trace[number]
        for variable in frame.locals():
            value = frame[variable]
            if value.type_.type_name() == f"{kind.lock} *" and not value.absent_ and value:
                return Wait(kind, value.value_())
    return None


def _told_by_stack(program: Any, task: WaitingTask, kind: LockKind) -> Wait | None:
    from drgn import FaultError, Object

    last = max(number for number, name in enumerate(task.functions) if kind.functions.fullmatch(name))
    start = task.trace[0].sp
    end = task.trace[min(last + 1, len(task.trace) - 1)].sp
    if not 0 < end - start <= _MOST_STACK_BYTES:
        return None
    layout = _layout(program, kind)
    memory = memory_of(program)
    stack_bytes = _stack_bytes(program)

    def is_record(link: int) -> bool:
        # the record of a waiter stands on the stack of the task that it names
        try:
            named = Object(program, "struct task_struct *", memory.word(link + layout.task - layout.link))
            stack: int = named.stack.value_()
            return 0 <= link - stack < stack_bytes
        except (FaultError, MemoryFault):
            return False

    needle = task.task.value_().to_bytes(memory.word_bytes, memory.byte_order)
    for place in find_words(program.read(start, end - start), needle, memory.word_bytes):
        try:
            head = find_head(start + place - layout.task + layout.link, memory.word_bytes, memory.word, is_record)
        except MemoryFault:  # the task's address stood there by chance
            continue
        if head is not None:
            return Wait(kind, head - layout.head)
    return None


def _stack_bytes(program: Any) -> int:
    for name in ("init_stack", "init_thread_union"):
        try:
            size: int = program[name].type_.size
        except (LookupError, TypeError):
            continue
        if size >= _LEAST_STACK_BYTES:
            return size
    return _MOST_STACK_BYTES


@dataclass(frozen=True)
class _Layout:
    # offsets in bytes: of link and task in the waiter's record, of the list's head in the lock
    link: int
    task: int
    head: int


def _layout(program: Any, kind: LockKind) -> _Layout:
    from drgn import offsetof

    waiter, lock = program.type(kind.waiter), program.type(kind.lock)
    return _Layout(offsetof(waiter, kind.link), offsetof(waiter, kind.task), offsetof(lock, kind.waiters))


def find_words(content: bytes, needle: bytes, word: int) -> list[int]:
    """Offsets at which a word stands, each a multiple of the word's size.

    >>> find_words(b"\\1\\0\\0\\0\\2\\0\\0\\0\\1\\0\\0\\0", b"\\1\\0\\0\\0", 4)
    [0, 8]
    """
    found, at = [], content.find(needle)
    while at >= 0:
        if at % word == 0:
            found.append(at)
        at = content.find(needle, at + 1)
    return found


def find_head(link: int, word: int, read_word: Callable[[int], int], is_record: Callable[[int], bool]) -> int | None:
    """The head of the list that a waiter's record is linked into.

    ``link``: where ``struct list_head`` of the record is. ``is_record`` tells the waiters' links from the head. None
    where the words are no such record: each link of a whole list is pointed back at by the one that it points to.
    """
    here = link
    for _ in range(MOST_WAITERS):
        following = read_word(here)
        if following == link or read_word(following + word) != here:
            return None
        if not is_record(following):
            return following
        here = following
    return None
