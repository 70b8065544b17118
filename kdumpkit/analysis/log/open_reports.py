"""The reports that are open while a log is read: which message begins, continues or ends one.

Lines of several processors mix on a console. Where the kernel prints callers (``[T123]``, ``[C3]``), each caller has a
report of its own; lockups and stalls also take the lines of the processors whose stacks they ask for.
"""

from __future__ import annotations

import re
from collections import deque

from kdumpkit.analysis.log.boots import Boots
from kdumpkit.analysis.log.builder import Builder
from kdumpkit.analysis.log.choose import choose_capture_death, choose_fatal, related
from kdumpkit.analysis.log.finish import finish_report
from kdumpkit.analysis.log.first_line import take_die, take_groups
from kdumpkit.analysis.log.kinds import Role, Rule, panics, rules_for
from kdumpkit.analysis.log.model import CrashBlock, Severity
from kdumpkit.analysis.log.prefixes import Message

#: a report is over after so many lines that do not look like part of one
_GAP_LINES = 100
#: a message that is a report only if a stack follows: it must follow within so many lines
_UNSURE_LINES = 12
#: a report is over after so many lines in any case
_REPORT_LINES = 5000
#: reports open at the same time, one for each printk caller
_OPEN_LIMIT = 32
#: reports kept from the beginning and from the end of a log
_KEPT_FIRST = 128
_KEPT_LAST = 384

_DIE_START = re.compile(
    r"(?:[^\[\]]{1,160}: [0-9a-f]{4,16}(?: ilc:\d)?|Oops[^\[\]]{0,160}|"
    r"Internal error[^\[\]]{0,160}|[^\[\]]{0,40}BUG) ?\[#\d|[a-zA-Z][a-zA-Z0-9 ]{2,40}: [0-9a-f]{4} \[\d|"
    r"cpu 0x[0-9a-f]{1,4}: Vector: "
)
END_OF_REPORT = "---[ end trace"
#: x86's die() said once more where it was, until 4.13, and no other report does
DIE_TAILS = ("RIP [<", "RIP  [<", "EIP: [<")
_ENDS = (END_OF_REPORT, "Rebooting in ")
#: "CPU1: stopping": the header and the stack below it are those of a processor that panic() stopped
_OTHER_STOPS = ": stopping"
#: kinds that are followed by die(), even where its line is lost
_DYING = frozenset(
    {"null_deref", "paging_request", "gpf", "bug_on", "divide_error", "external_abort", "stack_overflow", "oops"}
)


