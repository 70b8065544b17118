"""One logged-in OpenSSH client that other clients share (ControlMaster), and that dies with us."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kdumpkit.errors import ConnectError, LoginRefused
from kdumpkit.hosts.process import Bounded, Ending, OutputTooLarge, kill, last_line, pump, spawn, stop
from kdumpkit.hosts.remote_shell import HELLO, RemoteShell
from kdumpkit.hosts.ssh_errors import by_hand, connect_error

#: a socket's path has room for 104 bytes on some systems, and ssh appends a dot and 16 letters while it makes it
_SOCKET_PATH_LIMIT = 86


@dataclass(frozen=True)
class Login:
    """How to get at a host."""

    destination: str
    name: str
    config: Path | None
    connect_timeout_s: int
    login_timeout_s: float
    alive_interval_s: int
    alive_count: int


class Shared(Protocol):
    """A login that is up, be it our own or lent by the process that keeps it."""

    uid: int
    user: str
    #: they take commands without a session for each, one at a time; none where the host or the login cannot have that
    shells: list[RemoteShell]

    @property
    def alive(self) -> bool: ...
    def ended_within(self, timeout_s: float) -> bool: ...
    def last_words(self) -> str: ...
    def client_argv(self, remote_command: str) -> list[str]: ...


class Connection:
    """A login. ``uid`` and ``user`` are what ``id`` says there, once it is up."""

    def __init__(self, login: Login) -> None:
        """Begin it; :meth:`wait_for_login` waits until it is up."""
        self.uid = -1
        self.user = ""
        self.shells: list[RemoteShell] = []
        self.nonce = secrets.token_hex(16)
        self._login = login
        self._directory = socket_directory()
        self.socket = self._directory / "s"
        try:
            self._process = _start(_master_argv(login, self.socket, self._directory / "log", self.nonce))
        except BaseException:
            _discard(self._directory)
            raise
        self._noise = Bounded(1 << 20)
        # runs at the latest when Python ends
        self._finalizer = weakref.finalize(self, _close, self._process, self._directory, os.getpid())

    @property
    def alive(self) -> bool:
        """Whether the shared client still runs. A host that fell silent shows after the keep-alives only."""
        return self._process.poll() is None and self.socket.exists()

    def ended_within(self, timeout_s: float) -> bool:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return not self.socket.exists()
        return True

    def last_words(self) -> str:
        """What ssh said last, such as "Timeout, server web01 not responding."; empty where it said nothing."""
        return last_line(self._log())

    def client_argv(self, remote_command: str) -> list[str]:
        """An ssh that runs one command over this login, and that can never make a connection of its own."""
        return client_argv(self.socket, remote_command)

    def close(self) -> None:
        """End it; at most a second, whether the host answers or not."""
        for shell in self.shells:
            shell.spoiled = True
        self._finalizer()

    def add_shell(self) -> None:
        """Have one more of them run there, by a session of its own; nothing where the host gives none in time."""
        nonce = secrets.token_hex(16)
        hello = _Hello(nonce)
        with contextlib.suppress(OSError, OutputTooLarge):
            process = spawn([os.fsencode(word) for word in self.client_argv(_hello_line(nonce))], stdin=True)
            # it ends with the connection: it has no way of its own to the host
            weakref.finalize(self, _end, process, os.getpid())
            pump(
                process,
                hello,
                Bounded(1 << 16),
                timeout_s=self._login.login_timeout_s,
                complete=lambda: hello.user is not None,
            )
            if hello.takes_commands and process.stdin and process.stdout and process.stderr:
                self.shells.append(RemoteShell(process.stdin, process.stdout, process.stderr, nonce))

    def cancel(self) -> None:
        """Make a :meth:`wait_for_login` that another thread is in come to its end."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _log(self) -> bytes:
        with contextlib.suppress(OSError), open(self._directory / "log", "rb") as log:
            return log.read(1 << 20)
        return b""

    def wait_for_login(self) -> None:
        """Until it is up. Raises ConnectError and its kinds; it is closed then."""
        try:
            self._wait_for_login(self._login)
        except BaseException:
            self.close()
            raise

    def _wait_for_login(self, login: Login) -> None:
        hello = _Hello(self.nonce)
        try:
            ending = pump(
                self._process,
                hello,
                self._noise,
                timeout_s=login.login_timeout_s,
                complete=lambda: hello.user is not None,
            )
        except OutputTooLarge:
            ending = Ending.ENDED
        if hello.user is not None:
            self.uid, self.user = hello.uid, hello.user
            pipes = self._process.stdin, self._process.stdout, self._process.stderr
            if hello.takes_commands and pipes[0] and pipes[1] and pipes[2]:
                self.shells.append(RemoteShell(pipes[0], pipes[1], pipes[2], self.nonce))
            return
        said = bytes(self._noise.data) + self._log()
        if ending is Ending.DEADLINE:
            raise ConnectError(
                f"no connection to {login.name}: no login within {login.login_timeout_s:g} s"
                + (f" ({last_line(said)})" if said else ""),
                f"does it ask for something, or is it slow? {by_hand(login.destination, login.config)}",
            )
        if self._process.poll() == 255 or (not hello.bounded.data and said):
            raise connect_error(said, name=login.name, destination=login.destination, config=login.config)
        raise LoginRefused(
            f"{login.name} let us in, and its login shell did not run a command: "
            f"{last_line(bytes(hello.bounded.data) or said) or 'it said nothing'}",
            f"the login needs a shell of its own, without a forced command: {by_hand(login.destination, login.config)}",
        )


