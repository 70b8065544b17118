"""Reports whose first line names the task: it is all there is where the lines below are lost. All are invented."""

from __future__ import annotations

import pytest

from kdumpkit.analysis.log import read_crash


@pytest.mark.parametrize(
    ("line", "comm", "pid"),
    [
        (b"BUG: scheduling while atomic: widgetd/77/0x00000002", "widgetd", 77),
        (b"BUG: scheduling while atomic: swapper/3/0/0x00000100", "swapper/3", 0),
        # until 2.6.2x the count stood in front of the number
        (b"BUG: scheduling while atomic: widgetd/0x00000002/77", None, None),
        (b"BUG: Bad page state in process widgetd  pfn:221aa8", "widgetd", None),
        (b"BUG: Bad page map in process Widget D  pte:4a44e100 pmd:4dfc8831", "Widget D", None),
        (b"BUG: Bad rss-counter state mm:ffff888012345678 idx:1 val:2", None, None),
    ],
)
def test_the_task_in_the_first_line(line: bytes, comm: str | None, pid: int | None) -> None:
    block = read_crash([line]).fatal
    assert block is not None
    assert (block.kind, block.comm, block.pid) == ("warning", comm, pid)
