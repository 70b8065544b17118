"""Reports of x86_64 before 2.6.25, as RHEL 5 prints them: the count of an oops has no number sign."""

from __future__ import annotations

import pytest

from kdumpkit.analysis.log import read_crash

from .crashes import fatal

REST = """\
last sysfs file: /devices/pci0000:00/0000:00:06.0/irq
CPU 1
Modules linked in: widget ext3 jbd
Pid: 77, comm: widgetd Tainted: P      2.6.18-7.el5 #1
RIP: 0010:[<ffffffff88123456>]  [<ffffffff88123456>] :widget:widget_put+0x1d/0x30
RSP: 0018:ffff81002ec6fd98  EFLAGS: 00010292
Process widgetd (pid: 77, threadinfo ffff81002ec6e000, task ffff810035224040)
Call Trace:
 [<ffffffff88123490>] :widget:widget_get+0x4d/0x90

 <0>Kernel panic - not syncing: Fatal exception
"""


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("general protection fault: 0000 [1] SMP", "gpf"),
        ("divide error: 0000 [1] SMP", "divide_error"),
        ("double fault: 0000 [1]", "stack_overflow"),
        ("stack segment: 0000 [2] SMP", "stack_segment"),
        ("invalid opcode: 0000 [1] SMP", "invalid_opcode"),
        ("Oops: 0002 [1] SMP", "oops"),
        ("Kernel BUG at drivers/widget/core.c:65\ninvalid opcode: 0000 [1] SMP", "bug_on"),
        (
            "Unable to handle kernel NULL pointer dereference at 0000000000000010 RIP: \nOops: 0002 [1] SMP",
            "null_deref",
        ),
    ],
)
def test_the_words_in_front_of_the_count(words: str, kind: str) -> None:
    block = fatal(f"{words}\n{REST}")
    assert (block.kind, block.panic_reason) == (kind, "Fatal exception")
    assert (block.rip_symbol, block.rip_module, block.call_trace) == ("widget_put", "widget", ("widget_get",))
    assert (block.comm, block.pid, block.cpu, block.tainted) == ("widgetd", 77, 1, "P")
    assert (block.kernel_release, block.oops_number) == ("2.6.18-7.el5", 2 if "[2]" in words else 1)


@pytest.mark.parametrize(
    "line",
    [
        "widgetd[77] general protection rip:400546 rsp:7fff2fb08610 error:0",
        "the general protection fault: 0000 [1] was seen before",
        "Oops: 0002 [a widget]",
        "Oops: widget [1]",
    ],
)
def test_other_lines_with_those_words_are_no_reports(line: str) -> None:
    assert read_crash([line.encode()]).fatal is None
