from __future__ import annotations

import pytest

from kdumpkit.analysis.sections.memory import LowZone, Memory, MemoryUse, OomState, describe_memory, oom_words


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (OomState(True, 1, 5), "was at work when the kernel died"),
        (OomState(False, 2, 5), "2 tasks that it told to die were not gone yet, it had killed 5 tasks since boot"),
        (OomState(False, 0, 0), "had never been at work"),
        # before 4.13 nobody counted
        (OomState(False, 0, None), "is not known"),
        (OomState(None, None, None), "is not known"),
    ],
)
def test_oom_killer(state: OomState, words: str) -> None:
    assert words in oom_words(state)


def test_told() -> None:
    found = Memory(
        total_bytes=4 << 30,
        uses=(MemoryUse("free", 8 << 20), MemoryUse("page cache", 1 << 30)),
        swap_total_bytes=1 << 30,
        swap_free_bytes=0,
        huge_pages_bytes=2 << 30,
        low_zones=(LowZone(0, "Normal", 1 << 20, 2 << 20),),
        oom=OomState(False, 0, 0),
    )
    (table,) = describe_memory(found)
    assert table.sentence.startswith(
        "4 GiB of memory, 8 MiB free. Zone Normal of node 0 had less than its minimum free."
    )
    assert ("page cache", "1024 MiB", "25.0%") in table.rows
    assert ("swap", "0 KiB free of 1024 MiB", "") in table.rows
    assert ("huge pages set aside", "2048 MiB", "") in table.rows