class OpenReports:
    """Takes messages in the order of the log."""

    def __init__(self) -> None:
        self.boots = Boots()
        #: number of reports so far
        self.order = 0
        self.open: dict[str | None, Builder] = {}
        #: the report that is open, where there is just one
        self.sole: Builder | None = None
        self.first: list[Builder] = []
        self.last: deque[Builder] = deque(maxlen=_KEPT_LAST)

    # --- messages ---

    def took_row(self, builder: Builder, last_line: int, stamp: str | None) -> None:
        """Note that an open report took a row of lines; ``stamp`` is the last one's."""
        builder.last_line, builder.last_time, builder.gap_lines = last_line, stamp, 0
        if last_line - builder.first_line > _REPORT_LINES:
            self._close(builder.caller)

    def take(self, message: Message, number: int) -> None:
        """Take a message whose line holds the words of a rule."""
        text = message.text
        if text.startswith('PANIC: "'):
            # the crash utility's summary, pasted above the log
            return
        if text.startswith("Linux version "):
            if self.sole is not None and self.sole.in_debugger:
                self.sole.take_debugger_line(text, number)
            elif self.boots.take_banner(text, message.time_s, number):
                self._close_all()
            return
        self._take_time(message.time_s, number)
        if text.startswith(END_OF_REPORT) and not (self.order or self.open):
            # the beginning is lost, as of the last part that pstore kept; x86 prints the registers once more
            headless = Builder("oops", Severity.FATAL, Role.MAYBE, text, number, message.time_s)
            # the line of another oops below is none of this one's
            headless.died = True
            self._open(headless, message.caller)
            return
        if text.startswith(DIE_TAILS) and not (self.order or self.open):
            self._open(Builder("oops", Severity.FATAL, Role.DIE, text, number, message.time_s), message.caller)
        if "Kernel panic - not syncing" in text and self._panic(message, number):
            return
        self.boots.take_words(text)
        for rule in rules_for(text):
            match = rule.pattern.search(text)
            if match is not None and (rule.role is not Role.DIE or _DIE_START.match(text)):
                self._trigger(rule, match, message, number)
                return
        self.feed(text, message.time_s, message.caller, number)

    def feed(self, text: str, time_s: float | str | None, caller: str | None, number: int) -> None:
        """Take any other message: one more line of an open report, or nothing."""
        builder = self.open.get(caller) or self._route(caller)
        if builder is None:
            return
        if builder.feed(text, number):
            builder.last_line = number
            builder.gap_lines = 0
            builder.last_time = time_s
            if not builder.sealed and text[0] not in "-R":
                return
        else:
            builder.gap_lines += 1
            if self._take_time(None if time_s is None else float(time_s), number):
                return
        if (
            builder.sealed
            or builder.gap_lines > (_GAP_LINES if builder.confirmed else _UNSURE_LINES)
            or number - builder.first_line > _REPORT_LINES
            or text.startswith(_ENDS)
            or text.endswith(_OTHER_STOPS)
        ):
            builder.ended = builder.ended or text.startswith(_ENDS)
            self._close(builder.caller)

    def _take_time(self, time_s: float | None, number: int) -> bool:
        """Close all reports where the stamp is that of another kernel; whether it is."""
        if time_s is None:
            return False
        seen_s: float | None = None
        for builder in self.open.values():
            if builder.last_time is not None and (seen_s is None or float(builder.last_time) > seen_s):
                seen_s = float(builder.last_time)
        if not self.boots.take_time(time_s, seen_s, number):
            return False
        self._close_all()
        return True

    def _route(self, caller: str | None) -> Builder | None:
        found = self.open.get(caller)
        if found is not None or not self.open:
            return found
        newest = next(reversed(self.open.values()))
        if caller is None or newest.caller is None:
            return newest
        # lockups and stalls print the stacks of other processors, which have callers of their own
        return newest if newest.severity is Severity.HANG else None

    def _trigger(self, rule: Rule, match: re.Match[str], message: Message, number: int) -> None:
        current = self.open.get(message.caller) or (self._route(message.caller) if message.caller is None else None)
        if current is not None and self._joins(current, rule, match, message, number):
            current.last_line = number
            current.gap_lines = 0
            return
        if current is not None:
            self._close(current.caller)
        builder = Builder(rule.kind, rule.severity, rule.role, message.text, number, message.time_s)
        groups = match.groupdict()
        take_groups(builder, groups, number)
        if rule.role is Role.DIE:
            take_die(builder, message.text, rename=True)
        elif groups.get("null"):
            builder.kind = "null_deref"
        self._open(builder, message.caller)

    def _joins(self, current: Builder, rule: Rule, match: re.Match[str], message: Message, number: int) -> bool:
        """Whether the message is one more line of the report that is open."""
        fresh = not current.has_stack and not current.sealed
        if rule.role is Role.DIE:
            if current.severity is Severity.FATAL and not current.died and not current.panicked:
                take_die(current, message.text, rename=False)
                take_groups(current, match.groupdict(), number)
                return True
            return False
        if rule.role is Role.MAYBE:
            # never the end of a report that is going on
            return current.confirmed
        if current.kind == rule.kind and fresh and not current.header_lines:
            # MCEs of several banks, stalls of several processors, an assertion and its place
            current.confirmed = True
            if rule.kind == "kasan" and number == current.last_line + 1:
                # with inlined functions named, the title is printed once for each
                return True
            if rule.kind not in ("warning", "kasan", "bug_on", "soft_lockup", "hung_task"):
                take_groups(current, match.groupdict(), number)
                return True
            return False
        if current.kind == "sysrq" and not current.died and rule.kind == "null_deref":
            # until 4.20 the trigger wrote to address 0
            return True
        if (
            current.kind == "warning"
            and fresh
            and rule.kind in ("hard_lockup", "soft_lockup")
            and not current.header_lines
        ):
            # WARN(1, "Watchdog detected hard LOCKUP on cpu %d", ...) until 4.x
            current.kind, current.severity, current.place = rule.kind, rule.severity, None
            take_groups(current, match.groupdict(), number)
            return True
        # a warning out of the code that prints the report
        return rule.kind == "warning" and (
            (current.severity is Severity.HANG and fresh) or (current.tracing and "kernel stack" in message.text)
        )

    def _panic(self, message: Message, number: int) -> bool:
        end = panics.PANIC_END.search(message.text)
        match = end or panics.PANIC.search(message.text)
        if match is None:
            return False
        reason = match["reason"].strip()
        if end is not None:
            ended = next((r for r in self._newest_first() if r.panicked and r.boot == self.boots.number), None)
            if ended is not None:
                # the second print of a panic; of use only where the first is lost
                ended.ended = True
                return True
        rule = panics.find_rule(reason)
        target = self._panicking(rule, message)
        if target is None:
            for key in [key for key in self.open if key == message.caller or message.caller is None]:
                self._close(key)
            target = Builder(rule.kind, Severity.FATAL, Role.OPEN, message.text, number, message.time_s)
            cpu = re.search(r"LOCKUP on cpu (\d{1,6})", reason)
            if cpu is not None:
                take_groups(target, {"cpu": cpu[1]}, number)
            self._open(target, message.caller)
        if not target.panicked:
            target.panicked = True
            target.confirmed = True
            target.ended = end is not None
            target.panic_reason = reason
            target.line_numbers["panic_reason"] = number
        target.last_line = number
        if target.frames:
            if self.open.get(target.caller) is target:
                self._close(target.caller)
        elif self.open.get(target.caller) is not target:
            self._open(target, message.caller)
        return True

    def _panicking(self, rule: panics.PanicRule, message: Message) -> Builder | None:
        """The report that such a panic ends: the newest that fits, of the same printk caller where that is known."""
        fitting = [
            builder
            for builder in self._newest_first()
            if builder.boot == self.boots.number and builder.confirmed and not builder.panicked and _ends(rule, builder)
        ]
        if not fitting:
            return None
        fitting = [builder for builder in fitting if builder.caller == message.caller] or fitting
        chosen = fitting[0]
        if not ({"die", "hung_task"} & rule.ends):
            return chosen
        # oopses upon oopses, tasks found hung in one pass: the first of the row
        for builder in fitting[1:]:
            if not related(builder, chosen):
                break
            chosen = builder
        return chosen

    # --- reports ---

    def _newest_first(self) -> list[Builder]:
        known = [*self.first[-8:], *list(self.last)[-24:], *self.open.values()]
        return sorted({builder.order: builder for builder in known}.values(), key=lambda builder: -builder.order)

    def _open(self, builder: Builder, caller: str | None) -> None:
        if not builder.order:
            self.order += 1
            builder.order = self.order
            builder.boot = self.boots.number
        builder.caller = caller
        if caller in self.open and self.open[caller] is not builder:
            self._close(caller)
        if len(self.open) >= _OPEN_LIMIT:
            self._close(next(iter(self.open)))
        self.open.pop(caller, None)
        self.open[caller] = builder
        self.sole = builder if len(self.open) == 1 else None
        builder.gap_lines = 0

    def _close_all(self) -> None:
        for key in list(self.open):
            self._close(key)

    def _close(self, key: str | None) -> None:
        builder = self.open.pop(key)
        self.sole = next(iter(self.open.values())) if len(self.open) == 1 else None
        builder.tracing = False
        if not builder.confirmed:
            return
        if builder.kept:
            return
        builder.kept = True
        if len(self.first) < _KEPT_FIRST:
            self.first.append(builder)
        else:
            self.last.append(builder)

    def finish(self) -> tuple[CrashBlock | None, CrashBlock | None, tuple[CrashBlock, ...]]:
        """The report of the crash, that of the capture kernel's own death after it, and all that were kept."""
        self._close_all()
        reports = sorted([*self.first, *self.last], key=lambda builder: builder.order)
        self.boots.settle(reports)
        captures = self.boots.capture
        chosen = choose_fatal([report for report in reports if report.boot not in captures] or reports)
        in_capture = choose_capture_death(reports, chosen, captures)
        blocks: dict[int, CrashBlock] = {}
        for report in reports:
            release, line = self.boots.release.get(report.boot, (None, None))
            blocks[report.order] = finish_report(report, release, line)
        fatal = None if chosen is None else blocks[chosen.order]
        return fatal, None if in_capture is None else blocks[in_capture.order], tuple(blocks.values())


def _ends(rule: panics.PanicRule, builder: Builder) -> bool:
    if builder.kind in rule.ends:
        return True
    if "die" in rule.ends and builder.severity is Severity.FATAL and (builder.died or builder.kind in _DYING):
        return True
    if "report" in rule.ends and builder.severity in (Severity.REPORT, Severity.HANG):
        return True
    return "init" in rule.ends and builder.severity is Severity.FATAL and (builder.header.pid == 1)
