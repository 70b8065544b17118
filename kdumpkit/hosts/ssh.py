"""A host over ssh: OpenSSH's own client with the user's own configuration, one shared connection per host."""

from __future__ import annotations

import contextlib
import secrets
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import CommandTimeout, ConnectError, HostError, HostKeyChanged, HostLost, UsageError
from kdumpkit.hosts.base import Fetched, Host, Progress, begin_in_thread
from kdumpkit.hosts.fetch import fetch_file
from kdumpkit.hosts.framing import Frame, framed
from kdumpkit.hosts.process import (
    OUTPUT_LIMIT_BYTES,
    Bounded,
    Ending,
    OutputTooLarge,
    Sink,
    encode_argv,
    kill,
    last_line,
    pump,
    spawn,
)
from kdumpkit.hosts.remote_shell import LONGEST_TIMEOUT_S, RemoteShell
from kdumpkit.hosts.ssh_connection import Login, Shared
from kdumpkit.hosts.ssh_errors import by_hand
from kdumpkit.hosts.ssh_keeper import KeptLogins
from kdumpkit.hosts.ssh_logins import Logins
from kdumpkit.hosts.sudo import after_mark, last_words, sudo_argv

# what is left of a command whose time is up; its process group is the login shell's
_END_GROUP = (
    'kill -s TERM -- "-$1" || exit 0; for pause in 0.2 1 1; do sleep $pause; kill -s 0 -- "-$1" || exit 0; done; '
    'kill -s KILL -- "-$1"'
)
_END_GROUP_TIMEOUT_S = 4.0


