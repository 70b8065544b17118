"""The crash reports of a log, read in one pass.

Most of a log is no crash. Lines are looked at in chunks: a chunk in which no report is open and no message of a rule
occurs is only counted. Memory holds one chunk and a bounded number of reports; time is linear, since every pattern is
bounded and every line is cut at ``LINE_LIMIT``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kdumpkit.analysis.log import unwrap
from kdumpkit.analysis.log.builder import Builder
from kdumpkit.analysis.log.candidates import find_candidates, find_first_candidates
from kdumpkit.analysis.log.frames import COMMON_FRAME
from kdumpkit.analysis.log.model import CrashLog
from kdumpkit.analysis.log.open_reports import OpenReports
from kdumpkit.analysis.log.prefixes import (
    COMMON_PREFIX,
    COMMON_PREFIXES,
    LINE_LIMIT,
    Message,
    is_plain,
    parse_message,
    split_glued,
)
from kdumpkit.analysis.log.rejoin import BREAKABLE, BREAKABLE_BEGIN, rejoined
from kdumpkit.analysis.log.rows import PLAIN_REGISTERS, Row, end_of_frames, end_of_registers

_CHUNK_BYTES = 1 << 16

_CONTROL = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
#: U+00A0, which web pages and mails hold in place of every second blank
_NO_BREAK = b"\xc2\xa0"
#: a carriage return in the signs that rsyslog and ``cat -v`` write for it
_RETURN_SIGNS = ("#015", "^M")
#: bytes that need no care: all but control characters
_HARMLESS = bytes(byte for byte in range(256) if byte >= 32 and byte != 127) + b"\t\n"


def read_crash(lines: Iterable[bytes]) -> CrashLog:
    """All crash reports of a log, and the one that the kernel died of.

    Takes any bytes: nothing raises, what cannot be decoded is replaced. Lines may or may not end in a newline.
    """
    return read_crash_blocks(_joined_lines(lines))


def read_crash_blocks(blocks: Iterable[bytes]) -> CrashLog:
    """The same from the bytes of a file, cut anywhere; only as much as one block and two lines is held."""
    reader = _Reader()
    rest = b""
    for block in unwrap.unwrapped(blocks):
        data = rest + block if rest else block
        # one byte is looked for faster than two
        if _NO_BREAK[:1] in data and _NO_BREAK in data:
            data = data.replace(_NO_BREAK, b" ")
        last = data.rfind(b"\n")
        # the last two whole lines stay: whether a line is broken shows in the next, and again in the one after that
        before = data.rfind(b"\n", 0, max(last, 0))
        first = data.rfind(b"\n", 0, max(before, 0))
        if first < 0:
            rest = _cut_short(data, last)
            continue
        reader.take(data[: first + 1], (data[first + 1 : before], data[before + 1 : last]))
        rest = _cut_short(data[first + 1 :], last - first - 1)
    lines = rest.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for index, line in enumerate(lines):
        reader.take(line + b"\n", tuple(lines[index + 1 :]))
    return reader.finish()


def _cut_short(rest: bytes, newline: int) -> bytes:
    """A beginning of a line, shortened where it is longer than any that is read; ``newline``: end of a line before."""
    start = newline + 1
    if len(rest) - start <= 2 * LINE_LIMIT:
        return rest
    return rest[: start + 2 * LINE_LIMIT]


def _joined_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        whole = line.rstrip(b"\n")
        chunk.append(whole.replace(b"\n", b" ") if b"\n" in whole else whole)
        size += len(whole) + 1
        if size >= _CHUNK_BYTES:
            chunk.append(b"")
            yield b"\n".join(chunk)
            chunk = []
            size = 0
    if chunk:
        chunk.append(b"")
        yield b"\n".join(chunk)


class _Reader:
    def __init__(self) -> None:
        self.line_number = 0
        #: whether lines of this log have prefixes, so that one without is no kernel's
        self.prefixed = False
        #: finds what stands in front of most lines of this log, whatever that is
        self.match_prefix = COMMON_PREFIX.match
        #: whether lines of this log end in a sign for a carriage return: all of them do, or none
        self.signed = False
        #: number of the last line that was read with the one before it
        self.joined = 0
        self.reports = OpenReports()

    def take(self, data: bytes, following: tuple[bytes, ...]) -> None:
        """Look at some whole lines; ``following`` are the next two."""
        hits = find_candidates(data) if self.reports.order else find_first_candidates(data)
        if hits or self.reports.open:
            count = self._take_lines(_decode_lines(data), hits, following)
        else:
            count = data.count(b"\n")
        self.line_number += count

    def _take_lines(self, texts: list[str], hits: list[int], following: tuple[bytes, ...]) -> int:
        reports = self.reports
        index, end, hit = 0, len(texts), 0
        texts += [decode_line(raw) for raw in following]
        if self.signed:
            texts = [without_return_sign(text) for text in texts]
        next_hit = hits[0] if hits else end
        before, joined = self.line_number, self.joined
        #: what was found of the next line's prefix
        ahead, ahead_index = None, 0
        while index < end:
            while next_hit < index:
                hit += 1
                next_hit = hits[hit] if hit < len(hits) else end
            if not reports.open:
                index = next_hit
                if index >= end:
                    break
            line = texts[index]
            index += 1
            number = before + index
            if number <= joined:
                continue
            candidate = index > next_hit
            if candidate and not self.signed and line.endswith(_RETURN_SIGNS):
                self.signed = True
                texts[index - 1 :] = [without_return_sign(text) for text in texts[index - 1 :]]
                line = texts[index - 1]
            match = ahead if ahead_index == index else self.match_prefix(line)
            if match is None:
                if candidate or not is_plain(line) or line.lstrip()[:3] in BREAKABLE_BEGIN:
                    joined = self._line(line, texts[index : index + 2], number, candidate)
                else:
                    reports.feed(line.strip(), None, None, number)
                continue
            stamp, caller = match.groups()
            text = line[match.end() :].strip()
            sole = reports.sole
            if candidate or text[:3] in BREAKABLE_BEGIN:
                ahead_index = index + 1
                ahead = self.match_prefix(texts[index]) if index < len(texts) else None
                if ahead is None:
                    joined = self._line(line, texts[index : index + 2], number, candidate)
                    continue
            elif (
                sole is not None
                and sole.caller == caller
                and not sole.sealed
                and (text[:4] in PLAIN_REGISTERS or (sole.tracing and "+0x" in text))
            ):
                row_end = self._take_row(sole, texts, index - 1, min(next_hit, end), match, text)
                if row_end:
                    index = row_end
                    continue
            # most lines of a report: the common prefix, and nothing that a mail program broke
            self.prefixed = True
            if "] " in text:
                self._take_message(_message(text, stamp, caller), number, candidate)
            elif candidate:
                reports.take(_message(text, stamp, caller), number)
            elif text:
                reports.feed(text, stamp, caller, number)
        return end

    def _take_row(
        self, builder: Builder, texts: list[str], start: int, end: int, match: re.Match[str], text: str
    ) -> int:
        """Take the lines from ``start`` on that are alike, if they are such; the index behind them, or 0."""
        column = texts[start].index(text, match.end())
        stamp_end = match.end(1) if match[1] is not None else match.end() - len("kernel: ")
        if text[:4] in PLAIN_REGISTERS:
            row = Row(texts[start : end_of_registers(texts, start, end, stamp_end, column)], column)
            if builder.others is not None or not row.lines:
                return 0
            builder.take_registers(row)
        elif COMMON_FRAME.match(text) is not None:
            row = Row(texts[start : end_of_frames(texts, start, end, stamp_end, column)], column)
            builder.take_frames(row, self.line_number + start + 1)
        else:
            return 0
        self.prefixed = True
        row_end = start + len(row.lines)
        last = self.match_prefix(row.lines[-1])
        self.reports.took_row(builder, self.line_number + row_end, match[1] if last is None else last[1])
        return row_end

    def _line(self, line: str, after: list[str], number: int, candidate: bool) -> int:
        """Take a line of any kind; the number of the last that was read with it."""
        message = parse_message(line)
        if message is None:
            return self.joined
        if message.prefixed:
            self.prefixed = True
            self._learn_prefix(line)
        if after and self.match_prefix(after[0]) is None and (candidate or message.text.startswith(BREAKABLE)):
            for index, rest in enumerate(after):
                whole = rejoined(message, line, rest, candidate=candidate, prefixed=self.prefixed)
                if whole is message:
                    break
                message, line = whole, rest
                self.joined = number + 1 + index
        self._take_message(message, number, candidate)
        return self.joined

    def _learn_prefix(self, line: str) -> None:
        for prefix in COMMON_PREFIXES:
            if prefix.match(line) is not None:
                self.match_prefix = prefix.match

    def _take_message(self, message: Message, number: int, candidate: bool) -> None:
        for part in split_glued(message):
            if candidate:
                self.reports.take(part, number)
            elif part.text:
                self.reports.feed(part.text, part.time_s, part.caller, number)

    def finish(self) -> CrashLog:
        fatal, in_capture, blocks = self.reports.finish()
        reports = self.reports
        return CrashLog(fatal, blocks, reports.order, self.line_number, reports.boots.count, in_capture)


def _message(text: str, stamp: str | None, caller: str | None) -> Message:
    return Message(text, None if stamp is None else float(stamp), caller, True)


def _decode_lines(data: bytes) -> list[str]:
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    # at once where no line needs a closer look, which is much faster
    if not data.translate(None, _HARMLESS):
        texts = data.decode("utf-8", "replace").split("\n")
        texts.pop()
        if max(map(len, texts), default=0) <= LINE_LIMIT:
            return texts
    lines = data.split(b"\n")
    lines.pop()
    return [decode_line(line) for line in lines]


def without_return_sign(line: str) -> str:
    """A line without the sign that rsyslog or ``cat -v`` wrote for the carriage return at its end."""
    for sign in _RETURN_SIGNS:
        line = line.removesuffix(sign)
    return line


def decode_line(raw: bytes) -> str:
    """One line as text, its end and control characters taken off, cut at the limit."""
    if len(raw) > LINE_LIMIT:
        raw = raw[:LINE_LIMIT]
    line = raw.rstrip(b"\r\n").decode("utf-8", "replace")
    return line if line.isprintable() else _CONTROL.sub("", line)
