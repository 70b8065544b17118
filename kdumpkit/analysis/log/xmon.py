"""What powerpc's kernel debugger prints when a fault leads into it, in place of registers and stack.

::

    cpu 0x3: Vector: 300 (Data Access) at [c0000000012f78d0]
        pc: c00000000000fcb4: widget_put+0x64/0x84 [widget]
        lr: c00000000000fccc: widget_drop+0x7c/0x84 [widget]
       dar: c00a0000be8d6004
        pid   = 77, comm = widgetd
    Linux version 6.1.0 (builder@host) ...
    enter ? for help
    [c0000000012f7b70] c00000000000fd50 widget_close+0x7c/0x90 [widget] (unreliable)

Source: arch/powerpc/xmon/xmon.c (excprint, xmon_show_stack); the kernel's banner is part of it since 4.6.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.log.frames import Location, parse_location
from kdumpkit.analysis.log.task_header import TaskHeader

#: the line that says which processor came into the debugger, and by which vector
ENTRY = r"^cpu 0x(?P<cpu_hex>[0-9a-f]{1,4}): Vector: "
FIRST_WORDS = frozenset({"pc:"})
REGISTER_WORDS = frozenset({"lr:", "sp:", "msr:", "dsisr:", "current", "paca"})
_TASK = re.compile(r"pid {1,8}= (?P<pid>\d{1,10}), comm = (?P<comm>.{1,64})$")
_BANNER = re.compile(r"Linux version (?P<release>\S{1,120}) \(")


def parse_program_counter(text: str) -> Location | None:
    """Where the kernel was; None for an address without symbol."""
    return parse_location(text)


def parse_line(text: str) -> TaskHeader | None:
    """Task or kernel release, as the debugger names them; None for any other line."""
    match = _TASK.match(text)
    if match is not None:
        return TaskHeader(pid=int(match["pid"]), comm=match["comm"])
    match = _BANNER.match(text)
    return None if match is None else TaskHeader(release=match["release"])