def client_argv(socket: Path, remote_command: str) -> list[str]:
    """An ssh that runs one command over the login behind ``socket``, and can never make a connection of its own."""
    # fmt: off
    return [
        "ssh", "-F", "/dev/null", "-S", _socket_option(socket), "-o", "ControlMaster=no",
        "-o", "ProxyCommand=false", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-T", "-a", "-x",
        "--", "kdumpkit", remote_command,
    ]
    # fmt: on


class _Hello:
    """Finds the first line of the remote side in whatever the login's start-up files print before it."""

    def __init__(self, nonce: str) -> None:
        self._line = re.compile(re.escape(nonce.encode()) + rb" (takes|no) (\d+) ([^\n]*)\n")
        self.bounded = Bounded(1 << 20)
        self.takes_commands = False
        self.uid = -1
        self.user: str | None = None

    def write(self, chunk: bytes) -> None:
        self.bounded.write(chunk)
        found = self._line.search(self.bounded.data)
        if found is not None:
            self.takes_commands = found[1] == b"takes"
            self.uid = int(found[2])
            self.user = last_line(found[3], 64) or f"uid {self.uid}"


def _master_argv(login: Login, socket: Path, log: Path, nonce: str) -> list[str]:
    # What the user's configuration says counts, but for what would make this login interactive, keep it alive
    # beyond us, forward things that are of no use here, or leave the host's key unchecked.
    options = (
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "ControlMaster=yes",
        "ControlPersist=no",
        f"ConnectTimeout={login.connect_timeout_s}",
        f"ServerAliveInterval={login.alive_interval_s}",
        f"ServerAliveCountMax={login.alive_count}",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
        "LogLevel=INFO",
    )
    # what ssh itself says goes to the log; standard error is the host's
    argv = ["ssh", *(("-F", str(login.config.resolve())) if login.config else ()), "-E", str(log)]
    argv += ["-S", _socket_option(socket)]
    for option in options:
        argv += ["-o", option]
    return [*argv, "-T", "-a", "-x", "--", login.destination, _hello_line(nonce)]


def _hello_line(nonce: str) -> str:
    return "exec " + shlex.join(("/bin/sh", "-c", HELLO, "kdumpkit", nonce))


def _start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return spawn([os.fsencode(word) for word in argv], stdin=True)
    except FileNotFoundError as error:
        raise ConnectError(
            "OpenSSH's client is not installed here", "apt install openssh-client (or: dnf install openssh-clients)"
        ) from error


def socket_directory() -> Path:
    """A new folder that only we may enter, with a path short enough for a socket in it."""
    for base in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):
        if len(os.fsencode(base)) + len("/kdk-12345678/s") > _SOCKET_PATH_LIMIT:
            continue
        with contextlib.suppress(OSError):
            return Path(tempfile.mkdtemp(prefix="kdk-", dir=base))
    raise ConnectError("there is no directory for the ssh control socket here", "make /tmp writable, or set TMPDIR")


def _socket_option(socket: Path) -> str:
    return str(socket).replace("%", "%%")


def _close(process: subprocess.Popen[bytes], directory: Path, owner: int) -> None:
    if os.getpid() != owner:
        return  # a fork of ours ends: the connection is not its own
    stop(process, grace_s=0.5)
    _discard(directory)


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() == owner:
        kill(process)


def _discard(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
