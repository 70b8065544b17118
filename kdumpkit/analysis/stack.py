"""Stack frames, of whichever task."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

#: a stack that is deeper than this has run away
_MOST_FRAMES = 200
#: top folders of the kernel's source: what stands before them is the folder of whoever built it
_TOP_FOLDERS = (
    "arch|block|certs|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|rust|samples|security|sound|virt"
)
_BUILD_FOLDER = re.compile(rf"^/.*?/(?=(?:{_TOP_FOLDERS}|debian|tools)/)")


@dataclass(frozen=True)
class Frame:
    """One frame. None for what is not known."""

    function: str | None
    #: in hex, as the kernel that died had it
    address: str
    #: within the kernel's source
    source_file: str | None
    line: int | None
    #: ``kernel``, or the module's name; None for a program's own code
    module: str | None
    #: compiled into the frame that follows
    inline: bool
    #: an interrupt or a fault came while this frame ran
    interrupted: bool


def read_frames(program: Any, trace: Any) -> tuple[Frame, ...]:
    """The frames of a drgn stack trace, innermost first."""
    return tuple(_read_frame(program, trace[number]) for number in range(min(len(trace), _MOST_FRAMES)))


def _read_frame(program: Any, frame: Any) -> Frame:
    source_file = line = module = None
    try:
        source = frame.source()
        source_file, line = source.filename or None, source.line or None
    except LookupError:
        pass
    try:
        module = program.module(frame.pc).name
    except LookupError:
        pass
    return Frame(
        function=frame.function_name or (_symbol_name(frame) if module else None),
        address=f"{frame.pc:#x}",
        source_file=None if source_file is None else without_build_folder(source_file),
        line=line,
        module=module,
        inline=frame.is_inline,
        interrupted=frame.interrupted,
    )


def _symbol_name(frame: Any) -> str | None:
    try:
        return str(frame.symbol().name)
    except LookupError:
        return None


def without_build_folder(filename: str) -> str:
    """A source file's name without the folder in which somebody once built that kernel.

    >>> without_build_folder("/build/reproducible-path/linux-6.1.192/arch/x86/entry/entry_64.S")
    'arch/x86/entry/entry_64.S'
    """
    short = _BUILD_FOLDER.sub("", filename)
    return short if not short.startswith("/") else short.rsplit("/", 1)[-1]
