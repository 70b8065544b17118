"""One process keeps the logins for a whole run; the processes of its stages borrow them.

The keeper listens on a socket in a folder that only its user may enter. A borrower writes one JSON line a call and
reads one: ``{"ok": ...}`` or ``{"error": ...}``. With a login comes the running shell, as three pipes, to one borrower
at a time. The keeper holds the connections' standard inputs, so that they end with it, however it ends.
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


class LoginKeeper:
    """The keeping side; it serves until it is closed."""

    def __init__(self) -> None:
        self._folder = socket_directory()
        #: where borrowers find it
        self.path = self._folder / "k"
        self._kept: dict[Login, Logins] = {}
        self._lent: set[str] = set()
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
                self._logins(login).get()
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
        lent: Connection | None = None
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
                    answer, pipes, lent = self._get(logins, call["within_s"], lent)
                elif call["call"] == "drop":
                    logins.drop()
                elif call["call"] == "expect_return":
                    logins.expect_return()
                elif call["call"] == "look":
                    held = logins.connection
                    alive = held is not None and held.nonce == call["nonce"] and not held.ended_within(call["s"])
                    words = held.last_words() if held is not None and not alive else ""
                    answer = {"ok": {"alive": alive, "words": words}}
                elif call["call"] == "return" and lent is not None and lent.shell is not None:
                    lent.shell.resume(call["state"])
                    self._take_back(lent)
                    lent = None
                socket.send_fds(borrower, [json.dumps(answer).encode() + b"\n"], pipes)
        with self._lock:
            self._served.discard(borrower)
        if lent is not None and lent.shell is not None:
            lent.shell.spoiled = True  # its borrower is gone, and what it was at is not known
            self._take_back(lent)

    def _get(
        self, logins: Logins, within_s: float | None, lent: Connection | None
    ) -> tuple[dict[str, Any], list[int], Connection | None]:
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
            return {"error": told}, [], lent
        about: dict[str, Any] = {
            "socket": str(connection.socket),
            "nonce": connection.nonce,
            "uid": connection.uid,
            "user": connection.user,
            "state": None,
        }
        pipes: list[int] = []
        shell = connection.shell
        with self._lock:
            if shell is not None and not shell.spoiled and connection.nonce not in self._lent:
                self._lent.add(connection.nonce)
                about["state"], pipes, lent = shell.state, shell.pipes, connection
        return {"ok": about}, pipes, lent

    def _take_back(self, connection: Connection) -> None:
        with self._lock:
            self._lent.discard(connection.nonce)


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
        if connection is not None and connection.shell is not None:
            if not connection.shell.spoiled:
                with contextlib.suppress(ConnectError):  # its keeper is gone, and the shell with it
                    self._call({"call": "return", "state": connection.shell.state})
            connection.shell.close()
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
        if connection is not None and connection.shell is not None:
            connection.shell.close()

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
    line, pipes, _, _ = socket.recv_fds(with_keeper, _LINE_LIMIT_BYTES, 3)
    while line and not line.endswith(b"\n"):
        more = with_keeper.recv(_LINE_LIMIT_BYTES)
        line = line + more if more else b""
    return line, pipes


class BorrowedConnection:
    """A login that another process keeps."""

    def __init__(self, kept: KeptLogins, about: dict[str, Any], pipes: list[int]) -> None:
        self.uid = int(about["uid"])
        self.user = str(about["user"])
        self.shell: RemoteShell | None = None
        self._kept = kept
        self._socket = Path(about["socket"])
        self._nonce = str(about["nonce"])
        if pipes:
            written, *read = pipes
            streams = [os.fdopen(pipe, "rb", buffering=0) for pipe in read]
            self.shell = RemoteShell(os.fdopen(written, "wb", buffering=0), streams[0], streams[1], self._nonce)
            self.shell.resume(about["state"])

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
