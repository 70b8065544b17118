"""One report while it is being read: lines go in, a ``CrashBlock`` comes out.

A field is filled once, by the first line that prints it: what comes later in a report is the stack of something that
was interrupted, another processor, or the same registers printed again by panic.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kdumpkit.analysis.log import xmon
from kdumpkit.analysis.log.frames import (
    COMMON_FRAME,
    Frame,
    Location,
    parse_frame,
    parse_location,
)
from kdumpkit.analysis.log.kinds.rule import Role
from kdumpkit.analysis.log.model import Severity
from kdumpkit.analysis.log.rows import Row
from kdumpkit.analysis.log.stall_stacks import StallStacks
from kdumpkit.analysis.log.task_header import (
    HEADER_FIELDS,
    NO_HEADER,
    TaskHeader,
    parse_eip_header,
    parse_lock_lines,
    parse_state,
    parse_task_header,
    says_kdump_loaded,
)
from kdumpkit.analysis.log.words import (
    HEADER_WORDS,
    NOTES,
    PROGRAM_COUNTERS,
    REGISTER_WORDS,
    STATE_WORDS,
    TRACE_ENDS,
    TRACE_WORDS,
)

FRAME_LIMIT = 512
#: reports that print the stack of the access behind their title, without a heading
_NO_HEADING = frozenset({"kfence", "kcsan", "kmsan"})
#: characters of the list of modules
MODULE_TEXT_LIMIT = 1 << 16
REGISTER_LIMIT = 96
#: of a line that is kept as printed
TEXT_LIMIT = 512


class Builder:
    """A report that is open."""

    def __init__(
        self, kind: str, severity: Severity, role: Role, title: str, line_number: int, time_s: float | None
    ) -> None:
        self.kind = kind
        self.severity = severity
        self.confirmed = role is not Role.MAYBE
        self.title = title[:TEXT_LIMIT]
        self.first_line = self.last_line = line_number
        self.time_s = time_s
        #: of the last line, as a number or as printed
        self.last_time: float | str | None = time_s
        self.caller: str | None = None
        self.boot = 0
        self.order = 0
        self.kept = False
        #: lines since the last that looked like part of the report
        self.gap_lines = 0
        #: the kernel said that this report, or its panic, is over: kexec started nothing out of it
        self.ended = False
        #: whether a capture kernel was loaded; None where the report does not say
        self.kdump_loaded: bool | None = None
        self.panicked = False
        self.panic_reason: str | None = None
        self.died = role is Role.DIE
        self.oops_number: int | None = None
        self.location: Location | None = None
        #: where a WARN says that it stands; used when no register line says
        self.place: Location | None = None
        self.header = NO_HEADER
        self.header_lines = 0
        #: what the first line says of processor and task; of a WARN, it is the same task as in the header
        self.cpu: int | None = None
        self.pid: int | None = None
        self.comm: str | None = None
        self.mce_cpus: set[int] = set()
        #: with the number of their first line; all become frames where the report is kept
        self.frames: list[tuple[Frame | re.Match[str] | Row, int]] = []
        self.frame_count = 0
        #: powerpc's debugger prints the report: the kernel's banner is part of it
        self.in_debugger = False
        self.tracing = False
        self.traced = False
        self.sealed = False
        self.others = StallStacks() if kind == "rcu_stall" else None
        self.hardware_name: str | None = None
        self.workqueue: str | None = None
        #: the list of modules as printed; split only where the report is kept
        self.module_texts: list[str] = []
        self.module_text_size = 0
        self.module_lines = False
        #: lines as printed, or rows of such
        self.registers: list[str | Row] = []
        self.register_count = 0
        self.fault_address: str | None = None
        self.bug_at: str | None = None
        self.line_numbers: dict[str, int] = {"kind": line_number}

    def take_registers(self, row: Row) -> None:
        """Take lines of registers and nothing else."""
        room = REGISTER_LIMIT - self.register_count
        if room > 0:
            self.registers.append(Row(row.lines[:room], row.column))
            self.register_count += len(row.lines)
        self.module_lines = False

    def _keep_registers(self, text: str) -> None:
        if self.register_count < REGISTER_LIMIT:
            self.registers.append(text[:TEXT_LIMIT])
            self.register_count += 1

    @property
    def has_stack(self) -> bool:
        return bool(self.frames) or self.location is not None

    def feed(self, text: str, line_number: int) -> bool:
        """Take one line; whether it looks like part of a report."""
        if self.others is not None and self.others.take(text):
            if self.frames:
                self._end_trace()
            self.tracing = False
            return True
        word = text.partition(" ")[0]
        take = _TAKEN_BY.get(word)
        if self.tracing:
            frame = (COMMON_FRAME.match(text) or parse_frame(text, line_number)) if take is None else None
            if frame is not None:
                self.take_frame(frame, line_number)
                return True
            if self.frames and self.kind in _NO_HEADING:
                # the stacks of other accesses, of who allocated and who freed
                self._end_trace()
        if take is None:
            return self._take_other(text, word, line_number)
        self.module_lines = False
        take(self, text, word, line_number)
        return True

    def _take_trace_end(self, text: str, word: str, line_number: int) -> None:
        if word == "Modules":
            self._take_module_list(text, word, line_number)
        elif word == "Showing":
            self._take_header(text, word, line_number)
        if self.tracing and self.frames:
            self._end_trace()
        if word in ("Allocated", "Freed") and self.traced:
            # whose memory it was: stacks of other tasks
            self.sealed = True

    def _take_other(self, text: str, word: str, line_number: int) -> bool:
        if self.tracing and text[:1] == "<":
            return True
        if self.kind == "mce" and "{" in text and (" RIP" in text or text[0] == "{") and not self.sealed:
            # print_mce(): "RIP !INEXACT! 10:<addr> {symbol+0x1/0x2}", on one line or two; 10 is the kernel's segment
            if " 10:" in text or text[0] == "{":
                self._take_location(parse_location(text), line_number)
            return True
        if self.module_lines and not self.sealed and not self.tracing:
            # the list goes on in the next line of print_modules(), or a mail program broke it
            names = text.split()
            if (
                names
                and all(name.replace("_", "").replace("-", "").split("(")[0].isalnum() for name in names[:3])
                and ":" not in text
            ):
                self._take_modules(text)
                return True
        self.module_lines = False
        # arm prints no task header behind these, so nothing else says whose report it is
        lock = parse_lock_lines(text) if self.kind == "warning" and not self.header_lines else None
        if self._fill_header(lock, line_number):
            return True
        if self.kind in _NO_HEADING and not (self.tracing or self.traced or self.sealed or self.frames):
            frame = parse_frame(text, line_number)
            if frame is not None:
                self.tracing = True
                self.take_frame(frame, line_number)
                return True
        if not self.tracing and not self.traced and not self.sealed and (" from " in text or text[:2] == "[<"):
            # arm prints the stack without a heading, and riscv does so behind the registers
            frame = parse_frame(text, line_number)
            if frame is not None and (" from " in text or (self.header_lines and self.location is not None)):
                self.tracing = True
                self.take_frame(frame, line_number)
                return True
        return False

    def take_frame(self, frame: Frame | re.Match[str], line_number: int) -> None:
        """Take a frame, or what ``COMMON_FRAME`` found, of the trace that is being printed."""
        if not self.frames:
            self.line_numbers["call_trace"] = line_number
        if self.frame_count < FRAME_LIMIT:
            self.frames.append((frame, line_number))
            self.frame_count += 1
        self.confirmed = True

    def take_frames(self, row: Row, line_number: int) -> None:
        """Take lines of the trace that is being printed; ``line_number`` is the first's."""
        if not self.frames:
            self.line_numbers["call_trace"] = line_number
        room = FRAME_LIMIT - self.frame_count
        if room > 0:
            self.frames.append((Row(row.lines[:room], row.column), line_number))
            self.frame_count += len(row.lines)
        self.confirmed = True

    def _begin_trace(self, text: str, word: str, line_number: int) -> None:
        if not text.lower().startswith(("call trace:", "backtrace:", "trace:", "stack trace:")):
            return
        if self.frames:
            # a second stack: of another task, or printed again by panic()
            self._end_trace()
            return
        if self.traced:
            return
        self.tracing = True
        self.confirmed = True
        rest = text.split(":", 1)[1].strip()
        frame = parse_frame(rest, line_number) if rest else None
        if frame is not None:
            self.take_frame(frame, line_number)

    def _end_trace(self) -> None:
        self.tracing = False
        self.traced = True
        if self.severity is Severity.HANG and self.kind == "hung_task":
            # what follows are other tasks and the stacks of all processors
            self.sealed = True

    def _take_program_counter(self, text: str, word: str, line_number: int) -> None:
        if self.location is None and self.kind != "hung_task":
            self._take_location(PROGRAM_COUNTERS[word](text), line_number)
        if word == "EIP:":
            self._fill_header(parse_eip_header(text), line_number)
        self._keep_registers(text)

    def _take_location(self, location: Location | None, line_number: int) -> None:
        if location is None or self.location is not None or self.kind == "hung_task":
            return
        self.location = location
        self.line_numbers["rip_symbol"] = line_number
        self.confirmed = True

    def _take_registers(self, text: str, word: str, line_number: int) -> None:
        self._keep_registers(text)
        if word == "CR2:" and self.fault_address is None and self.died and self.kind == "oops":
            self.fault_address = text.split()[1] if len(text.split()) > 1 else None
            self.line_numbers["fault_address"] = line_number
        elif word == "REGS:":
            self._take_state(text, word, line_number)
        elif word == "EFLAGS:":
            self._fill_header(parse_eip_header(text), line_number)

    def _take_failing(self, text: str, word: str, line_number: int) -> None:
        # s390: "Failing address: 0000000000000000 TEID: ..."
        if text.startswith("Failing address:") and self.fault_address is None:
            words = text[16:].split()
            if words:
                self.fault_address = words[0]
                self.line_numbers["fault_address"] = line_number

    def _take_header(self, text: str, word: str, line_number: int) -> None:
        header = parse_task_header(text)
        if header is None:
            return
        if header.pid is not None and text.startswith(("CPU:", "Pid:")):
            if self.frames and (self.header_lines or self.kind not in _NO_HEADING):
                # the header of the next stack: panic's own, or another processor's
                self._end_trace()
                self.sealed = True
                return
            self.header_lines += 1
            self.confirmed = True
            if self.kdump_loaded is None:
                self.kdump_loaded = says_kdump_loaded(text, header)
        known = self.header
        if known.pid is not None and header.pid is not None and known.pid != header.pid and text.startswith("CPU:"):
            return
        self._fill_header(header, line_number)

    def _take_state(self, text: str, word: str, line_number: int) -> None:
        state = parse_state(text)
        if state is None or state.release is None:
            return
        known = self.header
        if known.taint is None:
            self.line_numbers["tainted"] = line_number
        if known.release is None:
            self.line_numbers["kernel_release"] = line_number
        self.header = known.filled_from(state)

    def take_debugger_line(self, text: str, line_number: int) -> None:
        """Take a line of powerpc's debugger that names task or kernel."""
        if self.in_debugger:
            self._fill_header(xmon.parse_line(text), line_number)

    def _take_debugger_task(self, text: str, word: str, line_number: int) -> None:
        self.take_debugger_line(text, line_number)

    def _take_debugger_address(self, text: str, word: str, line_number: int) -> None:
        words = text.split()
        if self.in_debugger and self.fault_address is None and len(words) == 2:
            self.fault_address = words[1]
            self.line_numbers["fault_address"] = line_number

    def _take_debugger_prompt(self, text: str, word: str, line_number: int) -> None:
        if self.in_debugger and text.startswith("enter ? for help"):
            self.in_debugger, self.tracing = False, not self.traced

    def _fill_header(self, header: TaskHeader | None, line_number: int) -> bool:
        if header is None:
            return False
        known = self.header
        merged = header if known is NO_HEADER else known.filled_from(header)
        for field, value, before in zip(HEADER_FIELDS, merged, known, strict=True):
            if value is not None and before is None:
                self.line_numbers.setdefault(field, line_number)
        self.header = merged
        return True

    def _take_modules(self, text: str) -> None:
        if self.module_text_size < MODULE_TEXT_LIMIT:
            self.module_texts.append(text)
            self.module_text_size += len(text)

    def _take_hardware(self, text: str, word: str, line_number: int) -> None:
        if self.hardware_name is None and text.startswith("Hardware name:"):
            self.hardware_name = text[14:TEXT_LIMIT].strip()
            self.line_numbers["hardware_name"] = line_number

    def _take_workqueue(self, text: str, word: str, line_number: int) -> None:
        if self.workqueue is None:
            self.workqueue = text[10:TEXT_LIMIT].strip()

    def _take_module_list(self, text: str, word: str, line_number: int) -> None:
        if text.startswith("Modules linked in:"):
            self._take_modules(text[18:])
            self.module_lines = True

    def _take_note(self, text: str, word: str, line_number: int) -> None:
        # part of a report, and nothing in it that is kept
        return


_Take = Callable[[Builder, str, str, int], None]
#: by the first word of a line; later entries win
_TAKEN_BY: dict[str, _Take] = {
    **dict.fromkeys(NOTES, Builder._take_note),
    **dict.fromkeys(STATE_WORDS, Builder._take_state),
    **dict.fromkeys(HEADER_WORDS, Builder._take_header),
    **dict.fromkeys(TRACE_WORDS, Builder._begin_trace),
    **dict.fromkeys(REGISTER_WORDS, Builder._take_registers),
    **dict.fromkeys(PROGRAM_COUNTERS, Builder._take_program_counter),
    "Hardware": Builder._take_hardware,
    "Workqueue:": Builder._take_workqueue,
    "pid": Builder._take_debugger_task,
    "dar:": Builder._take_debugger_address,
    "enter": Builder._take_debugger_prompt,
    "Failing": Builder._take_failing,
    "Faulting": Builder._take_failing,
    **dict.fromkeys(TRACE_ENDS, Builder._take_trace_end),
}
