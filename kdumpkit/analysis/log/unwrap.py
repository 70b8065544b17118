"""Lines that a mail program broke, put together again before anything is looked for in them.

A syslog line with an ISO date, a host and the kernel's stamp has 65 characters before the message begins: wrapped at 72
columns, the words of a rule are on the next line, or on two lines. The rest of a broken line has no prefix of its own
and begins with a word that would not have fitted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kdumpkit.analysis.log.prefixes import LINE_LIMIT, SECONDS, TIME_OF_DAY

#: only the beginning of a log is looked at: what a person pasted into a mail is short, and a whole log costs nothing
LINES = 20_000
#: mail programs break lines between these columns
BREAK_COLUMNS = (72, 80)
#: a blank at the end marks a soft break, and counts
_FLOWED_COLUMN = 70

#: so many lines that end so, with a rest behind them, tell of quoted-printable
_SOFT_BREAKS = 2
_SOFT_BREAK = re.compile(rb"[^\n]{55,75}[^\n=]=\r?$")
#: an escaped end of a line is left: the number of lines stays
_ENCODED = re.compile(rb"=(?!0[AD])([0-9A-F]{2})")
_ESCAPES = ((b"&lt;", b"<"), (b"&gt;", b">"), (b"&quot;", b'"'), (b"&amp;", b"&"))
_MARKS = b"> \t\r"
_SECONDS = SECONDS.encode()
_DATE = rb"(?:\S{3,9} {1,2}\d{1,2} \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S{0,16}) \S{1,64} [\w./-]{1,64}"
#: what the kernel or syslogd put in front of a message
_BEGINS = re.compile(rb"[>| \t]{0,40}(?:<\d{1,3}>)?(?:\[ {0,8}" + _SECONDS + rb"\]|" + _DATE + rb")")
#: the same with nothing behind it, or broken within
_ALONE = re.compile(rb"(?:\[ {0,8}" + _SECONDS + rb"\](?:\[ {0,8}[TC]\d{1,10}\])?| kernel:(?: \[)?|\]\[)[ \t\r]{0,4}$")
#: a stamp that was broken behind its bracket
_STAMP_REST = re.compile(_SECONDS + rb"\]")
#: what begins so is no rest of a line
_TIMED = re.compile(TIME_OF_DAY.encode())
#: the kernel's release follows
_TAINT_LAST = re.compile(rb"(?:Not tainted|Tainted: [A-Z][A-Z ]{0,40})[ -]{0,40}$")
_RELEASE = re.compile(rb"\d|-{1,40} {1,3}[-\d]")
#: what begins a line of the kernel's own is no rest of the line before
_OWN = re.compile(
    rb"BUG: |WARNING: |INFO: |Kernel panic|Call [Tt]race|CPU: |Pid: |Code: |RIP|Modules |Hardware |Workqueue: |task: |"
    rb"pstate: |Krnl |NIP|--|==|\.\.\.|</?[A-Z]|\[ {0,8}\d"
)


def unwrapped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file, each rest of a broken one moved behind its beginning and an empty line left in its place.

    The number of lines stays, and it makes no difference where the blocks were cut. Lines without prefix, in a log
    whose lines have none, are left as they are. What a web page wrote for angle brackets becomes those, and
    quoted-printable what it encodes.
    """
    lines = _Lines()
    rest = b""
    source = iter(blocks)
    for block in source:
        data = rest + block if rest else block
        start = 0
        while lines.count < LINES and (end := data.find(b"\n", start)) >= 0:
            lines.take(data[start:end])
            start = end + 1
        if lines.count == LINES:
            yield lines.taken(last=True) + data[start:]
            yield from source
            return
        rest = data[start:] if len(data) - start <= 2 * LINE_LIMIT else data[start : start + 2 * LINE_LIMIT]
        if taken := lines.taken(last=False):
            yield taken
    if rest:
        lines.take(rest)
    if taken := lines.taken(last=True):
        yield taken


