"""Lines that come in rows: where a row ends, and that its lines are read as each alone would be."""

from __future__ import annotations

import pytest

from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.reader import read_crash_blocks
from kdumpkit.analysis.log.rows import Row, end_of_frames, end_of_registers, settled_texts
from tests.analysis.log.crashes import fatal

START = "[    1.000001] BUG: unable to handle page fault for address: ffffa1b2c3d4e5f6\n[    1.000002] Call Trace:\n"


@pytest.mark.parametrize(
    "prefix",
    [
        "[  100.{:06}] ",
        "[  100.{:06}][  T44] ",
        "[  100.{:06}][  C3] ",
        "<4>[  100.{:06}] ",
        "Nov  3 10:11:12 widget-1 kernel: [  100.{:06}] ",
        "Nov  3 10:11:12 widget-1 kernel: ",
        "2024-10-10T00:13:12.790055+02:00 widget-1 kernel: [  100.{:06}] ",
        "2024-10-10T00:13:12Z widget-1 kernel: ",
    ],
)
def test_rows_of_alike_lines_are_read_as_each_alone_would_be(prefix: str) -> None:
    """Behind a common prefix, frames and registers are taken in rows; without any, each line goes the long way."""
    lines = [
        "BUG: unable to handle page fault for address: ffffa1b2c3d4e5f6",
        "Oops: 0002 [#1] SMP",
        "CPU: 3 PID: 44 Comm: widgetd Tainted: G        W  OE     6.1.0-9-amd64 #1 Debian 6.1.27-1",
        "RIP: 0010:widget_put+0x1d/0x30 [widget]",
        "RAX: 0000000000000000 RBX: 0000000000000001 RCX: 0000000000000002",
        "R13: 0000000000000000 R14: 0000000000000001 R15: 0000000000000002",
        "CR2: ffffa1b2c3d4e5f6 CR3: 0000000000000001 CR4: 0000000000000002",
        "Call Trace:",
        " <IRQ>",
        " ? widget_guess+0x1d/0x30 [widget]",
        " widget_exit.isra.0.cold+0x1d/0x30",
        " </IRQ>",
        "RIP: 0010:other_place+0x1d/0x30",
        "RAX: 0000000000000000 RBX: 0000000000000001 RCX: 0000000000000003",
        " <TASK>",
        " widget_main+0x1d/0x30 [widget]",
        " ksys_write+0x1d/0x30 lib/no-frame-of-this-form",
        " __x64_sys_write+0x1d/0x30 [widget_2]  ",
        " </TASK>",
        "Modules linked in: widget(OE) ext4",
        " more_modules [last unloaded: gadget]",
        "---[ end trace 0000000000000000 ]---",
    ]
    stamped = "".join(f"{prefix.format(number)}{line}\n" for number, line in enumerate(lines))
    one, other = read_crash(stamped.encode().splitlines()), read_crash([line.encode() for line in lines])
    assert one.fatal is not None
    assert other.fatal is not None
    assert len(one.fatal.frames) == 5
    assert len(one.fatal.registers) == 6
    assert one.fatal.frames[0].reliable is False
    assert one.fatal.frames == other.fatal.frames
    assert one.fatal.as_json() | {"time_s": None} == other.fatal.as_json() | {"time_s": None}
    # in whatever pieces it comes
    assert read_crash_blocks([stamped.encode()[:777], stamped.encode()[777:]]).fatal == one.fatal


def test_a_frame_that_was_glued_to_another_is_read() -> None:
    lines = (
        "[    1.000003]  widget_put+0x1d/0x30 [widget]\n"
        "[    1.000004]  widget_exit+0x1d/0x30[    1.000005]  widget_stop+0x1d/0x30 [widget]\n"
        "[    1.000006]  ksys_write+0x1d/0x30\n"
    )
    assert fatal(START + lines).call_trace == ("widget_put", "widget_exit", "widget_stop", "ksys_write")


def test_registers_that_a_frame_was_glued_to_are_kept_as_printed() -> None:
    row = "[    1.000003] R{}: 0000000000000000 RBX: 0000000000000001 RCX: 000000000000000{}"
    crash = fatal(
        f"{START}{row.format('AX', 1)}\n{row.format('DX', 2)}[    1.000004]  widget_put+0x1d/0x30 [widget]\n"
        f"{row.format('BP', 3)}\n"
    )
    assert [register[:4] + register[-1] for register in crash.registers] == ["RAX:1", "RDX:2", "RBP:3"]
    assert crash.call_trace == ("widget_put",)


@pytest.mark.parametrize("address", ["[<ffffffff81234567>]", "[<c0123456>]"])
def test_frames_with_addresses_in_front_are_a_row_too(address: str) -> None:
    lines = [f"[    1.00000{number}]  {address} widget_{number}+0x1d/0x30 [widget]" for number in range(5)]
    lines.append("[    1.000005]  [<ffffffff81234567>] foo+0x1d/0x30[    1.000006]  bar+0x1d/0x30")
    lines.append("[    1.000007] Code: 00")
    assert end_of_frames(lines, 0, len(lines), 13, 16) == 5
    assert end_of_frames(lines, 1, 3, 13, 16) == 3


def test_a_row_ends_where_a_column_says_something_else() -> None:
    lines = [
        "[    1.000001][  T44]  widget_put+0x1d/0x30",
        "[    1.000002][  T44]  ? widget_exit+0x1d/0x30 [widget]",
        "[    1.000003][  T45]  widget_main+0x1d/0x30",
        "[    1.000004][  T45] RAX: 0000000000000000",
        "[    1.000005][  T45] RDX: 0000000000000000",
        "[    1.000006][  T45] RDX: " + "0" * 200,
    ]
    assert end_of_frames(lines, 0, len(lines), 13, 23) == 2
    assert end_of_registers(lines, 3, len(lines), 13, 22) == 5
    assert settled_texts(["one", Row(lines[3:5], 22)]) == ("one", "RAX: 0000000000000000", "RDX: 0000000000000000")
