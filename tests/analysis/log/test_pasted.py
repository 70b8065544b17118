"""Logs as web pages, pagers and terminal programs hand them on: blanks changed, numbers and times in front."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from kdumpkit.analysis.log.prefixes import parse_message

from .crashes import fatal

OOPS = """\
BUG: unable to handle kernel paging request at ffffa1b2c3d4e5f6
IP: [<ffffffffa0123456>] widget_put+0x1d/0x30 [widget]
Oops: 0002 [#1] SMP
Modules linked in: widget(O)  [last unloaded: widget_core]
Pid: 77, comm: widgetd Tainted: P        W  O  2.6.32-7.el6.x86_64 #1 Widget Inc. Widget 1
RIP: 0010:[<ffffffffa0123456>]  [<ffffffffa0123456>] widget_put+0x1d/0x30 [widget]
RAX: 0000000000000000 RBX: 0000000000000001 RCX: 0000000000000002
Call Trace:
 [<ffffffffa0123490>] widget_get+0x4d/0x90 [widget]
 [<ffffffff81010203>] ? widget_top+0x10/0x20
Kernel panic - not syncing: Fatal exception
"""


def _in_front(text: str, prefix: str) -> str:
    return re.sub(r"(?m)^(?=.)", prefix, text)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("  ", " \u00a0"),
        lambda text: re.sub(r"(?m)(?<=\S)[ \t]{2,}", " ", text),
        lambda text: _in_front(text, "\t"),
        lambda text: _in_front(text, ">\tNov  3 10:11:12 widget-1 kernel: "),
        lambda text: _in_front(text, "\t[Nov 3 10:11] "),
        lambda text: _in_front(text, "    12\tNov  3 10:11:12 widget-1 kernel: "),
        lambda text: _in_front(text, "    12\t[   10.000001] "),
        lambda text: _in_front(text, "2024.05.06 07:08:09 "),
        lambda text: _in_front(text, "[05/06/2024 07:08:09 PM] "),
        lambda text: _in_front(text, "06-05-2024, 07:08:09.123 "),
        lambda text: _in_front(text, "07:08:09.123: "),
        lambda text: _in_front(text, "<4>1 2024-05-06T07:08:09.123456+02:00 widget-1 kernel - - - "),
        lambda text: _in_front(text, "1 2024-05-06T07:08:09Z widget-1 kernel - - [meta seq=7] [   10.000001] "),
        lambda text: _in_front(text, "2024-05-06T07:08:09.123456789Z "),
    ],
)
def test_what_was_done_to_a_log_on_its_way(change: Callable[[str], str]) -> None:
    block = fatal(change(OOPS))
    assert (block.kind, block.panic_reason) == ("paging_request", "Fatal exception")
    assert (block.rip_symbol, block.rip_offset, block.rip_module) == ("widget_put", "+0x1d/0x30", "widget")
    assert (block.comm, block.pid, block.tainted) == ("widgetd", 77, "PWO")
    assert (block.kernel_release, block.call_trace) == ("2.6.32-7.el6.x86_64", ("widget_get",))


@pytest.mark.parametrize("words", ["divide error: 0000 [#1] SMP", "invalid opcode: 0000 [#1] SMP", "Call Trace:"])
def test_words_of_the_kernel_s_own_behind_a_date_are_no_host_and_program(words: str) -> None:
    message = parse_message(f"2024-05-06T07:08:09.123456789Z {words} ")
    assert message is not None
    assert message.text == words
    assert parse_message("2024-05-06T07:08:09.123456789Z widget-1 widgetd: BUG: of a program") is None


@pytest.mark.parametrize("time", ["07:08:09", "05/06/2024 07:08:09", "2024-05-06T07:08:09Z", "06.05.2024 07:08:09"])
def test_a_time_is_no_release(time: str) -> None:
    block = fatal(f"{time} kernel BUG at widget.c:7!\n{time} CPU: 1 PID: 77 Comm: widgetd Tainted: P\n{time} \n")
    assert (block.comm, block.tainted, block.kernel_release) == ("widgetd", "P", None)


def test_what_follows_frames_that_are_not_indented_is_no_frame() -> None:
    front = "Nov  3 10:11:12 widget-1 kernel: "
    block = fatal(
        f"{front}watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [widgetd:77]\n"
        f"{front}Call Trace:\n"
        f"{front}<IRQ>\n"
        f"{front}widget_watch+0x10/0x20\n"
        f"{front}widget_timer+0x30/0x40\n"
        f"{front}RIP: 0010:widget_spin+0x50/0x60\n"
    )
    assert (block.rip_symbol, block.call_trace) == ("widget_spin", ("widget_watch", "widget_timer"))


def test_i386_says_what_taints_the_kernel_behind_one_blank_too() -> None:
    block = fatal(
        "BUG: unable to handle kernel paging request at virtual address ffffd370\n"
        "EIP: 0060:[<c0123456>] Not tainted VLI\n"
        "EIP is at widget_put+0x1d/0x30\n"
    )
    assert (block.tainted, block.rip_symbol) == ("", "widget_put")
