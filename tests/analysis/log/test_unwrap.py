"""Logs that went through a mail program: every break of a line leaves the same report."""

from __future__ import annotations

import quopri
import textwrap

import pytest

from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.unwrap import unwrapped

OOPS = (
    "general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] SMP PTI",
    "CPU: 3 PID: 44 Comm: widgetd Kdump: loaded Tainted: G        W  OE    --------- -  - 6.1.0-9.el9.x86_64 #1",
    "Hardware name: Example Machine, BIOS 0.1 02/06/2015",
    "RIP: 0010:widget_put_all_of_them+0x1d/0x30 [widget]",
    "RSP: 0018:ffffa1b2c3d4e5f6 EFLAGS: 00010246",
    "Call Trace:",
    "widget_exit+0x1d/0x30 [widget]",
    "widget_close_everything_that_is_open+0x1d/0x30 [widget]",
    "Kernel panic - not syncing: Fatal exception in interrupt",
)
BUG = (
    "kernel BUG at drivers/widget/core.c:42!",
    "invalid opcode: 0000 [#1] SMP PTI",
    "CPU: 3 PID: 44 Comm: widgetd Not tainted 6.1.0-9-amd64 #1 Example",
    "RIP: 0010:widget_get+0x1d/0x30",
)
WARNING = (
    "WARNING: CPU: 3 PID: 44 at drivers/widget/core.c:42 widget_get+0x1d/0x30 [widget]",
    "CPU: 3 PID: 44 Comm: widgetd Not tainted 6.1.0-9-amd64 #1 Example",
)
LOCKUP = ("watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [widgetd:44]",)
HUNG = ("INFO: task widgetd:44 blocked for more than 120 seconds.", "      Not tainted 6.1.0-9-amd64 #1 Example")
PREFIXES = (
    "[  100.000001] ",
    "Jul 27 00:17:51 host kernel: ",
    "Jul 27 00:17:51 host kernel: [  100.000001] ",
    "2024-07-27T00:17:51.123456+02:00 server kernel: [  100.000001] ",
    "2024-07-27T00:17:51.123456+02:00 server kernel: [  100.000001][  T567] ",
)
FIELDS = ("kind", "panic_reason", "rip_symbol", "rip_module", "comm", "pid", "cpu", "kernel_release", "tainted")


@pytest.mark.parametrize("quote", ["", "> "])
@pytest.mark.parametrize("width", [72, 76])
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("report", [OOPS, BUG, WARNING, LOCKUP, HUNG])
def test_a_broken_log_reads_as_the_whole_one(report: tuple[str, ...], prefix: str, width: int, quote: str) -> None:
    whole = [prefix + text for text in report]
    broken = [
        quote + part
        for line in whole
        for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False, drop_whitespace=True)
    ]
    one, other = read_crash(line.encode() for line in whole).fatal, read_crash(line.encode() for line in broken).fatal
    assert one is not None
    assert other is not None
    for field in FIELDS:
        assert getattr(other, field) == getattr(one, field), field
    assert other.call_trace == one.call_trace


def test_lines_that_became_one_paragraph() -> None:
    block = read_crash(
        [
            b"> [  100.000001] mce: [Hardware Error]: CPU 3: Machine Check Exception: 5 Bank 6:",
            b"> ba00000011000402 [  100.000002] mce: [Hardware Error]: TSC 135a261fe61 [",
            b"> 100.000003] Kernel panic - not syncing: Fatal machine check [  100.000004] Kernel",
            b"> Offset: disabled",
        ]
    ).fatal
    assert block is not None
    assert (block.kind, block.cpu, block.panic_reason) == ("mce", 3, "Fatal machine check")


def test_a_log_out_of_the_source_of_a_web_page() -> None:
    block = read_crash(
        [
            b"BUG: unable to handle kernel NULL pointer dereference at 0000000000000010",
            b"IP: [&lt;ffffffff8020776b&gt;] widget_get+0x1/0x2 [widget]",
            b"Call Trace:",
            b" &lt;IRQ&gt;  [&lt;ffffffff802a3b94&gt;] widget_lock+0x94/0x220",
        ]
    ).fatal
    assert block is not None
    assert (block.rip_symbol, block.call_trace) == ("widget_get", ("widget_lock",))


def test_quoted_printable_reads_as_what_it_encodes() -> None:
    lines = [
        *["[   90.000001] widget: a line that is so long that a mail program must break it in the end =)"] * 3,
        "[  100.000001] ==================================================================",
        "[  100.000002] BUG: KASAN: slab-use-after-free in widget_get_the_first_of_them+0x1d/0x30 [widget]",
        "[  100.000003] CPU: 3 PID: 44 Comm: widgetd Kdump: loaded Tainted: G        W  OE     6.1.0-9-amd64 #1",
        "[  100.000004] Call Trace:",
        "[  100.000005]  widget_close_everything_that_is_open_and_a_little_more+0x1d/0x30 [widget]",
        "[  100.000006] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b of the widget",
    ]
    encoded = quopri.encodestring("\n".join(lines).encode()).split(b"\n")
    assert len(encoded) > len(lines)
    one, other = read_crash(line.encode() for line in lines).fatal, read_crash(encoded).fatal
    assert one is not None
    assert other is not None
    for field in (*FIELDS, "call_trace"):
        assert getattr(other, field) == getattr(one, field), field
    assert one.panic_reason == "Attempted to kill init! exitcode=0x0000000b of the widget"
    text = b"\n".join(encoded) + b"\n"
    decoded = b"".join(unwrapped([text]))
    assert decoded.count(b"\n") == text.count(b"\n")
    assert b"".join(unwrapped([text[start : start + 7] for start in range(0, len(text), 7)])) == decoded
    # cut where a line goes on: nothing is lost
    assert b"".join(unwrapped([text[: text.rindex(b"=\n") + 2]])).rstrip().endswith(b"init! exitcode")


