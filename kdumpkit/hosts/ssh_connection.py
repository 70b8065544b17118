"""One logged-in OpenSSH client that other clients share (ControlMaster), and that dies with us."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kdumpkit.errors import ConnectError, LoginRefused
from kdumpkit.hosts.process import Bounded, Ending, OutputTooLarge, last_line, pump, spawn, stop
from kdumpkit.hosts.ssh_errors import by_hand, connect_error

#: a socket's path has room for 104 bytes on some systems, and ssh appends a dot and 16 letters while it makes it
_SOCKET_PATH_LIMIT = 86
# Says who we are, then stays until our end of its standard input is closed: by disconnect(), or because the
# process that runs kdumpkit is gone, however it went. A detached ControlPersist master would outlive us.
_HELLO = 'printf "%s %s %s\\n" "$1" "$(id -u)" "$(id -un)"; exec cat >/dev/null'


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


class Connection:
    """A login that is up. ``uid`` and ``user`` are what ``id`` says there."""

    def __init__(self, login: Login) -> None:
        self.uid = -1
        self.user = ""
        self._directory = _socket_directory()
        self._socket = self._directory / "s"
        self._log: IO[bytes] = open(self._directory / "log", "w+b", buffering=0)  # noqa: SIM115 - closed in close()
        try:
            self._process = _start(_master_argv(login, self._socket), self._log)
        except BaseException:
            _discard(self._directory, self._log)
            raise
        # runs at the latest when Python ends
        self._finalizer = weakref.finalize(self, _close, self._process, self._directory, self._log, os.getpid())
        try:
            self._wait_for_login(login)
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether the shared client still runs. A host that fell silent shows after the keep-alives only."""
        return self._process.poll() is None and self._socket.exists()

    def ended_within(self, timeout_s: float) -> bool:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return not self._socket.exists()
        return True

    def last_words(self) -> str:
        """What ssh said last, such as "Timeout, server web01 not responding."; empty where it said nothing."""
        return last_line(self._said())

    def client_argv(self, remote_command: str) -> list[str]:
        """An ssh that runs one command over this login, and that can never make a connection of its own."""
        # fmt: off
        return [
            "ssh", "-F", "/dev/null", "-S", _socket_option(self._socket), "-o", "ControlMaster=no",
            "-o", "ProxyCommand=false", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-T", "-a", "-x",
            "--", "kdumpkit", remote_command,
        ]
        # fmt: on

    def close(self) -> None:
        """End it; at most a second, whether the host answers or not."""
        self._finalizer()

    def _said(self) -> bytes:
        with contextlib.suppress(OSError, ValueError):
            self._log.seek(0)
            return self._log.read(1 << 20)
        return b""

    def _wait_for_login(self, login: Login) -> None:
        hello = _Hello(self._nonce_in_argv())
        try:
            ending = pump(
                self._process,
                hello,
                hello,
                timeout_s=login.login_timeout_s,
                complete=lambda: hello.user is not None,
            )
        except OutputTooLarge:
            ending = Ending.ENDED
        if hello.user is not None:
            self.uid, self.user = hello.uid, hello.user
            return
        said = self._said()
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

    def _nonce_in_argv(self) -> str:
        remote: str = os.fsdecode(self._process.args[-1])  # type: ignore[index, arg-type]
        return shlex.split(remote)[-1]


class _Hello:
    """Finds the first line of the remote side in whatever the login's start-up files print before it."""

    def __init__(self, nonce: str) -> None:
        self._line = re.compile(rb"(?:^|(?<=.))" + re.escape(nonce.encode()) + rb" (\d+) ([^\n]*)\n", re.DOTALL)
        self.bounded = Bounded(1 << 20)
        self.uid = -1
        self.user: str | None = None

    def write(self, chunk: bytes) -> None:
        self.bounded.write(chunk)
        found = self._line.search(self.bounded.data)
        if found is not None:
            self.uid = int(found[1])
            self.user = last_line(found[2], 64) or f"uid {self.uid}"


def _master_argv(login: Login, socket: Path) -> list[str]:
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
    argv = ["ssh", *(("-F", str(login.config.resolve())) if login.config else ()), "-S", _socket_option(socket)]
    for option in options:
        argv += ["-o", option]
    hello = "exec " + shlex.join(("/bin/sh", "-c", _HELLO, "kdumpkit", secrets.token_hex(16)))
    return [*argv, "-T", "-a", "-x", "--", login.destination, hello]


def _start(argv: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return spawn([os.fsencode(word) for word in argv], stdin=True, stderr=log.fileno())
    except FileNotFoundError as error:
        raise ConnectError(
            "OpenSSH's client is not installed here", "apt install openssh-client (or: dnf install openssh-clients)"
        ) from error


def _socket_directory() -> Path:
    for base in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):
        if len(os.fsencode(base)) + len("/kdk-12345678/s") > _SOCKET_PATH_LIMIT:
            continue
        with contextlib.suppress(OSError):
            return Path(tempfile.mkdtemp(prefix="kdk-", dir=base))
    raise ConnectError("there is no directory for the ssh control socket here", "make /tmp writable, or set TMPDIR")


def _socket_option(socket: Path) -> str:
    return str(socket).replace("%", "%%")


def _close(process: subprocess.Popen[bytes], directory: Path, log: IO[bytes], owner: int) -> None:
    if os.getpid() != owner:
        return  # a fork of ours ends: the connection is not its own
    stop(process, grace_s=0.5)
    _discard(directory, log)


def _discard(directory: Path, log: IO[bytes]) -> None:
    log.close()
    shutil.rmtree(directory, ignore_errors=True)
