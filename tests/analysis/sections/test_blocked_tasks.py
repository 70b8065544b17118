from __future__ import annotations

import pytest

from kdumpkit.analysis.sections.blocked_tasks import (
    BlockedGroup,
    BlockedTasks,
    BlockedThread,
    describe_blocked,
    group_by_stack,
    telling_functions,
    waits_for,
)
from kdumpkit.analysis.stack import Frame
from kdumpkit.analysis.task_walk import WaitingTask

SLEEP = ("context_switch", "__schedule", "schedule")


def waiting(pid: int, waited_s: float | None, *functions: str) -> WaitingTask:
    return WaitingTask(None, pid, f"task{pid}", waited_s, None, (*SLEEP, *functions))


def frame(function: str, module: str | None = "kernel") -> Frame:
    return Frame(function, "0x1", None, None, module, False, False)


def test_equal_stacks_are_one_group_in_the_order_of_the_longest() -> None:
    tasks = [
        waiting(3, 90.0, "__mutex_lock", "do_a"),
        waiting(1, 50.0, "io_schedule", "do_b"),
        waiting(2, 10.0, "__mutex_lock", "do_a"),
    ]
    assert [[task.pid for task in group] for group in group_by_stack(tasks)] == [[3, 2], [1]]


def test_programs_own_code_does_not_part_a_group() -> None:
    tasks = [waiting(1, 1.0, "fuse_x", "user space"), waiting(2, 1.0, "fuse_x", "user space", "user space")]
    assert len(group_by_stack(tasks)) == 1


def test_stacks_that_could_not_be_read_are_a_group_of_their_own() -> None:
    unread = [WaitingTask(None, pid, "x", None, None, ()) for pid in (1, 2)]
    assert [len(group) for group in group_by_stack([*unread, waiting(3, 1.0, "f")])] == [2, 1]


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        (("rwsem_down_write_slowpath", "down_write", "xfs_ilock"), "a read-write semaphore"),
        (("io_schedule", "folio_wait_bit_common", "ext4_read"), "I/O"),
        (("percpu_rwsem_wait", "__percpu_down_read", "__sb_start_write", "mnt_want_write"), "a frozen file system"),
        (("request_wait_answer", "fuse_simple_request"), "the program that serves a FUSE file system"),
        (("rpc_wait_bit_killable", "nfs_wait_client"), "an NFS server"),
        (("jbd2_log_wait_commit", "ext4_sync_file"), "a file system's journal"),
        # a mutex is waited for within NFS: the server is what matters
        (("__mutex_lock", "nfs_flush"), "an NFS server"),
        (("___down_common", "__down", "down", "console_lock"), "a semaphore"),
        (("do_something",), None),
        ((), None),
    ],
)
def test_what_a_stack_waits_for(functions: tuple[str, ...], words: str | None) -> None:
    assert waits_for(functions) == words


def test_functions_of_every_sleep_are_left_out() -> None:
    frames = [frame(name) for name in (*SLEEP, "io_schedule", "submit_bio_wait", "f")] + [frame("main", None)]
    assert telling_functions(frames) == ["submit_bio_wait", "f"]
    assert telling_functions([frame("schedule")]) == ["schedule"]
    assert telling_functions([]) == []


def test_what_was_not_looked_at_is_said() -> None:
    group = BlockedGroup("I/O", 40, None, tuple(BlockedThread(n, "dd", None) for n in range(20)), ())
    (table,) = describe_blocked(BlockedTasks(3000, 2000, (group,), 1))
    assert "3000 tasks" in table.sentence
    assert "Only 2000 of them were looked at." in table.sentence
    assert table.rows[0][0] == "not known"
    assert table.rows[0][3].endswith("of 40")


def test_no_blocked_task() -> None:
    (table,) = describe_blocked(BlockedTasks(0, 0, (), 0))
    assert table.sentence == "No task was in uninterruptible sleep."
