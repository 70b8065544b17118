from __future__ import annotations

import pytest

from kdumpkit.analysis.sections.locks import HeldLock, Locks, LockTask, describe_locks, find_circles


@pytest.mark.parametrize(
    ("waits_for", "circles"),
    [
        ({}, ()),
        ({1: 2, 2: 3}, ()),
        ({1: 2, 2: 1}, ((1, 2),)),
        # three in a circle, one who waits for one of them, and one who waits for itself
        ({7: 9, 9: 4, 4: 7, 1: 9, 5: 5}, ((4, 7, 9), (5,))),
        ({1: 2, 2: 1, 3: 4, 4: 3}, ((1, 2), (3, 4))),
        ({n: n + 1 for n in range(100_000)}, ()),
    ],
)
def test_circles(waits_for: dict[int, int], circles: tuple[tuple[int, ...], ...]) -> None:
    assert find_circles(waits_for) == circles


def test_told() -> None:
    owner, waiter = LockTask(409, "holder", "D", 78.0), LockTask(410, "waiter", "D", 77.0)
    lock = HeldLock("mutex", "0xffff", "rtnl_mutex", None, owner, 1, (waiter,))
    nameless = HeldLock("semaphore", "0xffff8000", None, None, None, 0, ())
    (table,) = describe_locks(Locks((lock, nameless), 2, ((4, 7, 9),), (waiter,)))
    assert table.sentence == (
        "2 locks held or waited for. Deadlock: 4 waits for 7 waits for 9 waits for 4. "
        "For 1 waiting task the lock could not be found."
    )
    assert table.rows[0] == ("mutex", "rtnl_mutex", "holder (409, D)", "", "1", "waiter (410, D) 1 min 17 s")
    assert table.rows[1][1:3] == ("0xffff8000", "not known")


def test_nobody_waits() -> None:
    (table,) = describe_locks(Locks((), 0, (), ()))
    assert table.sentence == "No task was seen to wait for a lock."
