"""Commands written to one shell that keeps running on the host, instead of a session of sshd's for each of them.

A session costs the host three processes and a login shell's start-up; here a command costs a fork. The shell reads
its own script from standard input, one line a command, and marks both streams as ``hosts.framing`` tells. What a
session gives is kept: each command has an empty standard input, leads a process group and session of its own (so
that it can be ended with all that it started), and its bytes are its own. Where a command leaves something running
in its group, the shell is asked for nothing more, for that could still write between the marks of the next one.

A script that is marked ``inline`` is run by a fork of the shell itself, in the group of the login: two programs fewer.
To end it is to end the login. It may have a little text as its standard input.

Not kept, where the host's /bin/sh is bash: the wording of the shell's own line on a command that a signal ended.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import threading
from collections.abc import Iterator, Sequence
from typing import IO, Any

from kdumpkit.hosts.framing import WRAPPER, Frame
from kdumpkit.hosts.process import Ending, Sink, pump

#: a command that may take longer gets a session: it starts services and builds things, and then 0.1 s are nothing
LONGEST_TIMEOUT_S = 100.0
#: what surely fits into an empty pipe, so that writing never waits
_LINE_LIMIT_BYTES = 32_000

# For a program that is not there the words of the usual way are wanted, so that way is gone: cheap, and rarely.
# PATH is searched by hand, for `command -v` finds builtins too, and `$(...)` would be another fork. What the command
# before has left in its group is said by kd_left, and nothing is run then.
_FUNCTIONS = """
kd_there() {
  case $1 in
    -*) return 1 ;;
    */*) [ -f "$1" ] && [ -x "$1" ]; return ;;
  esac
  IFS=:
  for kd_folder in $PATH; do
    if [ -x "${kd_folder:-.}/$1" ] && [ -f "${kd_folder:-.}/$1" ]; then unset IFS; return 0; fi
  done
  unset IFS
  return 1
}
kd_left() {
  [ "$kd_last" ] && kill -s 0 -- "-$kd_last" 2>/dev/null && printf '%s!\\n' "$kd_nonce" >&2
}
kd_run() {
  kd_last=$1 kd_nonce=$2
  shift 2
  if kd_left; then return; fi
  if ! kd_there "$1"; then
    /bin/sh -c "$kd_wrapper" kdumpkit "$kd_nonce" "$@" </dev/null
    return
  fi
  (
    read -r kd_own kd_rest </proc/self/stat
    printf '%s+%s\\n' "$kd_nonce" "$kd_own"
    printf '%s+%s\\n' "$kd_nonce" "$kd_own" >&2
    exec setsid -- "$@"
  ) </dev/null
  kd_status=$?
  kd_close
}
kd_inline() {
  kd_last=$1 kd_nonce=$2 kd_input=$3 kd_script=$4
  shift 5
  if kd_left; then return; fi
  if [ "$kd_input" ]; then printf %s "$kd_input" | kd_inside "$@"; else kd_inside "$@" </dev/null; fi
  kd_status=$?
  kd_close
}
kd_inside() (
  read -r kd_own kd_name kd_state kd_parent kd_group kd_rest </proc/self/stat
  printf '%s+%s\\n' "$kd_nonce" "$kd_group"
  printf '%s+%s\\n' "$kd_nonce" "$kd_group" >&2
  eval "$kd_script"
)
kd_close() {
  printf '%s-%s\\n' "$kd_nonce" "$kd_status"
  printf '%s-%s\\n' "$kd_nonce" "$kd_status" >&2
}
"""

# $1 is a random word. Says who is logged in and whether commands can be taken here, takes them until it is ended, and
# then stays until our end of its standard input is closed: by disconnect(), or because the process that runs kdumpkit
# is gone, however it went. A detached ControlPersist master would outlive us.
HELLO = (
    "if command -v setsid >/dev/null 2>&1 && [ -r /proc/self/stat ]; then t=takes; else t=no; fi; "
    'printf "%s %s %s %s\\n" "$1" "$t" "$(id -u)" "$(id -un)"; '
    'if [ "$t" = takes ]; then LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" /bin/sh; '
    'printf "%s gone\\n" "$1" >&2; fi; exec cat >/dev/null'
)


class RemoteShell:
    """The running shell, read and written over three pipes; made by the login that it came with."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes], nonce: str) -> None:
        """``nonce`` is the word with which it says that it is gone."""
        self.stdin: None = None  # a command's line is written before its output is waited for
        self.stdout = stdout
        self.stderr = stderr
        self._input = stdin
        self.nonce = nonce
        self._gone = re.compile(re.escape(nonce.encode()) + rb" gone\n")
        self._lock = threading.Lock()
        self._knows_functions = False
        self._last_group = ""
        #: nothing is asked of it any more: a command was broken off, or left something running
        self.spoiled = False
        #: the newest command runs in the login's own group
        self.inline = False

    @contextlib.contextmanager
    def lent(self) -> Iterator[RemoteShell | None]:
        """It, for one command; None where another thread has it, or where it cannot be used any more."""
        if not self._lock.acquire(blocking=False):
            yield None
            return
        try:
            yield None if self.spoiled else self
        finally:
            self._lock.release()

    def begin(self, argv: Sequence[str], nonce: str, *, inline: bool = False, stdin: bytes = b"") -> bool:
        """Write a command's line. False: it does not fit, or nobody reads there any more; nothing was run then."""
        self.inline = inline and tuple(argv[:2]) == ("sh", "-c") and len(argv) > 2
        if self.inline and b"\0" not in stdin:
            said = stdin.decode("utf-8", "surrogateescape")
            words = ("kd_inline", self._last_group, nonce, said, argv[2], *(argv[3:] or ("sh",)))
        elif stdin:
            return False
        else:
            words = ("kd_run", self._last_group, nonce, *argv)
        # in braces: what a connection that breaks leaves of a line is not a command then
        line = f"{{ {shlex.join(words)}; }}\n".encode("utf-8", "surrogateescape")
        if not self._knows_functions:
            line = f"kd_wrapper={shlex.quote(WRAPPER)}\n{_FUNCTIONS}".encode() + line
        if len(line) > _LINE_LIMIT_BYTES:
            return False
        self.spoiled = True  # until the command has come to its end
        if self._has_gone():
            return False
        os.set_blocking(self._input.fileno(), False)
        with contextlib.suppress(OSError):
            if os.write(self._input.fileno(), line) == len(line):
                self._knows_functions = True
                return True
        return False

    def follow(self, stdout: Frame, stderr: Frame, timeout_s: float) -> tuple[Ending, bool]:
        """Read until the command that was begun has ended. True: it was not run, for another has left something.

        Where ``stdout.closed`` is None then, the shell or the connection is gone, or the time is up.
        """
        nonce = stdout.nonce
        watch = _Watch(stderr, self._gone, re.compile(re.escape(nonce.encode()) + rb"!\n"))
        ending = pump(
            self,
            stdout,
            watch,
            timeout_s=timeout_s,
            complete=lambda: watch.found is not None or (stdout.closed is not None and stderr.closed is not None),
        )
        if stdout.closed is not None and stderr.closed is not None:
            self._last_group = "" if self.inline else (stdout.opened or b"").decode()
            self.spoiled = False
        return ending, watch.found == 1

    def _has_gone(self) -> bool:
        # what was said since the last command: its own last word, or what something in the background wrote
        said = b""
        os.set_blocking(self.stderr.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.stderr.fileno(), 1 << 16):
                said = said[-64:] + chunk
                if self._gone.search(said):
                    return True
            return True
        return False

    def poll(self) -> None:
        """It is ended by nobody but its login."""

    def wait(self, timeout: float | None = None) -> int:
        """Its streams have ended, so there is nothing to wait for."""
        del timeout
        return 0

    @property
    def pipes(self) -> list[int]:
        """Its three pipes, for another process that uses it until it says that it is done."""
        return [self._input.fileno(), self.stdout.fileno(), self.stderr.fileno()]

    @property
    def state(self) -> dict[str, Any]:
        """What the next user of it has to know."""
        return {"knows_functions": self._knows_functions, "last_group": self._last_group}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where another user of it has stopped."""
        self._knows_functions = bool(state["knows_functions"])
        self._last_group = str(state["last_group"])

    def close(self) -> None:
        """Close our ends."""
        self.spoiled = True
        for stream in (self._input, self.stdout, self.stderr):
            with contextlib.suppress(OSError):
                stream.close()


class _Watch:
    """Hands a stream on and looks for a line in it that is not the command's, whatever was cut into which chunks."""

    def __init__(self, sink: Sink, *lines: re.Pattern[bytes]) -> None:
        self._sink = sink
        self._lines = lines
        self._held = b""
        #: number of the pattern that was found
        self.found: int | None = None

    def write(self, chunk: bytes) -> None:
        seen = self._held + chunk
        self.found = next((n for n, line in enumerate(self._lines) if line.search(seen)), self.found)
        self._held = seen[-64:]
        self._sink.write(chunk)
