"""The login to one host: made when it is first needed, shared while it lives, raced for while the host comes back."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from kdumpkit.errors import ConnectError
from kdumpkit.hosts.ssh_connection import Connection, Login

#: how long a look at a host that is away lasts, in seconds; attempts that are not done by then go on
LOOK_S = 2.0
#: attempts at a time: one that is given all its time, however slow the host is, and one that begins anew with each look
_ATTEMPTS = 2


class Logins:
    """Makes and holds the :class:`Connection` of a :class:`Login`."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.connection: Connection | None = None
        self._expected_back = False
        self._attempts: list[_Attempt] = []
        self._lock = threading.Lock()

    def get(self, within_s: float | None = None) -> Connection:
        """A login that is up, made now where there is none. Raises ConnectError and its kinds.

        ``within_s`` shortens the time for a new one. After :meth:`expect_return` each call looks for at most
        ``LOOK_S``: a packet that went into the host's night is repeated ever more slowly, so that an attempt from then
        can miss the host's return by ten seconds; another one is begun beside it, and the first that gets in counts.
        """
        with self._lock:
            if self.connection is not None and not self.connection.alive:
                self.connection.close()
                self.connection = None
            if self.connection is None:
                if self._expected_back:
                    self.connection = self._look()
                    self._give_up()
                    self._expected_back = False
                else:
                    login = self.login if within_s is None else _hurried(self.login, within_s)
                    connection = Connection(login)
                    connection.wait_for_login()
                    self.connection = connection
            return self.connection

    def expect_return(self) -> None:
        """The host goes down or is down: where no login is up, the next one is looked for as :meth:`get` tells."""
        with self._lock:
            self._expected_back = self.connection is None or not self.connection.alive

    def drop(self) -> None:
        """End the login, at once, whether the host answers or not. Attempts at a host that is expected back go on."""
        with self._lock:
            connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """End the login and all attempts."""
        self.drop()
        with self._lock:
            self._expected_back = False
            self._give_up()

    def _look(self) -> Connection:
        if len(self._attempts) == _ATTEMPTS:
            self._attempts.pop().cancel()
        newest = _Attempt(self.login)
        self._attempts.append(newest)
        ends_at = time.monotonic() + LOOK_S
        while time.monotonic() < ends_at:
            for attempt in self._attempts:
                if attempt.connection is not None:
                    self._attempts.remove(attempt)
                    return attempt.connection
            if newest.error is not None:
                self._attempts.remove(newest)
                raise newest.error
            self._attempts = [attempt for attempt in self._attempts if attempt.error is None]
            newest.ended.wait(0.02)
        raise ConnectError(
            f"no connection to {self.login.name}: no login within {LOOK_S:g} s", "is it up? look at its console"
        )

    def _give_up(self) -> None:
        for attempt in self._attempts:
            attempt.cancel()
        self._attempts = []


class _Attempt:
    """A login that is being made. Exactly one of ``connection`` and ``error`` is there once it has ended."""

    def __init__(self, login: Login) -> None:
        self.connection: Connection | None = None
        self.error: Exception | None = None
        self.ended = threading.Event()
        self._unwanted = False
        self._lock = threading.Lock()
        self._begun = Connection(login)
        threading.Thread(target=self._wait, daemon=True).start()

    def cancel(self) -> None:
        """Nobody wants it any more."""
        with self._lock:
            self._unwanted = True
            connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()
        else:
            self._begun.cancel()

    def _wait(self) -> None:
        try:
            self._begun.wait_for_login()
        except Exception as error:
            self.error = error
        else:
            with self._lock:
                if not self._unwanted:
                    self.connection = self._begun
            if self.connection is None:
                self._begun.close()
        self.ended.set()


def _hurried(login: Login, within_s: float) -> Login:
    return replace(
        login,
        connect_timeout_s=max(1, min(login.connect_timeout_s, int(within_s))),
        login_timeout_s=min(login.login_timeout_s, within_s),
    )
