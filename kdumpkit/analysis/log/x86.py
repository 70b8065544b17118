"""Where an x86 kernel says that it was: RIP, EIP and IP lines.

Source: arch/x86/kernel/dumpstack.c (show_ip, show_iret_regs), process_64.c (__show_regs), arch/x86/mm/fault.c
(show_fault_oops printed ``IP:`` until 4.19).
"""

from __future__ import annotations

import re

from kdumpkit.analysis.log.frames import Location, parse_location

#: code segments of user space: 64-bit, 32-bit compatible, 32-bit kernel, Xen paravirtual
_USER_SEGMENTS = frozenset({"0033", "33", "0023", "23", "0073", "e033", "e02b"})
_SEGMENT = re.compile(r"[RE]IP: ([0-9a-f]{2,8}):")
#: what most of them are since 4.10: the kernel's segment, and nothing behind the place
_COMMON = re.compile(
    r"RIP: 0010:([A-Za-z_.$][\w.$]{0,255})\+(0x[0-9a-f]{1,16}/0x[0-9a-f]{1,16})(?: \[([A-Za-z_][\w-]{0,63})\])?$"
)

FIRST_WORDS = frozenset({"RIP:", "RIP", "IP:", "EIP:", "EIP"})
REGISTER_WORDS = frozenset(
    {
        "RAX:",
        "RDX:",
        "RBP:",
        "RSP:",
        "R10:",
        "R13:",
        "FS:",
        "CS:",
        "DS:",
        "CR0:",
        "CR2:",
        "DR0:",
        "DR2:",
        "DR3:",
        "PKRU:",
    }
    | {"EAX:", "ESI:", "ORIG_RAX:", "EFLAGS:", "eax:", "esi:", "ds:"}
)


def parse_program_counter(text: str) -> Location | None:
    """Where the kernel was; None for an address without symbol, and for user space."""
    common = _COMMON.match(text)
    if common is not None:
        symbol, offset, module = common.groups()
        return Location(symbol, "+" + offset, module)
    segment = _SEGMENT.match(text)
    if segment is not None and segment[1] in _USER_SEGMENTS:
        return None
    return parse_location(text)
