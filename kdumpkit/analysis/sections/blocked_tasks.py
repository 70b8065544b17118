"""Tasks in uninterruptible sleep, grouped by what they were doing; the group that waited longest comes first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, counted, listed, seconds_text
from kdumpkit.analysis.stack import Frame, frame_line, read_frames

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession
    from kdumpkit.analysis.task_walk import WaitingTask

_MOST_GROUPS = 50
_MOST_TASKS_NAMED = 20
#: functions of every sleep: they say nothing of what is waited for
_SLEEPING = re.compile(
    r"context_switch|__schedule|schedule(?:_\w+)?|io_schedule(?:_\w+)?|__switch_to(?:_asm)?|do_wait_for_common"
    r"|__wait_for_common"
)
#: the first pattern that any function of a stack has tells what it waits for; the most telling come first
_WAITS_FOR = (
    (re.compile(r"__sb_start_write|sb_start_write|freeze_super|thaw_super"), "a frozen file system"),
    (re.compile(r"fuse_\w+|request_wait_answer"), "the program that serves a FUSE file system"),
    (re.compile(r"nfs4?_\w+|rpc_wait_bit_killable|__rpc_execute"), "an NFS server"),
    (re.compile(r"(?:cifs|smb2?)_\w+"), "an SMB server"),
    (re.compile(r"ceph_\w+|rbd_\w+"), "a Ceph cluster"),
    (re.compile(r"(?:__)?mutex_lock\w*|__mutex_lock_common"), "a mutex"),
    (re.compile(r"(?:__)?percpu_(?:down|rwsem)_\w+"), "a per-CPU read-write semaphore"),
    (re.compile(r"rwsem_down_\w+|(?:__)?down_(?:read|write)\w*"), "a read-write semaphore"),
    (re.compile(r"_*down(?:_common|_interruptible|_killable|_timeout)?"), "a semaphore"),
    (re.compile(r"jbd2_\w+|xlog_\w+|xfs_log_\w+"), "a file system's journal"),
    (
        re.compile(r"io_schedule\w*|submit_bio_wait|blk_mq_\w+|bio_\w+|folio_wait_\w+|wait_on_page_\w+|blkdev_\w+"),
        "I/O",
    ),
    (re.compile(r"__alloc_pages\w*|try_to_free_pages|shrink_\w+|balance_dirty_pages\w*"), "memory"),
    (re.compile(r"wait_for_common|__wait_for_common|wait_for_completion\w*"), "a completion"),
    (re.compile(r"msleep\w*|schedule_timeout_uninterruptible|usleep_\w+"), "time to pass"),
)


@dataclass(frozen=True)
class BlockedThread:
    """One task of a group."""

    pid: int
    command: str
    #: since it last got a CPU; None where the kernel does not keep that
    waited_s: float | None


@dataclass(frozen=True)
class BlockedGroup:
    """Tasks whose stacks have the same functions."""

    #: in words, such as ``a mutex``; None where the functions do not tell
    waits_for: str | None
    count: int
    #: of the task that waited longest
    longest_s: float | None
    #: longest first, at most 20
    tasks: tuple[BlockedThread, ...]
    #: of the task that waited longest; empty where its stack could not be read
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class BlockedTasks:
    """All tasks in uninterruptible sleep."""

    total: int
    #: tasks of ``total`` whose stacks were looked at
    read: int
    #: of all groups, the 50 that waited longest
    groups: tuple[BlockedGroup, ...]
    groups_in_all: int


def read_blocked_tasks(session: DrgnSession) -> BlockedTasks:
    """Blocked tasks out of an open dump."""
    groups = group_by_stack(session.waiting)
    told = tuple(_told(session.program, tasks) for tasks in groups[:_MOST_GROUPS])
    return BlockedTasks(session.tasks.by_state.get("D", 0), len(session.waiting), told, len(groups))


def group_by_stack(tasks: Sequence[WaitingTask]) -> list[list[WaitingTask]]:
    """Tasks with equal functions on their stacks together; order of groups and within them is that of ``tasks``."""
    groups: dict[tuple[str, ...], list[WaitingTask]] = {}
    for task in tasks:
        # an address of a program, or of a module without names, differs for each of them
        shape = tuple(name for name in task.functions if name != "user space")
        groups.setdefault(shape, []).append(task)
    return list(groups.values())


def _told(program: Any, tasks: Sequence[WaitingTask]) -> BlockedGroup:
    first = tasks[0]
    return BlockedGroup(
        waits_for=waits_for(first.functions),
        count=len(tasks),
        longest_s=first.waited_s,
        tasks=tuple(BlockedThread(task.pid, task.command, task.waited_s) for task in tasks[:_MOST_TASKS_NAMED]),
        frames=read_frames(program, first.trace) if first.trace is not None else (),
    )


def waits_for(functions: Sequence[str]) -> str | None:
    """What a stack waits for, in words; None where its functions do not tell.

    >>> waits_for(["__schedule", "schedule", "schedule_preempt_disabled", "__mutex_lock", "wait_mutex", "kthread"])
    'a mutex'
    """
    for pattern, words in _WAITS_FOR:
        if any(pattern.fullmatch(name) for name in functions):
            return words
    return None


def describe_blocked(found: BlockedTasks) -> tuple[SectionTable, ...]:
    """One line for each group."""
    if not found.total:
        return (SectionTable("Blocked tasks", "No task was in uninterruptible sleep."),)
    rows = tuple(
        (
            seconds_text(group.longest_s) or "not known",
            str(group.count),
            group.waits_for or "not known",
            listed([f"{task.command} ({task.pid})" for task in group.tasks], 4)
            + (f" of {group.count}" if group.count > len(group.tasks) else ""),
            " < ".join(telling_functions(group.frames)),
        )
        for group in found.groups
    )
    sentence = f"{counted(found.total, 'task')} in uninterruptible sleep, "
    sentence += f"with {counted(found.groups_in_all, 'different stack')}."
    if found.read < found.total:
        sentence += f" Only {found.read} of them were looked at."
    return (SectionTable("Blocked tasks", sentence, ("waited", "tasks", "for", "who", "innermost first"), rows),)


def telling_functions(frames: Sequence[Frame], most: int = 6) -> list[str]:
    """The first functions of a stack that are not those of every sleep."""
    named = [frame for frame in frames if frame.module]
    first = next((n for n, frame in enumerate(named) if not _SLEEPING.fullmatch(frame.function or "")), 0)
    return [frame_line(frame).split(" ", 1)[0] for frame in named[first : first + most]]


SECTION = Section("blocked_tasks", BlockedTasks, read_blocked_tasks, describe_blocked)
