"""Code addresses as the kernel prints them: ``symbol+0x1/0x2 [module]``, and lines of a call trace.

Source: kernel/kallsyms.c (sprint_symbol, sprint_backtrace_build_id), arch/x86/kernel/dumpstack.c
(printk_stack_address), arch/arm64/kernel/stacktrace.c, arch/arm/kernel/traps.c (dump_backtrace_entry),
arch/powerpc/kernel/process.c (show_stack), arch/s390/kernel/dumpstack.c (show_address).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from kdumpkit.analysis.log.rows import Row

# until 2.6.25 a module stood in front, between colons; klogd wrote it within brackets, in place of the address
_SYMBOL = r"(?:[:\[](?P<before>[A-Za-z_][\w-]{0,63}):)?"
_SYMBOL += r"(?P<symbol>[A-Za-z_.$][\w.$]{0,255})\+(?P<offset>0x[0-9a-fA-F]{1,16}/0x[0-9a-fA-F]{1,16})"
# a build id may follow the name (CONFIG_STACKTRACE_BUILD_ID), taint letters of the module may stick to it
_MODULE = r"(?: \[(?P<module>[A-Za-z_][\w-]{0,63})(?:\([A-Z+-]{1,8}\))?(?: [0-9a-f]{8,64})?\])?"
_ADDRESS = r"\[<?[0-9a-fA-Fx]{0,18}>?\]:?"

# only where a word begins: a search from every letter of a long word would take its square
LOCATION = re.compile(r"(?<![\w.$])" + _SYMBOL + r"\)?" + _MODULE)

_FRAME = re.compile(
    r"(?:<{1,2}/?[A-Z#][\w#/ -]{0,15}>{1,2}|<>)?\s{0,8}"
    r"\(?(?:" + _ADDRESS + r"\s{1,8}){0,2}(?:[0-9a-f]{16} |[0-9a-f]{8} )?"
    r"(?P<guess>\? )?(?:\()?" + _SYMBOL + r"\)?" + _MODULE + r"(?P<unreliable> \(unreliable\))?"
)
#: what most lines of a trace are: nothing but the place, until 4.9 with its address in front
COMMON_FRAME = re.compile(
    r"(?:\[<[0-9a-f]{8,16}>\] )?(\? )?([A-Za-z_.$][\w.$]{0,255})\+(0x[0-9a-f]{1,16}/0x[0-9a-f]{1,16})"
    r"(?: \[([A-Za-z_][\w-]{0,63})\])?$"
)
# arch/arm: "[<c0012345>] (foo) from [<c0012345>] (bar+0x1/0x2)", later "foo from bar+0x1/0x2"
_FROM = re.compile(
    r"(?:\[<[0-9a-f]{0,16}>\] ?)?\(?(?P<symbol>[A-Za-z_.$][\w.$]{0,255})(?:\+0x[0-9a-f/x]{1,24})?\)? "
    r"(?:\[[\w-]{1,63}\] )?from "
)
# scripts that add source lines after the crash: "foo fs/file.c:12 [inline]" is syzkaller's,
# "foo (fs/file.c:12 (discriminator 3)) module" that of scripts/decode_stacktrace.sh, which takes the offset away
_INLINED = re.compile(r"(?P<symbol>[A-Za-z_][\w.]{0,255}) \S{1,200}:\d{1,6} \[inline\]$")
_DECODED = re.compile(
    r"(?<![\w.$])(?P<guess>\? )?(?P<symbol>[A-Za-z_.$][\w.$]{0,255}) "
    r"\((?:[\w.+/-]{1,200}\.[chS]:(?:\d{1,7}|\?)(?: \(discriminator \d{1,4}\))?,? ?){1,8}\)"
    r"(?: \[?(?P<module>[A-Za-z_][\w-]{0,63})\]?(?=$| [0-9a-f]{8}))?"
)


class Location(NamedTuple):
    """A place in the kernel's code."""

    symbol: str
    #: ``+0x12/0x34``: offset into the function, and its size; None where not printed
    offset: str | None
    #: None for a place in the kernel image itself
    module: str | None


class Frame(NamedTuple):
    """One line of a call trace."""

    symbol: str
    #: as in ``Location``
    offset: str | None
    module: str | None
    #: false where the kernel marked it (``?``, ``(unreliable)``): the address lay on the stack, nothing more
    reliable: bool
    line_number: int


def _has_source(text: str) -> bool:
    return ".c:" in text or ".S:" in text or ".h:" in text


def common_frame(match: re.Match[str], line_number: int) -> Frame:
    """The frame that ``COMMON_FRAME`` found; made only where a report is kept."""
    guess, symbol, offset, module = match.groups()
    return Frame(symbol, "+" + offset, module, guess is None, line_number)


def settled_frames(taken: Iterable[tuple[Frame | re.Match[str] | Row, int]]) -> tuple[Frame, ...]:
    """The frames of what was taken for some: frames, what ``COMMON_FRAME`` found, or rows, with the first's number."""
    frames = []
    for entry, line_number in taken:
        if isinstance(entry, Frame):
            frames.append(entry)
        elif isinstance(entry, re.Match):
            frames.append(common_frame(entry, line_number))
        else:
            found = [parse_frame(text, number) for number, text in enumerate(entry.texts(), line_number)]
            frames.extend(frame for frame in found if frame is not None)
    return tuple(frames)


def parse_location(text: str) -> Location | None:
    """The first ``symbol+offset/size [module]`` in the text; None where there is none."""
    match = LOCATION.search(text) if "+0x" in text else None
    if match is not None:
        return Location(match["symbol"], "+" + match["offset"], match["module"] or match["before"])
    if _has_source(text):
        match = _DECODED.search(text)
        if match is not None:
            return Location(match["symbol"], None, match["module"])
    return None


def parse_frame(text: str, line_number: int) -> Frame | None:
    """The frame that a line of a call trace holds; None for any other line."""
    if "+0x" in text:
        match = _FRAME.match(text)
        if match is not None:
            # s390 sets what it took from a register instead of the back chain in parentheses: no guess from the stack
            guess, before, symbol, offset, module, unreliable = match.groups()
            return Frame(symbol, "+" + offset, module or before, guess is None and unreliable is None, line_number)
    if " from " in text:
        match = _FROM.match(text)
        if match is not None:
            return Frame(match["symbol"], None, None, True, line_number)
    if _has_source(text):
        match = _DECODED.match(text)
        if match is not None:
            return Frame(match["symbol"], None, match["module"], match["guess"] is None, line_number)
    if text.endswith("[inline]"):
        match = _INLINED.match(text)
        if match is not None:
            return Frame(match["symbol"], None, None, True, line_number)
    return None


def parse_address(printed: str | None) -> int | None:
    """The number of a printed address; ``(null)`` is 0, a hidden or absent one None."""
    if printed is None:
        return None
    if printed == "(null)":
        return 0
    try:
        return int(printed, 16)
    except ValueError:
        return None
