"""The stack of the task that the kernel died in, row by row: out of the dump, or as the log prints it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from kdumpkit.analysis.crash_report import CrashReport
from kdumpkit.analysis.crashing_frame import arrival_of, crashing_number, only_reports
from kdumpkit.analysis.figures.missing import Missing
from kdumpkit.analysis.function_roles import is_shared
from kdumpkit.analysis.log.model import CrashBlock
from kdumpkit.analysis.places import normalise_symbol
from kdumpkit.analysis.sections import SectionError, blocked_tasks
from kdumpkit.analysis.sections.crashed_task import CrashedTask
from kdumpkit.analysis.sections.table import counted, seconds_text
from kdumpkit.analysis.stack import Frame

#: more rows are no picture
MOST_ROWS = 30
#: of a long stack: rows from its top, around the frame where it died, and down to where it began
_TOP, _ABOVE, _BELOW, _END = 4, 9, 12, 4


class Mark(StrEnum):
    """What is special about a row; the words are those of the picture."""

    NONE = ""
    DIED = "died here"
    STUCK = "stuck here"
    EXCEPTION = "exception"
    INTERRUPT = "interrupt"
    NMI = "NMI"
    PROGRAM = "program"


#: a task or a processor did not go on, and what watches for that let the kernel die
_STUCK_KINDS = frozenset({"hung_task", "soft_lockup", "hard_lockup", "rcu_stall", "workqueue_lockup"})
_HERE = (Mark.DIED, Mark.STUCK)


@dataclass(frozen=True)
class StackRow:
    """One frame, or several equal ones that follow each other."""

    #: of the stack; the innermost has 0
    number: int
    function: str
    #: None: the kernel itself, or no code of the kernel at all
    module: str | None
    #: ``file:line``; offset into the function where no symbols were used; "" where neither is known
    place: str
    #: compiled into the row below
    inline: bool
    #: false where the kernel only found the address lying on the stack
    reliable: bool
    mark: Mark
    #: so many equal frames
    times: int = 1
    #: frames between the row above and this one that are not shown
    left_out_before: int = 0


@dataclass(frozen=True)
class CallStack:
    """The stack, innermost first."""

    #: ``dump`` (read by drgn with symbols) or ``log`` (as the kernel printed it)
    source: str
    rows: tuple[StackRow, ...]
    #: all frames, those that are not shown among them
    frames: int
    #: what a picture of it shows
    words: str


def call_stack(crash: CrashBlock | None, report: CrashReport | None) -> CallStack | Missing:
    """The dump's stack; the log's where the dump's could not be read.

    Of a task that hung it is that task's stack, and not that of the thread that found it hanging.
    """
    hung = None if crash is None or report is None else _of_hung_task(crash, report)
    if hung is not None:
        return hung
    task = None if report is None else report.crashed_task
    if isinstance(task, CrashedTask) and any(frame.function for frame in task.frames):
        stuck = crash is not None and crash.kind in _STUCK_KINDS - {"hung_task"}
        rows = _dump_rows(task.frames, crashing_number(task.frames), Mark.STUCK if stuck else Mark.DIED)
        return _made("dump", rows, f"{task.command} (pid {task.pid}), on CPU {task.cpu}")
    if crash is not None and (crash.frames or crash.rip_symbol):
        return _of_log(crash)
    if crash is None:
        return Missing("no crash was read, so there is no stack")
    return Missing("neither the dump nor the log has a stack of the crashed task")


def _of_hung_task(crash: CrashBlock, report: CrashReport) -> CallStack | None:
    """The stack of the task that the log says hung, where the dump has it."""
    blocked = report.get(blocked_tasks.SECTION)
    if crash.kind != "hung_task" or isinstance(blocked, SectionError):
        return None
    for group in blocked.groups:
        task = next((task for task in group.tasks if task.pid == crash.pid), None)
        if task is not None and group.frames:
            waited = seconds_text(task.waited_s)
            who = f"{task.command} (pid {task.pid}), blocked" + (f" for {waited}" if waited else "")
            return _made("dump", _dump_rows(group.frames, _waiting(group.frames), Mark.STUCK), who)
    return None


def _dump_rows(frames: Sequence[Frame], here: int | None, mark: Mark) -> list[StackRow]:
    return [
        StackRow(
            number=number,
            function=frame.function or ("a program's own code" if frame.module is None else frame.address),
            module=None if frame.module == "kernel" else frame.module,
            place=f"{frame.source_file}:{frame.line}" if frame.source_file else "",
            inline=frame.inline,
            reliable=True,
            mark=mark if number == here else _mark(frame),
        )
        for number, frame in enumerate(frames)
    ]


def _waiting(frames: Sequence[Frame]) -> int | None:
    """The innermost frame that is not one of those that every sleep and every lock goes through."""
    return next((n for n, frame in enumerate(frames) if frame.function and not is_shared(_name(frame))), None)


def _name(frame: Frame) -> str:
    return normalise_symbol(frame.function or "")


def _of_log(crash: CrashBlock) -> CallStack:
    printed = [(_plain(frame.symbol, frame.module), frame.offset or "", frame.reliable) for frame in crash.frames]
    vouched = [number for number, (_, _, reliable) in enumerate(printed) if reliable]
    sure = [printed[number][0] for number in vouched]
    if crash.rip_symbol:
        # the processor's registers are printed apart from the trace, which goes on below the entry of the exception
        here = _after_entry(printed)
        again = here < len(printed) and printed[here][0].function == crash.rip_symbol
        printed[here : here + again] = [(_plain(crash.rip_symbol, crash.rip_module), crash.rip_offset or "", True)]
    else:
        found = _waiting(sure) if crash.kind in _STUCK_KINDS else crashing_number(sure)
        here = -1 if found is None else vouched[found]
    mark = Mark.STUCK if crash.kind in _STUCK_KINDS else Mark.DIED
    rows = [
        StackRow(
            number=number,
            function=frame.function or "",
            module=None if frame.module == "kernel" else frame.module,
            place=place,
            inline=False,
            reliable=reliable,
            mark=mark if number == here else _mark(frame),
        )
        for number, (frame, place, reliable) in enumerate(printed)
    ]
    on_cpu = "" if crash.cpu is None else f", on CPU {crash.cpu}"
    return _made("log", rows, f"{crash.comm} (pid {crash.pid}){on_cpu}" if crash.comm else "")


def _plain(symbol: str, module: str | None) -> Frame:
    return Frame(symbol, "", None, None, module or "kernel", inline=False, interrupted=False)


def _after_entry(printed: Sequence[tuple[Frame, str, bool]]) -> int:
    after = 0
    for number, (frame, _, reliable) in enumerate(printed):
        if not only_reports(frame):
            if reliable:
                break
        elif arrival_of(frame.function) is not None:
            after = number + 1
    return after


def _mark(frame: Frame) -> Mark:
    arrival = arrival_of(frame.function)
    if arrival is not None:
        return Mark[arrival.name]
    return Mark.PROGRAM if frame.function is None and frame.module is None else Mark.NONE


def _made(source: str, rows: list[StackRow], who: str) -> CallStack:
    words = "Stack" + (f" of {who}" if who else "")
    how = ", read from the dump with symbols" if source == "dump" else ", as the log prints it, without source lines"
    words += f"{how}: {counted(len(rows), 'frame')}, innermost first."
    here = next((row for row in rows if row.mark in _HERE), None)
    if here is not None:
        module = f" of the module {here.module}" if here.module else ""
        place = f" ({here.place})" if source == "dump" and here.place else ""
        words += f" It {'died' if here.mark is Mark.DIED else 'was stuck'} in {here.function}{module}{place}."
    guesses = sum(not row.reliable for row in rows)
    if guesses:
        words += f" {guesses} in grey, with a question mark: only an address on the stack, which may be stale."
    return CallStack(source, _fitting(_without_repetition(rows)), len(rows), words)


def _without_repetition(rows: list[StackRow]) -> list[StackRow]:
    """Equal frames that follow each other as one row; where it died stands alone."""
    kept: list[StackRow] = []
    for row in rows:
        before = kept[-1] if kept else None
        if (
            before is not None
            and row.mark not in _HERE
            and before.mark not in _HERE
            and (before.function, before.module, before.place, before.inline, before.reliable)
            == (row.function, row.module, row.place, row.inline, row.reliable)
        ):
            kept[-1] = replace(before, times=before.times + 1)
        else:
            kept.append(row)
    return kept


def _fitting(rows: list[StackRow]) -> tuple[StackRow, ...]:
    if len(rows) <= MOST_ROWS:
        return tuple(rows)
    here = next((number for number, row in enumerate(rows) if row.mark in _HERE), 0)
    near = range(max(0, here - _ABOVE), here + _BELOW + 1)
    shown = [n for n in range(len(rows)) if n < _TOP or n in near or n >= len(rows) - _END]
    kept, end = [], 0
    for number in shown:
        row = rows[number]
        kept.append(replace(row, left_out_before=row.number - end))
        end = row.number + row.times
    return tuple(kept)
