"""What the last sentence of stage 06 claims to rest on."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kdumpkit.runbook.conclusion import conclusion
from kdumpkit.runbook.session import Session

CRASH = {"kind": "null_deref", "rip_symbol": "f", "comm": "cat", "pid": 7, "cpu": 1, "panic_reason": None, "title": "t"}
CAT = {"comm": "cat", "pid": 7, "cpu": 1}


class Kept:
    """A session that has kept these values."""

    run_id = "20260101T000000Z"

    def __init__(self, **values: Any) -> None:
        self._values = values

    def recall_value(self, name: str) -> Any:
        return self._values.get(name)


def concluded(**values: Any) -> str | None:
    return conclusion(cast(Session, Kept(**values)))


@pytest.mark.parametrize(
    ("crash", "stack_task", "basis"),
    [
        ({}, None, "; read from the dump's log alone."),
        ({}, CAT, "; the dump's log and its stack with symbols agree."),
        ({"cpu": None}, CAT, "; the dump's log and its stack with symbols agree."),
        (
            {},
            {"comm": "khungtaskd", "pid": 33, "cpu": 1},
            "; read from the dump's log; the stack with symbols is that of khungtaskd (pid 33) on CPU 1, "
            "which ran where the kernel panicked.",
        ),
        (
            {"comm": None, "pid": None, "cpu": None},
            CAT,
            "; the log names no task, and the stack with symbols is that of cat (pid 7) on CPU 1.",
        ),
    ],
)
def test_log_and_stack_agree_only_where_they_name_the_same_task(
    crash: dict[str, Any], stack_task: dict[str, Any] | None, basis: str
) -> None:
    sentence = concluded(crash={**CRASH, **crash}, stack_task=stack_task)
    assert sentence is not None
    assert sentence.endswith(basis)


def test_without_a_crash_nothing_is_concluded() -> None:
    assert concluded(stack_task=CAT) is None
