"""Stack frames, of whichever task."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

#: a stack that is deeper than this has run away
_MOST_FRAMES = 200
_MOST_VARIABLES = 40
_LONGEST_VALUE = 300
#: top folders of the kernel's source: what stands before them is the folder of whoever built it
_TOP_FOLDERS = (
    "arch|block|certs|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|rust|samples|security|sound|virt"
)
_BUILD_FOLDER = re.compile(rf"^/.*?/(?=(?:{_TOP_FOLDERS}|debian|tools)/)")


@dataclass(frozen=True)
class Variable:
    """An argument or a local variable of a frame."""

    name: str
    #: in C, such as ``struct file *``
    type: str
    #: in C; None: the compiler did not keep it to this point, or its bytes are not in the dump
    value: str | None
    #: false: a local variable; None: the function's own declaration was not found
    argument: bool | None


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
    #: empty also where nobody asked for them
    variables: tuple[Variable, ...] = ()


def read_frames(program: Any, trace: Any, with_variables: bool = False) -> tuple[Frame, ...]:
    """The frames of a drgn stack trace, innermost first."""
    numbers = range(min(len(trace), _MOST_FRAMES))
    return tuple(_read_frame(program, trace[number], with_variables) for number in numbers)


def _read_frame(program: Any, frame: Any, with_variables: bool) -> Frame:
    source_file = line = None
    try:
        source = frame.source()
        source_file, line = source.filename or None, source.line or None
    except LookupError:
        pass
    module = module_of(program, frame)
    return Frame(
        function=function_of(frame, module),
        address=f"{frame.pc:#x}",
        source_file=None if source_file is None else without_build_folder(source_file),
        line=line,
        module=module,
        inline=frame.is_inline,
        interrupted=frame.interrupted,
        variables=_read_variables(program, frame, source_file) if with_variables else (),
    )


def module_of(program: Any, frame: Any) -> str | None:
    """``kernel``, a module's name, or None for a program's own code."""
    try:
        return str(program.module(frame.pc).name)
    except LookupError:
        return None


def function_of(frame: Any, module: str | None = "") -> str | None:
    """The frame's function; None where it has no name, or where ``module`` says that it is a program's own code."""
    if frame.function_name:
        return str(frame.function_name)
    if module is None:
        return None
    try:
        return str(frame.symbol().name)
    except LookupError:
        return None


def _read_variables(program: Any, frame: Any, source_file: str | None) -> tuple[Variable, ...]:
    try:
        names = frame.locals()[:_MOST_VARIABLES]
    except Exception:  # drgn does not know every form of debug information; the frame is worth more
        return ()
    arguments = _argument_names(program, frame.function_name, source_file) if names else None
    found = []
    for name in names:
        argument = None if arguments is None else name in arguments
        try:
            value = frame[name]
            found.append(Variable(name, value.type_.type_name(), _value_text(value), argument))
        except Exception:  # a damaged pointer, or an expression that drgn does not know
            found.append(Variable(name, "", None, argument))
    return tuple(found)


def _argument_names(program: Any, function: str | None, source_file: str | None) -> set[str] | None:
    try:
        kind = program.function(function, source_file).type_
    except (LookupError, TypeError):
        return None
    return {parameter.name for parameter in kind.parameters}


def _value_text(value: Any) -> str | None:
    if value.absent_:
        return None
    type_name = value.type_.type_name()
    text = value.format_(
        columns=100_000,
        # what a plain char * points to may be anybody's data; constants are messages and names
        string=type_name.startswith("const char") or type_name.endswith("]"),
        dereference=False,
        type_name=False,
        member_type_names=False,
        element_type_names=False,
        members_same_line=True,
        elements_same_line=True,
        implicit_members=False,
        implicit_elements=False,
    )
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def frame_line(frame: Frame) -> str:
    """A frame for people, such as ``wait_mutex [kdkstuck] drivers/x.c:21``."""
    where = f" {frame.source_file}:{frame.line}" if frame.source_file else ""
    module = f" [{frame.module}]" if frame.module and frame.module != "kernel" else ""
    inline = " (inline)" if frame.inline else ""
    return f"{frame.function or frame.address}{inline}{module}{where}"


def without_build_folder(filename: str) -> str:
    """A source file's name without the folder in which somebody once built that kernel.

    >>> without_build_folder("/build/reproducible-path/linux-6.1.192/arch/x86/entry/entry_64.S")
    'arch/x86/entry/entry_64.S'
    """
    short = _BUILD_FOLDER.sub("", filename)
    return short if not short.startswith("/") else short.rsplit("/", 1)[-1]
