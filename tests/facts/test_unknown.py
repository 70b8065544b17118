from __future__ import annotations

import pytest

from kdumpkit.facts.unknown import Unknown, Why


@pytest.mark.parametrize(
    ("source", "why", "line"),
    [
        ("/proc/iomem", Why.NOT_PERMITTED, "on the host: cat /proc/iomem"),
        ("/sys/a or /sys/b", Why.ABSENT, "on the host: ls -ld /sys/a /sys/b"),
        ("the kernel's log", Why.NOT_ANSWERED, "on the host, see: the kernel's log"),
        ("findmnt", Why.NOT_UNDERSTOOD, "on the host, see: findmnt"),
    ],
)
def test_how_to_see_for_oneself_is_a_line_to_paste_where_there_is_one(source: str, why: Why, line: str) -> None:
    assert Unknown(source, why).look_again() == line
