"""Logs as web pages, pagers and terminal programs hand them on: blanks changed, numbers and times in front."""

from __future__ import annotations

from .crashes import fatal


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
