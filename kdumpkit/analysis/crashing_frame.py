"""Which frame of a stack the kernel died in, and where an exception or an interrupt came in.

A dump's stack begins where the registers were saved: after an oops that is the code that failed, after a panic it is
``crash_setup_regs`` or ``panic`` itself, with the exception's or the interrupt's way in between. So what reports is
passed over from the innermost frame on, and no further: an exception deeper on the stack is one that the kernel was
busy with before, such as the page fault of a program for which no memory was left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum

from kdumpkit.analysis.function_roles import is_entry, is_interrupt, is_reporting
from kdumpkit.analysis.places import normalise_symbol
from kdumpkit.analysis.stack import Frame

#: carries a panic out; who called the outermost of these decided on it
_PANIC = frozenset(
    """
    crash_setup_regs crash_kexec __crash_kexec machine_kexec native_machine_crash_shutdown panic vpanic nmi_panic
    """.split()
)
_EXCEPTION = re.compile(
    r"(?:asm_exc_\w+|(?:async_)?page_fault|general_protection|invalid_op|double_fault|divide_error|stack_segment"
    r"|segment_not_present|alignment_check|coprocessor_error|machine_check|f?red_entrypoint_kernel|asm_fred_\w+"
    r"|el1h?_(?:64_)?sync|el1_(?:da|ia|undef|dbg|sync)|(?:data|instruction)_access_\w+|program_check_\w+"
    r"|pgm_check_handler|handle_exception|__(?:dabt|pabt|und)_svc)\Z"
)
_INTERRUPT = re.compile(
    r"(?:asm_sysvec_\w+|asm_common_interrupt|(?:apic_timer|common|reschedule|call_function(?:_single)?|irq_work)"
    r"_interrupt|ret_from_intr|el1h?_(?:64_)?irq|hardware_interrupt_\w+|decrementer_common\w*|ext_int_handler"
    r"|__irq_svc)\Z"
)
_NMI = re.compile(r"(?:asm_exc_nmi|asm_nmi|nmi|end_repeat_nmi|el1h?_(?:64_)?fiq|system_reset_common)\Z")
#: an entry's own inlined body
_INLINED_ENTRY = re.compile(r"instr_\w+\Z")


class Arrival(StrEnum):
    """What came in at a frame."""

    EXCEPTION = "exception"
    INTERRUPT = "interrupt"
    NMI = "NMI"


def arrival_of(function: str | None) -> Arrival | None:
    """What comes into the kernel by this function; None where it is no such way in, or a system call.

    >>> arrival_of("asm_exc_page_fault"), arrival_of("asm_exc_nmi"), arrival_of("entry_SYSCALL_64")
    (<Arrival.EXCEPTION: 'exception'>, <Arrival.NMI: 'NMI'>, None)
    """
    if not function:
        return None
    name = normalise_symbol(function)
    for pattern, arrival in ((_NMI, Arrival.NMI), (_EXCEPTION, Arrival.EXCEPTION), (_INTERRUPT, Arrival.INTERRUPT)):
        if pattern.match(name):
            return arrival
    return None


def crashing_number(frames: Sequence[Frame]) -> int | None:
    """Which of the frames, innermost first, the kernel died in; None where there is none.

    After an exception entry it is what the exception came upon. Where nothing but what reports stands above a thread's
    own first function, it is what called ``panic``: a watcher found something, and let the kernel die of it. A function
    that the compiler took from a header (``cpu_relax``) is passed over for the one that it was put into.
    """
    if not frames:
        return None
    number = _first(frames, lambda frame: not only_reports(frame))
    if number is None or _is_root(frames, number):
        number = _first(frames, lambda frame: frame.function not in _PANIC)
        return _last_named(frames) if number is None or _is_root(frames, number) else number
    while number + 1 < len(frames) and _is_header_inline(frames[number]) and frames[number + 1].function:
        number += 1
    return number


def crashing_frame(frames: Sequence[Frame]) -> Frame | None:
    """The frame of :func:`crashing_number`; None where there is none."""
    number = crashing_number(frames)
    return None if number is None else frames[number]


def only_reports(frame: Frame) -> bool:
    """Whether a frame belongs to a report's printing, or to the way in of what it reports."""
    if not frame.function:
        return False
    name = normalise_symbol(frame.function)
    if is_entry(name):
        return False
    return is_reporting(name) or is_interrupt(name) or (frame.inline and _INLINED_ENTRY.match(name) is not None)


def _first(frames: Sequence[Frame], fits: Callable[[Frame], bool]) -> int | None:
    return next((number for number, frame in enumerate(frames) if fits(frame)), None)


def _last_named(frames: Sequence[Frame]) -> int:
    return max((number for number, frame in enumerate(frames) if frame.function), default=0)


def _is_root(frames: Sequence[Frame], number: int) -> bool:
    """Whether a thread's own first function, a system call's way in, or a program's code begins here."""
    frame = frames[number]
    if frame.function:
        return is_entry(normalise_symbol(frame.function))
    # a jump into nowhere has no name either, but the kernel's own frames stand below it
    return frame.module is None and not any(below.function for below in frames[number + 1 :])


def _is_header_inline(frame: Frame) -> bool:
    return frame.inline and (frame.source_file or "").endswith(".h")
