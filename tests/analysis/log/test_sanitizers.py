"""Reports of KASAN, KFENCE, KMSAN and KCSAN. All names and numbers are invented."""

from __future__ import annotations

import pytest

from .crashes import fatal

KFENCE = """\
[   39.000001] ==================================================================
[   39.000002] BUG: KFENCE: memory corruption in widget_free+0x8c/0x174 [widget]
[   39.000003] Corrupted memory at 0x00000000c5d55ff8 [ ! ! ! . . . ] (in kfence-#214):
[   39.000004]  widget_free+0x8c/0x174 [widget]
[   39.000005]  widget_release+0x94/0x194 [widget]
[   39.000006]  kthread+0x104/0x110
[   39.000007]
[   39.000008] kfence-#214: 0x00000000fb4de2b1-0x00000000fb4de2b1, size=1, cache=kmalloc-128
[   39.000009] allocated by task 96 on cpu 0 at 39.972196s:
[   39.000010]  widget_alloc+0xc4/0x194 [widget]
[   39.000011]  widget_open+0x6c/0xac [widget]
[   39.000012]
[   39.000013] CPU: 2 PID: 97 Comm: widgetd Tainted: G    B              6.1.0-18-amd64 #1
[   39.000014] Hardware name: Example Board (DT)
"""


def test_the_stack_of_the_access_stands_under_the_title() -> None:
    block = fatal(KFENCE)
    assert block.kind == "kfence"
    assert [frame.symbol for frame in block.frames] == ["widget_free", "widget_release", "kthread"]


def test_the_header_stands_behind_the_stacks() -> None:
    block = fatal(KFENCE)
    assert (block.comm, block.pid, block.cpu) == ("widgetd", 97, 2)
    assert (block.kernel_release, block.tainted) == ("6.1.0-18-amd64", "GB")
    assert block.hardware_name == "Example Board (DT)"


@pytest.mark.parametrize(
    ("kind", "title", "before"),
    [
        (
            "kcsan",
            "data-race in widget_get / widget_put",
            "write to 0xffff80000f00bfb8 of 8 bytes by task 93 on cpu 0:",
        ),
        ("kmsan", "uninit-value in widget_get+0x10/0x20", "====="),
    ],
)
def test_kcsan_and_kmsan_print_no_heading_either(kind: str, title: str, before: str) -> None:
    block = fatal(
        f"BUG: {kind.upper()}: {title}\n{before}\n"
        " widget_get+0x10/0x20\n"
        " widget_read+0x30/0x40\n"
        "\n"
        "read to 0xffff80000f00bfb8 of 8 bytes by task 132 on cpu 0:\n"
        " widget_put+0x50/0x60\n"
        "\n"
        "CPU: 1 PID: 132 Comm: widgetd Not tainted 6.10.0 #2\n"
    )
    assert block.kind == kind
    assert block.call_trace == ("widget_get", "widget_read")
    assert (block.pid, block.cpu) == (132, 1)


def test_kasan_prints_its_title_once_for_each_inlined_function() -> None:
    block = fatal(
        "BUG: KASAN: slab-use-after-free in widget_read include/widget.h:96 [inline]\n"
        "BUG: KASAN: slab-use-after-free in widget_work+0x694/0xa80 drivers/widget.c:1022\n"
        "Read of size 8 at addr ffff8880295de478 by task widgetd/67\n"
        "\n"
        "CPU: 2 UID: 0 PID: 67 Comm: widgetd Not tainted 6.15.0 #1\n"
    )
    assert (block.kind, block.comm, block.pid, block.cpu) == ("kasan", "widgetd", 67, 2)


def test_kasan_of_4_0() -> None:
    block = fatal(
        "[  797.000001] BUG: KASan: use after free in widget_free+0x2c9/0x340 [widget] at addr ffff880d59947040\n"
        "[  797.000002] Read of size 8 by task widgetd/15\n"
        "[  797.000003] BUG widget_cache (Tainted: P    B      O   ): kasan: bad access detected\n"
    )
    assert block.kind == "kasan"