class SshHost(Host):
    """A machine that OpenSSH's client can log in to without asking.

    Keys, agents, jump hosts, certificates and aliases work as they do in the user's shell; host keys are always
    checked. The first ``run`` logs in, later ones share that login, and after a loss the next one logs in anew.
    """

    def __init__(
        self,
        destination: str,
        *,
        config: Path | None = None,
        name: str | None = None,
        connect_timeout_s: int = 10,
        login_timeout_s: float = 30.0,
        alive_interval_s: int = 2,
        alive_count: int = 4,
        output_limit_bytes: int = OUTPUT_LIMIT_BYTES,
        keeper: Path | None = None,
    ) -> None:
        """``keeper`` is the socket of a process that keeps logins for us and others; absent: the login is our own.

        ``destination`` is what stands behind ``ssh``: an alias, ``user@host``, or ``ssh://user@host:port``.

        ``login_timeout_s`` bounds the whole login, a touch on a hardware key included. A host that falls silent is
        given up after ``alive_interval_s * (alive_count + 1)`` seconds.
        """
        if not destination or destination.startswith("-") or any(letter.isspace() for letter in destination):
            raise UsageError(f"{destination!r} is not an ssh destination", "write it as in: ssh user@web01")
        if config is not None and not config.is_file():
            raise UsageError(f"the ssh configuration {config} is not there", f"ls -l {config}")
        self.name = name or destination
        self.destination = destination
        self.config = config
        self.output_limit_bytes = output_limit_bytes
        #: why the last ``probe`` said no
        self.last_refusal: ConnectError | None = None
        #: what a process that keeps logins is given to begin one
        self.login = Login(
            destination, self.name, config, connect_timeout_s, login_timeout_s, alive_interval_s, alive_count
        )
        self._logins: Logins | KeptLogins = Logins(self.login)
        if keeper is not None:
            with contextlib.suppress(OSError):  # it is gone: a login of our own
                self._logins = KeptLogins(keeper, self.login)

    def run(self, command: Command) -> CommandResult:
        """Exit status and raw bytes, for every exit status that the command itself can have.

        Raises:
            ConnectError: no login; HostKeyChanged and LoginRefused (also: no sudo) where that is the reason.
            CommandTimeout: no end in time; what it started on the host was ended too, if the host still answers.
            HostLost: the connection broke, or the remote shell was killed: whether the command ended is not known.
            HostError: it printed more than the limit; it was ended.
        """
        out, err = Bounded(self.output_limit_bytes), Bounded(self.output_limit_bytes)
        return self._execute(command, out, err, bytes_of=out)

    def begin_in_turn(self, commands: Sequence[Command]) -> list[Callable[[], CommandResult]]:
        """Run them now, one after the other, beside whatever else is asked."""
        return begin_in_thread(self.run, commands)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        """A verified copy of one file, resumed where an earlier try broke off. See ``hosts.fetch``."""
        return fetch_file(self, self._stream, remote, local, progress)

    def talk(self, command: Command, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        """A program there that is written to and read from while it runs; whoever asked for it ends it.

        What a login shell's start-up files print comes before its own output. Raises ConnectError and its kinds.
        """
        connection = self._logins.get()
        sudo = command.as_root and connection.uid != 0
        argv = sudo_argv(command.argv, secrets.token_hex(16)) if sudo else command.argv
        line = encode_argv(connection.client_argv("exec " + shlex.join(argv)))
        return spawn(line, stdin=True, stderr=stderr.fileno())

    def probe(self, timeout_s: float = 5.0) -> bool:
        """Whether a command can be run there now; for loops that wait for a host. False: see ``last_refusal``.

        A connection that is held and no longer answers is dropped and made anew. Raises HostKeyChanged, which
        waiting does not heal; a refused login is False, for sshd is up before logins are allowed.
        """
        deadline = time.monotonic() + timeout_s
        try:
            held = self._logins.connection
            if held is not None and held.alive:
                try:
                    self.run(Command(("true",), timeout_s=timeout_s / 2))
                    return True
                except (HostLost, CommandTimeout):
                    self.disconnect()
            self._logins.get(max(1.0, deadline - time.monotonic()))
        except HostKeyChanged:
            raise
        except ConnectError as error:
            self.last_refusal = error
            return False
        return True

    def disconnect(self) -> None:
        """Drop the connection, at once, whether the host answers or not; the next ``run`` makes a new one."""
        self._logins.drop()

    def expect_return(self) -> None:
        """Until there is a new login, each ``run`` looks for the host for two seconds at most. See ``ssh_logins``."""
        self._logins.expect_return()

    def release(self) -> None:
        """End the connection, or give it back to the process that keeps it."""
        self._logins.close()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _stream(self, command: Command, sink: Sink) -> CommandResult:
        return self._execute(command, sink, Bounded(1 << 20), stall=True)

    def _execute(
        self, command: Command, out: Sink, err: Bounded, *, bytes_of: Bounded | None = None, stall: bool = False
    ) -> CommandResult:
        connection = self._logins.get()
        mark = secrets.token_hex(16) if command.as_root and connection.uid != 0 else ""
        nonce = secrets.token_hex(16)
        stdout, stderr = Frame(nonce, out), Frame(nonce, err)
        if bytes_of is not None and not (mark or stall or command.timeout_s > LONGEST_TIMEOUT_S):
            for shell in connection.shells:
                with shell.lent() as lent:
                    if lent is not None:
                        result = self._execute_in(lent, connection, command, stdout, stderr, bytes_of, err)
                        if result is not None:
                            return result
        argv = sudo_argv(command.argv, mark) if mark else command.argv
        line = encode_argv(connection.client_argv(framed(argv, nonce)))
        started_at, started = time.time(), time.monotonic()
        try:
            process = spawn(line, stdin=bool(command.stdin))
        except OSError as error:  # longer than one argument may be: what a shell would say
            said = f"{command.argv[0]}: {error.strerror}\n".encode("utf-8", "surrogateescape")
            return CommandResult(command, 126, b"", said, started_at, time.monotonic() - started)
        try:
            ending = pump(
                process,
                stdout,
                stderr,
                timeout_s=command.timeout_s,
                stdin=command.stdin,
                stall=stall,
                complete=lambda: stdout.closed is not None and stderr.closed is not None,
            )
        except BaseException as error:
            kill(process)
            self._end_remote(connection, stdout.opened or stderr.opened, as_root=bool(mark))
            if isinstance(error, OutputTooLarge):
                raise self._too_much(command) from error
            raise
        kill(process)
        if ending is Ending.DEADLINE:
            stderr.flush()
            answered = self._end_remote(connection, stdout.opened or stderr.opened, as_root=bool(mark))
            raise self._timeout(command, last_words(bytes(err.data), mark), stall=stall, answered=answered)
        if stdout.closed is None or stderr.closed is None:
            raise self._lost(connection, command, stderr)
        errors = bytes(err.data)
        if mark:
            errors = after_mark(errors, mark, host=self.name, login=connection.user)
        output = bytes(bytes_of.data) if bytes_of is not None else b""
        return CommandResult(command, stdout.closed, output, errors, started_at, time.monotonic() - started)

    def _execute_in(
        self,
        shell: RemoteShell,
        connection: Shared,
        command: Command,
        stdout: Frame,
        stderr: Frame,
        out: Bounded,
        err: Bounded,
    ) -> CommandResult | None:
        """The same by the shell that runs there. None: it did not take the command, and nothing was run."""
        started_at, started = time.time(), time.monotonic()
        if not shell.begin(command.argv, stdout.nonce, inline=command.inline, stdin=command.stdin):
            return None
        try:
            ending, refused = shell.follow(stdout, stderr, command.timeout_s)
        except BaseException as error:
            self._break_off(connection, stdout.opened or stderr.opened, inline=shell.inline)
            if isinstance(error, OutputTooLarge):
                raise self._too_much(command) from error
            raise
        if refused:
            return None
        if ending is Ending.DEADLINE:
            stderr.flush()
            answered = self._break_off(connection, stdout.opened or stderr.opened, inline=shell.inline)
            raise self._timeout(command, last_line(bytes(err.data)), stall=False, answered=answered)
        if stdout.closed is None or stderr.closed is None:
            raise self._lost(connection, command, stderr, in_session=False)
        return CommandResult(
            command, stdout.closed, bytes(out.data), bytes(err.data), started_at, time.monotonic() - started
        )

    def _break_off(self, connection: Shared, group: bytes | None, *, inline: bool) -> bool:
        # a line that the shell has not taken yet must not be run when nobody waits for it any more
        if group is None:
            self.disconnect()
            return False
        answered = self._end_remote(connection, group, as_root=False)
        if inline:  # the login's shell was in that group
            self.disconnect()
        return answered

    def _too_much(self, command: Command) -> HostError:
        return HostError(
            f"{self.name}: `{command.shown()}` printed more than {self.output_limit_bytes} bytes and was stopped",
            "ask for less, or fetch a file",
        )

    def _end_remote(self, connection: Shared, group: bytes | None, *, as_root: bool) -> bool:
        """End what the command left running there. False: the host does not answer, and the connection is dropped."""
        if not group:
            return connection.alive
        argv: tuple[str, ...] = ("sh", "-c", _END_GROUP, "kdumpkit", group.decode())
        nonce = secrets.token_hex(16)
        frame = Frame(nonce, Bounded(1 << 16))
        line = framed(sudo_argv(argv, nonce) if as_root else argv, nonce)
        with contextlib.suppress(OSError, OutputTooLarge):
            process = spawn(encode_argv(connection.client_argv(line)), stdin=False)
            try:
                pump(
                    process,
                    frame,
                    Bounded(1 << 16),
                    timeout_s=_END_GROUP_TIMEOUT_S,
                    complete=lambda: frame.closed is not None,
                )
            finally:
                kill(process)
        if frame.closed is None:
            self.disconnect()
            return False
        return True

    def _timeout(self, command: Command, said: str, *, stall: bool, answered: bool) -> HostError:
        what = "was silent for" if stall else "had no end within"
        return CommandTimeout(
            f"{self.name}: `{command.shown()}` {what} {command.timeout_s:g} s"
            + (" and was ended" if answered else ", and the host does not answer any more")
            + (f"; its last words: {said}" if said else ""),
            "run it by hand to see what it waits for"
            if answered
            else f"look at its console; {by_hand(self.destination, self.config)}",
        )

    def _lost(self, connection: Shared, command: Command, stderr: Frame, *, in_session: bool = True) -> HostError:
        gone = connection.ended_within(0.3)
        hint = f"is it going down, or in a panic? look at its console; {by_hand(self.destination, self.config)}"
        if not gone and in_session and stderr.opened is None:
            said = last_line(stderr.noise)
            return ConnectError(
                f"{self.name}: no session for `{command.shown()}` on the open connection: {said or 'it said nothing'}",
                "sshd_config there must allow MaxSessions of 2 or more",
            )
        if not gone:
            return HostLost(
                f"{self.name}: the remote shell was killed while `{command.shown()}` ran, so its exit status is not "
                "known",
                hint,
            )
        words = connection.last_words()
        self.disconnect()
        when = "while" if stderr.opened is not None else "before it was seen that"
        return HostLost(
            f"{self.name}: the connection broke {when} `{command.shown()}` ran" + (f" ({words})" if words else ""), hint
        )
