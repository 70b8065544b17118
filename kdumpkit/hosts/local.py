"""The machine that runs kdumpkit, as a host."""

from __future__ import annotations

import getpass
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import CommandTimeout, HostError
from kdumpkit.hosts.base import Fetched, Host, Progress, begin_in_thread
from kdumpkit.hosts.fetch import fetch_file
from kdumpkit.hosts.process import (
    OUTPUT_LIMIT_BYTES,
    Bounded,
    Ending,
    OutputTooLarge,
    Sink,
    encode_argv,
    pump,
    spawn,
    stop,
)
from kdumpkit.hosts.sudo import after_mark, last_words, sudo_argv


class LocalHost(Host):
    """Runs argument lists here, without a shell, in the C locale, with standard input closed unless given."""

    def __init__(
        self, name: str = "local", cwd: Path | None = None, *, output_limit_bytes: int = OUTPUT_LIMIT_BYTES
    ) -> None:
        self.name = name
        self.cwd = cwd
        self.output_limit_bytes = output_limit_bytes

    def run(self, command: Command) -> CommandResult:
        """Exit status and raw bytes; 127, 126 and 128+n mean what they mean in a shell.

        Raises:
            CommandTimeout: no end in time; the whole process group was killed.
            HostError: it printed more than the limit; it was killed.
            LoginRefused: ``as_root`` is asked for, we are not root, and sudo does not let us through.
        """
        out, err = Bounded(self.output_limit_bytes), Bounded(self.output_limit_bytes)
        started_at, started = time.time(), time.monotonic()
        status, stderr = self._execute(command, out, err)
        return CommandResult(command, status, bytes(out.data), stderr, started_at, time.monotonic() - started)

    def begin_in_turn(self, commands: Sequence[Command]) -> list[Callable[[], CommandResult]]:
        """Run them now, one after the other, beside whatever else is asked."""
        return begin_in_thread(self.run, commands)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        """A verified copy of one file, resumed where an earlier try broke off. See ``hosts.fetch``."""
        return fetch_file(self, self._stream, remote, local, progress)

    def talk(self, command: Command, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        """A program that is written to and read from while it runs; whoever asked for it ends it."""
        sudo = command.as_root and os.geteuid() != 0
        argv = sudo_argv(command.argv, secrets.token_hex(16)) if sudo else command.argv
        return spawn(encode_argv(argv), stdin=True, stderr=stderr.fileno(), cwd=self.cwd)

    def _stream(self, command: Command, sink: Sink) -> CommandResult:
        err = Bounded(1 << 20)
        started_at, started = time.time(), time.monotonic()
        status, stderr = self._execute(command, sink, err, stall=True)
        return CommandResult(command, status, b"", stderr, started_at, time.monotonic() - started)

    def _execute(self, command: Command, out: Sink, err: Bounded, *, stall: bool = False) -> tuple[int, bytes]:
        mark = secrets.token_hex(16) if command.as_root and os.geteuid() != 0 else ""
        argv = sudo_argv(command.argv, mark) if mark else command.argv
        path = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
        env = {**os.environ, "LC_ALL": "C", "PATH": path}
        try:
            process = spawn(encode_argv(argv), stdin=bool(command.stdin), env=env, cwd=self.cwd)
        except FileNotFoundError as error:
            if self.cwd is not None and not self.cwd.is_dir():
                raise HostError(
                    f"{self.name}: the working directory {self.cwd} is not there", f"mkdir -p {self.cwd}"
                ) from error
            said = f"{argv[0]}: not found\n".encode("utf-8", "surrogateescape")
            return 127, after_mark(said, mark, host=self.name, login=_login()) if mark else said
        except OSError as error:
            return 126, f"{argv[0]}: {os.strerror(error.errno or 0)}\n".encode("utf-8", "surrogateescape")
        try:
            ending = pump(process, out, err, timeout_s=command.timeout_s, stdin=command.stdin, stall=stall)
        except OutputTooLarge as error:
            raise HostError(
                f"{self.name}: `{command.shown()}` printed more than {self.output_limit_bytes} bytes and was stopped",
                "ask for less, or fetch a file",
            ) from error
        finally:
            stop(process, as_root=bool(mark))
        if ending is Ending.DEADLINE:
            said_last = last_words(bytes(err.data), mark)
            raise CommandTimeout(
                f"{self.name}: `{command.shown()}` had no end within {command.timeout_s:g} s and was killed"
                + (f"; its last words: {said_last}" if said_last else ""),
                "run it by hand to see what it waits for",
            )
        status = process.returncode if process.returncode >= 0 else 128 - process.returncode
        stderr = bytes(err.data)
        return status, after_mark(stderr, mark, host=self.name, login=_login()) if mark else stderr


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.geteuid()}"
