"""A child process with a deadline, bounded output and no shell: what the local and the ssh host are built on."""

from __future__ import annotations

import contextlib
import enum
import fcntl
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

#: most bytes of one stream that a command may print; a file of any size goes through ``Host.fetch``
OUTPUT_LIMIT_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 18
#: how long the output of a program that has ended is still waited for, where a child of it keeps the pipe open
_LINGER_S = 0.5
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class OutputTooLarge(Exception):
    """A sink had enough; each host turns it into an error that names the command."""


class Sink(Protocol):
    """Takes the bytes of one stream as they come."""

    def write(self, chunk: bytes) -> None: ...


class Piped(Protocol):
    """What :func:`pump` works on: a started program, or one that runs elsewhere and is read from here."""

    @property
    def stdin(self) -> IO[bytes] | None: ...
    @property
    def stdout(self) -> IO[bytes] | None: ...
    @property
    def stderr(self) -> IO[bytes] | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Bounded:
    """A sink in memory that refuses more than ``limit_bytes``."""

    def __init__(self, limit_bytes: int = OUTPUT_LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.data = bytearray()

    def write(self, chunk: bytes) -> None:
        if len(self.data) + len(chunk) > self.limit_bytes:
            raise OutputTooLarge
        self.data += chunk


class Ending(enum.Enum):
    """Why :func:`pump` returned."""

    #: the program ended and its output was read
    ENDED = enum.auto()
    #: the caller had all it wanted; the program may still run
    COMPLETE = enum.auto()
    #: the time was up; the program still runs
    DEADLINE = enum.auto()


def encode_argv(argv: Sequence[str]) -> list[bytes]:
    """The words as bytes; names that are not UTF-8 come back as they were (surrogateescape)."""
    return [word.encode("utf-8", "surrogateescape") for word in argv]


def spawn(
    argv: Sequence[bytes],
    *,
    stdin: bool,
    stderr: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """A started program in a session of its own: no terminal to ask on, one process group to kill.

    ``stdin`` false gives it /dev/null. Raises OSError where the program cannot be started.
    """
    return subprocess.Popen(
        argv,
        bufsize=0,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if stderr is None else stderr,
        env=None if env is None else dict(env),
        cwd=cwd,
        start_new_session=True,
    )


def pump(
    process: Piped,
    stdout: Sink,
    stderr: Sink,
    *,
    timeout_s: float,
    stdin: bytes = b"",
    stall: bool = False,
    complete: Callable[[], bool] | None = None,
) -> Ending:
    """Move bytes between a program and us until it ends, the time is up, or ``complete()`` says enough.

    ``stall`` starts the time anew with every chunk: it then bounds silence, not the whole. Standard input is
    closed when ``stdin`` is written, and left open where it is empty.
    """
    deadline = time.monotonic() + timeout_s
    ended_at: float | None = None
    with selectors.DefaultSelector() as selector:
        for stream, sink in ((process.stdout, stdout), (process.stderr, stderr)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ, sink)
        if process.stdout is not None:
            _enlarge(process.stdout.fileno())
        unsent = memoryview(stdin)
        if stdin and process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        while any(key.events & selectors.EVENT_READ for key in selector.get_map().values()):
            now = time.monotonic()
            if ended_at is not None and now > ended_at + _LINGER_S:
                return Ending.ENDED
            if now >= deadline:
                return Ending.DEADLINE
            ready = selector.select(min(deadline - now, 0.1))
            for key, _ in ready:
                if key.data is None:
                    unsent = _send(key.fd, unsent)
                    if not unsent:
                        selector.unregister(key.fileobj)
                        key.fileobj.close()  # type: ignore[union-attr]
                    continue
                try:
                    chunk = os.read(key.fd, _CHUNK_BYTES)
                except BlockingIOError:
                    continue
                if not chunk:
                    selector.unregister(key.fileobj)
                    continue
                key.data.write(chunk)
                if stall:
                    deadline = time.monotonic() + timeout_s
            if complete is not None and complete():
                return Ending.COMPLETE
            if not ready and ended_at is None and process.poll() is not None:
                ended_at = time.monotonic()
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return Ending.DEADLINE
    return Ending.ENDED


def _send(fd: int, unsent: memoryview) -> memoryview:
    try:
        return unsent[os.write(fd, unsent[:_CHUNK_BYTES]) :]
    except BlockingIOError:
        return unsent
    except BrokenPipeError:
        return unsent[:0]  # the program does not read it; its exit status tells what it thinks of that


def _enlarge(fd: int) -> None:
    # fewer wake-ups on large files; a user's pipe quota may refuse it
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 1 << 20)


def stop(process: subprocess.Popen[bytes], *, grace_s: float = 2.0, as_root: bool = False) -> None:
    """End a program and its process group: TERM, then KILL after ``grace_s``. Never raises, never hangs."""
    for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 1.0)):
        if process.poll() is not None and number is signal.SIGTERM:
            break
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        except PermissionError:
            if as_root:
                _kill_as_root(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
    close_streams(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a program that has nothing left to do, without waiting for its own way out."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    close_streams(process)


def _kill_as_root(group: int, number: signal.Signals) -> None:
    # sudo runs as root: only root may end it
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            ["sudo", "-n", "--", "kill", f"-{number.value}", "--", f"-{group}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=3,
        )


def close_streams(process: subprocess.Popen[bytes]) -> None:
    """Close our ends of the pipes, so that nothing is left to the garbage collector."""
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def last_line(raw: bytes, limit: int = 300) -> str:
    """The last line with text in what a program said, safe to show: no control characters, bounded."""
    lines = [_CONTROL.sub(" ", line).strip() for line in raw[-65536:].decode("utf-8", "replace").splitlines()]
    return next((line[:limit] for line in reversed(lines) if line), "")
