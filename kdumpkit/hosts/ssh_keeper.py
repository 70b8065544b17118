"""One process keeps the logins for a whole run; the processes of its stages borrow them.

The keeper listens on a socket in a folder that only its user may enter. A borrower writes one JSON line a call and
reads one: ``{"ok": ...}`` or ``{"error": ...}``. With a login come the shells that run there, two at most, each as
three pipes, to one borrower at a time: what is begun beside other things has a shell of its own then. The keeper holds
the connections' standard inputs, so that they end with it, however it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kdumpkit import errors
from kdumpkit.errors import ConnectError
from kdumpkit.hosts.remote_shell import RemoteShell
from kdumpkit.hosts.ssh_connection import Connection, Login, client_argv, socket_directory
from kdumpkit.hosts.ssh_logins import Logins

_LINE_LIMIT_BYTES = 1 << 16
_PIPES = 3 * 2


class LoginKeeper:
    """The keeping side; it serves until it is closed."""

    def __init__(self) -> None:
        self._folder = socket_directory()
        #: where borrowers find it
        self.path = self._folder / "k"
        self._kept: dict[Login, Logins] = {}
        self._lent: set[str] = set()
        self._grown: set[str] = set()
        self._served: set[socket.socket] = set()
        self._begun: dict[Login, threading.Thread] = {}
        self._refused: dict[Login, ConnectError] = {}
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self, login: Login) -> None:
        """Log in now, while others still get ready. Whether that worked is told to who first asks for the login."""

        def log_in() -> None:
            try:
                self._add_shell(self._logins(login).get())
            except ConnectError as error:
                self._refused[login] = error

        self._begun[login] = threading.Thread(target=log_in, daemon=True)
        self._begun[login].start()

    def close(self) -> None:
        """End it and all that it keeps."""
        with self._lock:
            kept, served = list(self._kept.values()), list(self._served)
        for end in (self._listener, *served):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits there; it closes it
        for logins in kept:
            logins.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _logins(self, login: Login) -> Logins:
        with self._lock:
            return self._kept.setdefault(login, Logins(login))

    def _accept(self) -> None:
        while True:
            try:
                borrower, _ = self._listener.accept()
            except OSError:
                self._listener.close()
                return
            with self._lock:
                self._served.add(borrower)
            threading.Thread(target=self._serve, args=(borrower,), daemon=True).start()

    def _serve(self, borrower: socket.socket) -> None:
        lent: list[RemoteShell] = []
        logins: Logins | None = None
        with borrower, contextlib.suppress(OSError, ValueError), borrower.makefile("rb") as calls:
            for line in calls:
                call = json.loads(line)
                pipes: list[int] = []
                answer: dict[str, Any] = {"ok": True}
                if "login" in call:
                    config = call["login"].pop("config")
                    logins = self._logins(Login(**call["login"], config=Path(config) if config else None))
                elif logins is None:
                    break
                elif call["call"] == "get":
                    answer, pipes = self._get(logins, call["within_s"], lent)
                elif call["call"] == "drop":
                    logins.drop()
                elif call["call"] == "expect_return":
                    logins.expect_return()
                elif call["call"] == "look":
                    held = logins.connection
                    alive = held is not None and held.nonce == call["nonce"] and not held.ended_within(call["s"])
                    words = held.last_words() if held is not None and not alive else ""
                    answer = {"ok": {"alive": alive, "words": words}}
                elif call["call"] == "return":
                    self._take_back(lent, call["states"])
                socket.send_fds(borrower, [json.dumps(answer).encode() + b"\n"], pipes)
        with self._lock:
            self._served.discard(borrower)
        self._take_back(lent, {})  # the borrower is gone, and what its shells were at is not known

    def _get(self, logins: Logins, within_s: float | None, lent: list[RemoteShell]) -> tuple[dict[str, Any], list[int]]:
        begun = self._begun.get(logins.login)
        if begun is not None:
            begun.join()
        try:
            refused = self._refused.pop(logins.login, None)
            if refused is not None:
                raise refused
            connection = logins.get(within_s)
        except ConnectError as error:
            told = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
            return {"error": told}, []
        about: dict[str, Any] = {
            "socket": str(connection.socket),
            "nonce": connection.nonce,
            "uid": connection.uid,
            "user": connection.user,
            "shells": [],
        }
        pipes: list[int] = []
        with self._lock:
            for shell in connection.shells:
                if not shell.spoiled and shell.nonce not in self._lent:
                    self._lent.add(shell.nonce)
                    lent.append(shell)
                    about["shells"].append({"nonce": shell.nonce, "state": shell.state})
                    pipes += shell.pipes
        self._add_shell(connection)
        return {"ok": about}, pipes

    def _add_shell(self, connection: Connection) -> None:
        # for who comes next: it takes a while, and nobody waits for it
        with self._lock:
            if not connection.shells or connection.nonce in self._grown:
                return
            self._grown.add(connection.nonce)
        threading.Thread(target=connection.add_shell, daemon=True).start()

    def _take_back(self, lent: list[RemoteShell], states: dict[str, Any]) -> None:
        with self._lock:
            for shell in lent:
                if shell.nonce in states:
                    shell.resume(states[shell.nonce])
                else:
                    shell.spoiled = True
                self._lent.discard(shell.nonce)
            lent.clear()


class KeptLogins:
    """The borrowing side; stands where ``Logins`` stands with a login of one's own."""

    def __init__(self, keeper: Path, login: Login) -> None:
        """Raises OSError where nobody keeps logins there."""
        self.login = login
        self.connection: BorrowedConnection | None = None
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._keeper = keeper
        self._socket: socket.socket | None = self._connect()

    def get(self, within_s: float | None = None) -> BorrowedConnection:
        """As ``Logins.get``."""
        with self._asking:
            if self.connection is None or not self.connection.alive:
                self._forget()
                about, pipes = self._call({"call": "get", "within_s": within_s})
                self.connection = BorrowedConnection(self, about, pipes)
            return self.connection

    def drop(self) -> None:
        """End the login, for everybody."""
        self._forget()
        self._call({"call": "drop"})

    def expect_return(self) -> None:
        """As ``Logins.expect_return``."""
        self._call({"call": "expect_return"})

    def close(self) -> None:
        """Give back what was borrowed; the login goes on."""
        connection, self.connection = self.connection, None
        if connection is not None:
            states = {shell.nonce: shell.state for shell in connection.shells if not shell.spoiled}
            with contextlib.suppress(ConnectError):  # its keeper is gone, and the shells with it
                self._call({"call": "return", "states": states})
            for shell in connection.shells:
                shell.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def look(self, nonce: str, seconds: float) -> dict[str, Any]:
        """Whether that login is still up ``seconds`` from now, and ssh's last words where it is not."""
        return self._call({"call": "look", "nonce": nonce, "s": seconds})[0]

    def _connect(self) -> socket.socket:
        config = str(self.login.config.resolve()) if self.login.config else None
        ours = socket.socket(socket.AF_UNIX)
        try:
            ours.connect(str(self._keeper))
            _exchange(ours, {"login": {**asdict(self.login), "config": config}})
        except OSError:
            ours.close()
            raise
        return ours

    def _forget(self) -> None:
        connection, self.connection = self.connection, None
        for shell in connection.shells if connection is not None else ():
            shell.close()

    def _call(self, call: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        try:
            with self._lock:
                if self._socket is None:
                    self._socket = self._connect()
                line, pipes = _exchange(self._socket, call)
            answer = json.loads(line)
        except (OSError, ValueError) as error:
            raise ConnectError(
                f"no connection to {self.login.name}: the process that keeps the login for this run has ended",
                "begin the run again: kdumpkit run HOST.yaml --resume",
            ) from error
        if "error" in answer:
            told = answer["error"]
            kind = getattr(errors, told["type"], ConnectError)
            raise kind(told["message"], told["hint"])
        return answer["ok"], pipes


def _exchange(with_keeper: socket.socket, call: dict[str, Any]) -> tuple[bytes, list[int]]:
    with_keeper.sendall(json.dumps(call).encode() + b"\n")
    line, pipes, _, _ = socket.recv_fds(with_keeper, _LINE_LIMIT_BYTES, _PIPES)
    while line and not line.endswith(b"\n"):
        more = with_keeper.recv(_LINE_LIMIT_BYTES)
        line = line + more if more else b""
    return line, pipes


class BorrowedConnection:
    """A login that another process keeps."""

    def __init__(self, kept: KeptLogins, about: dict[str, Any], pipes: list[int]) -> None:
        self.uid = int(about["uid"])
        self.user = str(about["user"])
        self.shells: list[RemoteShell] = []
        self._kept = kept
        self._socket = Path(about["socket"])
        self._nonce = str(about["nonce"])
        for number, lent in enumerate(about["shells"]):
            written, *read = pipes[3 * number : 3 * number + 3]
            streams = [os.fdopen(pipe, "rb", buffering=0) for pipe in read]
            shell = RemoteShell(os.fdopen(written, "wb", buffering=0), streams[0], streams[1], lent["nonce"])
            shell.resume(lent["state"])
            self.shells.append(shell)

    @property
    def alive(self) -> bool:
        """Whether the login is still up, as far as its keeper knows."""
        return bool(self._kept.look(self._nonce, 0.0)["alive"])

    def ended_within(self, timeout_s: float) -> bool:
        """Whether it ends before that many seconds have passed."""
        return not self._kept.look(self._nonce, timeout_s)["alive"]

    def last_words(self) -> str:
        """What ssh said last, where the login has ended."""
        return str(self._kept.look(self._nonce, 0.0)["words"])

    def client_argv(self, remote_command: str) -> list[str]:
        """An ssh that runs one command over this login."""
        return client_argv(self._socket, remote_command)
