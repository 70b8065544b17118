"""A command line that tells when a command began, how it ended, and which bytes are its own.

ssh ends with 255 for a lost connection and for a command that ends with 255 alike, and what a login shell's
start-up files print lands in the command's output. So the remote shell marks both streams with a random word:

    stdout   noise of the login  NONCE+PID\\n  output of the command  NONCE-STATUS\\n
    stderr   noise of the login  NONCE+PID\\n  errors of the command  NONCE-STATUS\\n

PID is the remote shell, which leads the process group of all that the command starts.

What lies between the marks is the command's, byte for byte. No closing mark means that there is no exit status.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from kdumpkit.hosts.process import Sink

#: One line, so that csh and fish users' login shells pass it on too. `exec` in a subshell runs programs only, never
# a builtin of this shell; 127 and 126 are the shell's own. sbin is missing in many users' PATH.
WRAPPER = (
    'n=$1; shift; printf "%s+%s\\n" "$n" "$$"; printf "%s+%s\\n" "$n" "$$" >&2; '
    'LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export LC_ALL PATH; '
    '(exec "$@"); s=$?; printf "%s-%s\\n" "$n" "$s"; printf "%s-%s\\n" "$n" "$s" >&2'
)


def framed(argv: Sequence[str], nonce: str) -> str:
    """The command line for the remote login shell, which hands over to /bin/sh at once."""
    return "exec " + shlex.join(("/bin/sh", "-c", WRAPPER, "kdumpkit", nonce, *argv))


class Frame:
    """One stream: passes on what lies between the marks. ``opened`` and ``closed`` are what the marks said."""

    def __init__(self, nonce: str, sink: Sink) -> None:
        self.nonce = nonce
        self._sink = sink
        self._start = re.compile(re.escape(nonce.encode()) + rb"\+([0-9]*)\n")
        self._end = nonce.encode() + b"-"
        self._closing = re.compile(re.escape(self._end) + rb"([0-9]{1,3})\n")
        self._held = b""
        #: the PID in the opening mark; None until it was seen
        self.opened: bytes | None = None
        #: the exit status in the closing mark; None until it was seen
        self.closed: int | None = None

    @property
    def noise(self) -> bytes:
        """What came before the opening mark, where that has not come (at most 64 KiB)."""
        return self._held if self.opened is None else b""

    def write(self, chunk: bytes) -> None:
        if self.closed is not None:
            return
        held = self._held + chunk
        if self.opened is None:
            found = self._start.search(held)
            if found is None:
                self._held = held[-65536:]
                return
            self.opened = found[1]
            held = held[found.end() :]
        while (at := held.find(self._end)) >= 0:
            mark = self._closing.match(held, at)
            if mark is not None:
                self.closed = int(mark[1])
                self._pass_on(held, at)
                return
            if len(held) < at + len(self._end) + 4:
                self._pass_on(held, at)
                return
            self._pass_on(held, at + len(self._end))  # the word without a status: not ours
            held = self._held
        self._pass_on(held, len(held) - len(self._end) + 1)

    def flush(self) -> None:
        """Pass on what was held back because a mark could have begun there; for a stream that was broken off."""
        if self.opened is not None and self.closed is None:
            self._pass_on(self._held, len(self._held))

    def _pass_on(self, held: bytes, count: int) -> None:
        count = max(count, 0)
        self._held = held[count:]
        if count:
            self._sink.write(held[:count])