def test_equals_signs_of_a_log_are_not_quoted_printable() -> None:
    text = (b"[  100.000001] " + b"=" * 66 + b"\n[  100.000002] widget=AB\n") * 3
    text += (b"[  100.000003] widget: " + b"word " * 8 + b"option=\n[  100.000004] widget=AB\n") * 3
    assert b"".join(unwrapped([text])) == text


def test_the_numbers_of_lines_stay() -> None:
    broken = b"Jul 27 00:17:51 host-with-a-name kernel: [  100.000001] Kernel panic - not\nsyncing: widget\nafter\n"
    joined = b"".join(unwrapped([broken]))
    assert joined.count(b"\n") == broken.count(b"\n")
    assert joined.split(b"\n")[0].endswith(b"Kernel panic - not syncing: widget")
    log = read_crash(broken.splitlines())
    assert log.fatal is not None
    assert (log.fatal.panic_reason, log.fatal.first_line) == ("widget", 1)


@pytest.mark.parametrize(
    "text",
    [
        # without any prefix nothing tells a rest from a line
        b"Unable to handle kernel paging request at virtual address 00000000deadbeef in\nwidget\n",
        # the next word had room
        b"[  100.000001] usb 1-1: a short line\nwidgetd started\n",
        # a line of the kernel's own
        b"[  100.000001] Kernel panic - not syncing: a reason that takes all the room there is\nCPU: 1 PID: 2\n",
        # a blank line ends the log
        b"[  100.000001] Kernel panic - not syncing: a reason that takes all the room there is\n\nThanks\n",
    ],
)
def test_what_is_not_broken_stays(text: bytes) -> None:
    assert b"".join(unwrapped([text])) == text


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n", b"\nafter", b"\n \n[  100.000002] after"])
def test_where_the_blocks_are_cut_makes_no_difference(size: int, end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp = b"Jul 27 00:17:51 host-with-a-name kernel: [  100.000001] "
    text = (
        stamp
        + b"Kernel panic - not\nsyncing: the widget has a reason so long that it is broken once more\nwithin_the_middle"
        + end
    )
    blocks = [text[at : at + size] for at in range(0, len(text), size)]
    whole = b"".join(unwrapped([text]))
    assert b"".join(unwrapped(blocks)) == whole
    assert whole.count(b"\n") == len(text.splitlines())
    assert b"not syncing: the widget has a reason so long that it is broken once more within_the_middle\n\n\n" in whole
    # past the lines that are looked at, nothing is put together
    monkeypatch.setattr("kdumpkit.analysis.log.unwrap.LINES", 2)
    few = b"".join(unwrapped(blocks))
    assert few == b"".join(unwrapped([text]))
    assert b"once more\n\nwithin_the_middle" in few


def test_an_oops_below_the_end_of_another_whose_beginning_is_lost() -> None:
    block = read_crash(
        [
            b"[   10.000001] ---[ end trace 0123456789abcdef ]---",
            b"[   10.000002] general protection fault: 0000 [#2] SMP PTI",
            b"[   10.000003] CPU: 3 PID: 44 Comm: widgetd Tainted: G      D 6.1.0-9-amd64 #1",
            b"[   10.000004] RIP: 0010:widget_get+0x1d/0x30 [widget]",
        ]
    ).fatal
    assert block is not None
    assert (block.kind, block.first_line, block.rip_symbol) == ("gpf", 2, "widget_get")


def test_what_looks_like_a_line_number_is_the_rest_of_a_register_line() -> None:
    block = read_crash(
        [
            b"Oops: 0000 [#1] SMP",
            b"Jul 27 00:17:51 host-of-the-widget-department kernel: CPU: 3 PID: 44 Comm: widgetd Not tainted 6.1.0 #1",
            b"Jul 27 00:17:51 host-of-the-widget-department.example.org kernel: RIP:",
            b"0010:widget_get+0x1d/0x30 [widget]",
        ]
    ).fatal
    assert block is not None
    assert (block.rip_symbol, block.rip_module) == ("widget_get", "widget")


def test_quoted_printable_breaks_within_a_release_that_begins_with_digits_and_a_hyphen() -> None:
    block = read_crash(
        [
            b"  Internal error: synchronous external abort: 96000050 [#1] PREEMPT SMP",
            b"  CPU: 0 PID: 44 Comm: widgetd Not tainted 6.1.0-rc2-widgets-0=",
            b"0302-gabcdef #0",
            b"  pc : widget_get+0x1/0x2",
        ]
    ).fatal
    assert block is not None
    assert block.kernel_release == "6.1.0-rc2-widgets-00302-gabcdef"
