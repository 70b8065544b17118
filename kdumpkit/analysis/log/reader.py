"""The crash reports of a log, read in one pass.

Most of a log is no crash. Lines are looked at in chunks: a chunk in which no report is open and no message of a rule
occurs is only counted. Memory holds one chunk and a bounded number of reports; time is linear, since every pattern is
bounded and every line is cut at ``LINE_LIMIT``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from itertools import accumulate

from kdumpkit.analysis.log.builder import Builder
from kdumpkit.analysis.log.choose import choose_fatal, related
from kdumpkit.analysis.log.kinds import LITERALS, RULES, Role, Rule, faults, panics
from kdumpkit.analysis.log.model import CrashBlock, CrashLog, Severity
from kdumpkit.analysis.log.prefixes import LINE_LIMIT, Message, parse_message, split_glued

_CHUNK_BYTES = 1 << 16
#: a report is over after so many lines that do not look like part of one
_GAP_LINES = 100
#: and after so many lines in any case
_REPORT_LINES = 5000
#: reports open at the same time, one for each printk caller
_OPEN_LIMIT = 32
#: reports kept from the beginning and from the end of a log
_KEPT_FIRST = 128
_KEPT_LAST = 384
#: mail programs break lines between these columns
_BREAK_COLUMNS = (72, 80)

_BANNER = re.compile(r"^Linux version (?P<release>[\w.+~-]{1,120}) \(")
_CONTROL = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_DIE_START = re.compile(
    r"(?:[^\[\]]{1,160}: [0-9a-f]{4,16}(?: ilc:\d)?|Oops[^\[\]]{0,160}|Internal error[^\[\]]{0,160}|[^\[\]]{0,40}BUG) ?\[#\d"
)
_BREAKABLE = ("CPU:", "Pid:", "REGS:", "RIP", "Hardware name:", "pc :", "NIP ", "Krnl PSW")
_MODULE_ALONE = re.compile(r"\[[\w-]{1,63}\]\)?$")
_RELEASE_MISSING = re.compile(r"(?:CPU: \d|Pid: \d|REGS: ).*(?:Not tainted|Tainted: [A-Z ]+|Comm: \S+)[ -]*$")
_RULES_BY_LITERAL = tuple((tuple(lit.decode() for lit in rule.literals), rule) for rule in RULES)


def read_crash(lines: Iterable[bytes]) -> CrashLog:
    """All crash reports of a log, and the one that the kernel died of.

    Takes any bytes: nothing raises, what cannot be decoded is replaced. Lines may or may not end in a newline; the
    caller bounds their length while reading (``oops`` does).
    """
    reader = _Reader()
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line) + 1
        if size >= _CHUNK_BYTES:
            # the last line stays: whether it is broken shows in the next
            reader.take(chunk[:-1], chunk[-1])
            chunk = chunk[-1:]
            size = len(chunk[0]) + 1
    reader.take(chunk, None)
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self.line_number = 0
        self.boot = 0
        self.boot_count = 0
        self.order = 0
        self.open: dict[str | None, Builder] = {}
        self.gaps: dict[str | None, int] = {}
        self.first: list[Builder] = []
        self.last: deque[Builder] = deque(maxlen=_KEPT_LAST)
        self.release: dict[int, tuple[str, int]] = {}
        self.prefixed = False

    # --- chunks ---

    def take(self, lines: list[bytes], following: bytes | None) -> None:
        """Look at some lines; ``following`` is the line after them."""
        text = b"\n".join(lines)
        hits = _hits(text, lines)
        index, end, hit = 0, len(lines), 0
        while index < end:
            while hit < len(hits) and hits[hit] < index:
                hit += 1
            next_hit = hits[hit] if hit < len(hits) else end
            if not self.open:
                index = next_hit
                if index >= end:
                    break
            after = lines[index + 1] if index + 1 < end else following
            self._line(lines[index], after, self.line_number + index + 1, index == next_hit)
            index += 1
        self.line_number += end

    def _line(self, raw: bytes, after: bytes | None, number: int, candidate: bool) -> None:
        line = _decode(raw)
        message = parse_message(line)
        if message is None:
            return
        if message.prefixed:
            self.prefixed = True
        if candidate or (message.text.startswith(_BREAKABLE) and after is not None):
            message = self._unbroken(message, line, after, candidate)
        if candidate:
            for part in split_glued(message):
                self._message(part, number, True)
        elif message.text:
            self._message(message, number, False)

    def _unbroken(self, message: Message, line: str, after: bytes | None, candidate: bool) -> Message:
        # a mail program breaks a line where the next word would not have fitted, and the rest has no time stamp
        if after is None:
            return message
        rest = _decode(after)
        next_message = parse_message(rest) if len(rest) <= _BREAK_COLUMNS[1] else None
        if next_message is None or next_message.prefixed or not next_message.text:
            return message
        first_word = next_message.text.split(" ", 1)[0]
        length = len(line.rstrip("\r\n"))
        fits_not = (
            self.prefixed
            and message.prefixed
            and length <= _BREAK_COLUMNS[1]
            and length + 1 + len(first_word) > _BREAK_COLUMNS[0]
        )
        if (
            fits_not
            or _RELEASE_MISSING.match(message.text)
            or (not candidate and _MODULE_ALONE.match(next_message.text))
        ):
            # a break after a hyphen took no blank away
            glue = "" if message.text.endswith("-") and not message.text.endswith("--") and not candidate else " "
            return message._replace(text=f"{message.text}{glue}{next_message.text}")
        return message

    # --- messages ---

    def _message(self, message: Message, number: int, candidate: bool) -> None:
        text = message.text
        if candidate:
            if "Kernel panic - not syncing" in text and self._panic(message, number):
                return
            if text.startswith("Linux version "):
                self._boot(text, number)
                return
            for literals, rule in _RULES_BY_LITERAL:
                if any(literal in text for literal in literals):
                    match = rule.pattern.search(text)
                    if match is not None and (rule.role is not Role.DIE or _DIE_START.match(text)):
                        self._trigger(rule, match, message, number)
                        return
        builder = self._route(message.caller)
        if builder is None:
            return
        key = builder.caller
        if builder.feed(text, number):
            builder.last_line = number
            if message.time_s is not None:
                builder.last_time_s = message.time_s
            self.gaps[key] = 0
        else:
            self.gaps[key] = self.gaps.get(key, 0) + 1
        if (
            builder.sealed
            or text.startswith(("---[ end trace", "Rebooting in "))
            or self.gaps.get(key, 0) > _GAP_LINES
            or number - builder.first_line > _REPORT_LINES
        ):
            self._close(key)

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
            self.gaps[current.caller] = 0
            return
        if current is not None:
            self._close(current.caller)
        builder = Builder(rule.kind, rule.severity, rule.role, message.text, number, message.time_s)
        builder.take_groups(match.groupdict(), number)
        if rule.role is Role.DIE:
            _take_die(builder, message.text, rename=True)
        elif match.groupdict().get("null"):
            builder.kind = "null_deref"
        self._open(builder, message.caller)

    def _joins(self, current: Builder, rule: Rule, match: re.Match[str], message: Message, number: int) -> bool:
        """Whether the message is one more line of the report that is open."""
        fresh = not current.has_stack and not current.sealed
        if rule.role is Role.DIE:
            if current.severity is Severity.FATAL and not current.died and not current.panicked:
                _take_die(current, message.text, rename=False)
                return True
            return False
        if rule.role is Role.MAYBE:
            # never the end of a report that is going on
            return current.confirmed
        if current.kind == rule.kind and fresh and not current.header_lines:
            # MCEs of several banks, stalls of several processors, an assertion and its place
            current.confirmed = True
            if rule.kind not in ("warning", "kasan", "bug_on", "soft_lockup", "hung_task"):
                current.take_groups(match.groupdict(), number)
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
            current.take_groups(match.groupdict(), number)
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
            # the second print of a panic; of use only where the first is lost
            if any(builder.panicked and builder.boot == self.boot for builder in self._newest_first()):
                return True
        rule = panics.find_rule(reason)
        target = self._panicking(rule, message)
        if target is None:
            for key in [key for key in self.open if key == message.caller or message.caller is None]:
                self._close(key)
            target = Builder(rule.kind, Severity.FATAL, Role.OPEN, message.text, number, message.time_s)
            cpu = re.search(r"LOCKUP on cpu (\d{1,6})", reason)
            if cpu is not None:
                target.take_groups({"cpu": cpu[1]}, number)
            self._open(target, message.caller)
        if not target.panicked:
            target.panicked = True
            target.confirmed = True
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
            if builder.boot == self.boot and builder.confirmed and not builder.panicked and _ends(rule, builder)
        ]
        if not fitting:
            return None
        chosen = fitting[0]
        if message.caller is not None:
            chosen = next((builder for builder in fitting if builder.caller == message.caller), chosen)
        if chosen is not fitting[0] or not ({"die", "hung_task"} & rule.ends):
            return chosen
        # oopses upon oopses, tasks found hung in one pass: the first of the row
        for builder in fitting[1:]:
            if not related(builder, chosen):
                break
            chosen = builder
        return chosen

    def _boot(self, text: str, number: int) -> None:
        banner = _BANNER.match(text)
        if banner is None:
            return
        for key in list(self.open):
            self._close(key)
        self.boot_count += 1
        if self.line_number or self.first or number > 1:
            self.boot += 1
        self.release[self.boot] = (banner["release"], number)
        if len(self.release) > _KEPT_LAST:
            del self.release[next(iter(self.release))]

    # --- reports ---

    def _newest_first(self) -> list[Builder]:
        known = [*self.first[-8:], *list(self.last)[-24:], *self.open.values()]
        return sorted({builder.order: builder for builder in known}.values(), key=lambda builder: -builder.order)

    def _open(self, builder: Builder, caller: str | None) -> None:
        if not builder.order:
            self.order += 1
            builder.order = self.order
            builder.boot = self.boot
        builder.caller = caller
        if caller in self.open and self.open[caller] is not builder:
            self._close(caller)
        if len(self.open) >= _OPEN_LIMIT:
            self._close(next(iter(self.open)))
        self.open.pop(caller, None)
        self.open[caller] = builder
        self.gaps[caller] = 0

    def _close(self, key: str | None) -> None:
        builder = self.open.pop(key)
        self.gaps.pop(key, None)
        builder.tracing = False
        if not builder.confirmed:
            return
        if builder in self.first or builder in self.last:
            return
        if len(self.first) < _KEPT_FIRST:
            self.first.append(builder)
        else:
            self.last.append(builder)

    def finish(self) -> CrashLog:
        for key in list(self.open):
            self._close(key)
        reports = sorted([*self.first, *self.last], key=lambda builder: builder.order)
        chosen = choose_fatal(reports)
        blocks: list[CrashBlock] = []
        fatal: CrashBlock | None = None
        for report in reports:
            release, line = self.release.get(report.boot, (None, None))
            block = report.finish(release, line)
            blocks.append(block)
            if report is chosen:
                fatal = block
        return CrashLog(fatal, tuple(blocks), self.order, self.line_number, self.boot_count)


def _hits(text: bytes, lines: list[bytes]) -> list[int]:
    """The numbers of the lines that hold a rule's words, in order."""
    found: set[int] = set()
    ends: list[int] = []
    for literal in LITERALS:
        at = text.find(literal)
        while at >= 0:
            if not ends:
                ends = list(accumulate(len(line) + 1 for line in lines))
            index = bisect_right(ends, at)
            found.add(index)
            at = text.find(literal, ends[index])
    return sorted(found)


def _decode(raw: bytes) -> str:
    line = raw[:LINE_LIMIT].rstrip(b"\r\n").decode("utf-8", "replace")
    return line if line.isprintable() else _CONTROL.sub("", line)


def _take_die(builder: Builder, text: str, rename: bool) -> None:
    builder.died = True
    match = faults.DIE.search(text)
    if match is None:
        return
    builder.oops_number = int(match["count"])
    if rename:
        for pattern, kind in faults.DIE_KINDS:
            if pattern.search(match["text"]):
                builder.kind = kind
                break


def _ends(rule: panics.PanicRule, builder: Builder) -> bool:
    if builder.kind in rule.ends:
        return True
    if "die" in rule.ends and builder.severity is Severity.FATAL and (builder.died or builder.kind in _DYING):
        return True
    if "report" in rule.ends and builder.severity in (Severity.REPORT, Severity.HANG):
        return True
    return "init" in rule.ends and builder.severity is Severity.FATAL and (builder.header.pid == 1)


#: kinds that are followed by die(), even where its line is lost
_DYING = frozenset(
    {"null_deref", "paging_request", "gpf", "bug_on", "divide_error", "external_abort", "stack_overflow"}
)