class _Lines:
    def __init__(self) -> None:
        self.count = 0
        self._done: list[bytes] = []
        #: a line that has a prefix, all that was broken off it, and empty lines in the places of that
        self._held: list[bytes] = []
        #: the last piece of it, as it stood
        self._before = b""
        self._soft = False
        self._soft_breaks = 0
        #: a line of quoted-printable that goes on, and how many lines were put together in it
        self._open = b""
        self._parts = 0

    def take(self, line: bytes) -> None:
        self.count += 1
        if self._soft_breaks >= _SOFT_BREAKS:
            self._decode(line)
            return
        self._place(line)
        if self._soft and _BEGINS.match(line) is None:
            self._soft_breaks += 1
        self._soft = line.endswith((b"=", b"=\r")) and _SOFT_BREAK.match(line) is not None

    def _decode(self, line: bytes) -> None:
        line = line.rstrip(b"\r")
        # KASAN draws lines of equals signs, which quoted-printable would escape
        soft = line.endswith(b"=") and not line.endswith(b"==")
        if b"=" in line:
            line = _ENCODED.sub(lambda match: bytes((int(match[1], 16),)), line[:-1] if soft else line)
        self._open += line
        self._parts += 1
        if not soft or len(self._open) > LINE_LIMIT:
            self._close()

    def _close(self) -> None:
        if not self._parts:
            return
        self._place(self._open.replace(b"\xc2\xa0", b" "))
        gaps = [b""] * (self._parts - 1)
        if self._held:
            self._held += gaps
        else:
            self._done += gaps
        self._open = b""
        self._parts = 0

    def _place(self, line: bytes) -> None:
        if b"&lt;" in line or b"&gt;" in line:
            for escape, character in _ESCAPES:
                line = line.replace(escape, character)
        held = self._held
        if _BEGINS.match(line) is not None:
            self._done += held
            self._held = [line]
            self._before = line
        elif held and (whole := _whole(held[0], self._before, line)) is not None:
            held[0] = whole
            held.append(b"")
            self._before = line
        else:
            self._done += held
            self._done.append(line)
            self._held = []

    def taken(self, *, last: bool) -> bytes:
        """The lines that are done; with ``last`` all of them."""
        if last:
            self._close()
        done = self._done
        self._done = []
        if last:
            done += self._held
            self._held = []
        return b"\n".join(done) + b"\n" if done else b""


def _whole(start: bytes, before: bytes, line: bytes) -> bytes | None:
    """What was broken put together; None where the line is no rest of it."""
    if _TIMED.match(line) is not None:
        return None
    if len(start) + len(line) > LINE_LIMIT:
        return None
    rest = line.strip(_MARKS)
    start = start.rstrip()
    if not rest or not (_broken(before, rest) or (_RELEASE.match(rest) and _TAINT_LAST.search(start))):
        return None
    # a break after a hyphen took no blank away
    blank = b"" if start.endswith(b"-") and not start.endswith((b"--", b" -")) else b" "
    return start + blank + rest


def _broken(line: bytes, rest: bytes) -> bool:
    if _ALONE.search(line) is not None or (line.rstrip().endswith(b" [") and _STAMP_REST.match(rest) is not None):
        return True
    bare = line.lstrip(_MARKS).rstrip()
    # a terminal that is so wide breaks within words, and an equals sign is quoted-printable's mark: both are read later
    if bare.endswith(b"=") or not len(bare) < BREAK_COLUMNS[1]:
        return False
    if _OWN.match(rest) is not None and not bare.endswith((b"WARNING:", b"BUG:", b"INFO:", b"---[ end")):
        return False
    if rest.startswith(b"[<") and b"RIP" not in bare:
        return False
    column = _FLOWED_COLUMN if line.endswith((b" ", b" \r")) else BREAK_COLUMNS[0]
    return len(bare) + 1 + len(rest.split(b" ", 1)[0]) > column
