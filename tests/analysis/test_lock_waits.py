from __future__ import annotations

import pytest

from kdumpkit.analysis.lock_waits import KINDS, find_head, find_words

WORD = 8


def memory(links: dict[int, tuple[int, int]]) -> dict[int, int]:
    # struct list_head at each address: next, prev
    return {at: nxt for at, (nxt, _) in links.items()} | {at + WORD: prev for at, (_, prev) in links.items()}


def test_head_of_a_list_with_two_waiters() -> None:
    lock, first, second = 0x1000, 0x7100, 0x7200
    words = memory({lock: (first, second), first: (second, lock), second: (lock, first)})
    for waiter in (first, second):
        assert find_head(waiter, WORD, words.__getitem__, lambda link: link >= 0x7000) == lock


def test_links_that_do_not_point_back_are_no_list() -> None:
    words = memory({0x7100: (0x1000, 0x1000), 0x1000: (0x7200, 0x7200)})
    assert find_head(0x7100, WORD, words.__getitem__, lambda link: link >= 0x7000) is None


def test_list_without_a_head_is_no_answer() -> None:
    # newer kernels link the waiters in a ring that the lock is no part of
    words = memory({0x7100: (0x7200, 0x7200), 0x7200: (0x7100, 0x7100)})
    assert find_head(0x7100, WORD, words.__getitem__, lambda link: True) is None


def test_endless_list_ends() -> None:
    def read_word(address: int) -> int:
        # each link is followed by another one, which points back
        return address + 0x100 if address % 0x100 == 0 else address - WORD - 0x100

    assert find_head(0x100, WORD, read_word, lambda link: True) is None


def test_words_are_found_only_where_words_stand() -> None:
    needle = (0xFFFF8C70C38320C0).to_bytes(8, "little")
    stack = b"\0" * 8 + needle + b"\0\0\0\0" + needle + b"\0\0\0\0" + needle
    assert find_words(stack, needle, WORD) == [8, 32]


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        ("__mutex_lock_common", "mutex"),
        ("mutex_lock_killable", "mutex"),
        ("__mutex_lock_slowpath", "mutex"),
        ("__ww_mutex_lock", "mutex"),
        ("rwsem_down_read_slowpath", "read-write semaphore"),
        ("down_write_killable", "read-write semaphore"),
        ("__down", "semaphore"),
        ("___down_common", "semaphore"),
        ("down_timeout", "semaphore"),
        ("percpu_rwsem_wait", "per-CPU read-write semaphore"),
        ("__percpu_down_read", "per-CPU read-write semaphore"),
        ("schedule_timeout", None),
        ("shutdown", None),
        ("down_left", None),
        ("mutex_unlock", None),
    ],
)
def test_functions_that_wait_for_locks(function: str, kind: str | None) -> None:
    assert next((found.name for found in KINDS if found.functions.fullmatch(function)), None) == kind
