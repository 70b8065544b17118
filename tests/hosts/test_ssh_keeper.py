"""A login that one process keeps and others borrow, and logins that are raced for while a host comes back."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kdumpkit.command import Command, command
from kdumpkit.errors import ConnectError, HostKeyChanged, HostLost
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.ssh import SshHost
from kdumpkit.hosts.ssh_keeper import KeptLogins, LoginKeeper
from kdumpkit.hosts.ssh_logins import Logins

from .conftest import Sshd, ended, free_port
from .test_ssh_loss import _SERVER


@pytest.fixture
def keeper() -> Iterator[LoginKeeper]:
    with closing(LoginKeeper()) as kept:
        yield kept


def test_those_who_follow_share_one_login_and_one_shell(sshd: Sshd, keeper: LoginKeeper) -> None:
    before = sshd.logins()
    shells = set()
    for number in range(3):
        with sshd.host(keeper=keeper.path) as host:
            assert isinstance(host._logins, KeptLogins)
            assert host.run(command("echo", str(number))).text == f"{number}\n"
            shells.add(host.run(command("sh", "-c", "ps -o ppid= -p $$")).text)
            assert host.run(Command(("cat",), stdin=b"by a session")).stdout == b"by a session"
    assert sshd.logins() - before == 1
    assert len(shells) == 1


def test_a_shell_is_lent_to_one_borrower_at_a_time(sshd: Sshd, keeper: LoginKeeper) -> None:
    before = sshd.logins()
    with (
        sshd.host(keeper=keeper.path) as one,
        sshd.host(keeper=keeper.path) as two,
        sshd.host(keeper=keeper.path) as no,
    ):
        wait_for_second_shell(keeper, one)
        names: list[str] = []
        for host in (one, two, no):
            assert host.run(command("echo", "mine")).text == "mine\n"
            assert host._logins.connection is not None
            names += [shell.nonce for shell in host._logins.connection.shells]
        assert len(names) == len(set(names)) == 2
    assert sshd.logins() - before == 1


def test_what_is_begun_beside_other_things_has_a_shell_of_its_own(sshd: Sshd, keeper: LoginKeeper) -> None:
    with sshd.host(keeper=keeper.path) as host:
        wait_for_second_shell(keeper, host)
    with sshd.host(keeper=keeper.path) as host:
        host.run(command("true"))
        sessions = (sshd.directory / "log").read_text().count("Starting session")
        slow = host.begin(command("sh", "-c", "sleep 1; echo slow"))
        time.sleep(0.2)
        assert host.run(command("echo", "meanwhile")).text == "meanwhile\n"
        assert slow().text == "slow\n"
        assert (sshd.directory / "log").read_text().count("Starting session") == sessions


def wait_for_second_shell(keeper: LoginKeeper, host: SshHost) -> None:
    host.run(command("true"))
    (kept,) = keeper._kept.values()
    ends_at = time.monotonic() + 10
    while kept.connection is None or len(kept.connection.shells) < 2:
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def test_a_borrower_that_dies_in_a_command_leaves_the_login_and_takes_the_shell(
    sshd: Sshd, keeper: LoginKeeper
) -> None:
    code = (
        "import os, signal, threading; from pathlib import Path; from kdumpkit.hosts.ssh import SshHost;"
        "from kdumpkit.command import command;"
        f"host = SshHost('web01', config=Path({str(sshd.config())!r}), keeper=Path({str(keeper.path)!r}));"
        "host.run(command('true'));"
        "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start();"
        "host.run(command('sleep', '2'))"
    )
    before = sshd.logins()
    died = LocalHost().run(Command((sys.executable, "-c", code)))
    assert died.exit_status in (-signal.SIGKILL, 128 + signal.SIGKILL)
    with sshd.host(keeper=keeper.path) as host:
        assert host.run(command("echo", "mine")).stdout == b"mine\n"
        assert host._logins.connection is not None
        (kept,) = keeper._kept.values()
        assert kept.connection is not None
        assert kept.connection.shells[0].spoiled
        assert kept.connection.shells[0].nonce not in [shell.nonce for shell in host._logins.connection.shells]
    assert sshd.logins() - before == 1


def test_disconnect_ends_it_for_all_and_the_next_run_logs_in_anew(sshd: Sshd, keeper: LoginKeeper) -> None:
    before = sshd.logins()
    with sshd.host(keeper=keeper.path) as host:
        host.run(command("true"))
        host.disconnect()
        assert host.run(command("echo", "again")).text == "again\n"
    assert sshd.logins() - before == 2


def test_a_connection_that_breaks_is_told_and_made_anew(sshd: Sshd, keeper: LoginKeeper) -> None:
    with sshd.host(keeper=keeper.path) as host:
        for timeout_s in (20, 200):
            with pytest.raises(HostLost, match="the connection broke while"):
                host.run(command("sh", "-c", _SERVER + "echo begun; kill -9 $server; sleep 20", timeout_s=timeout_s))
            assert host.run(command("echo", "again")).text == "again\n"


def test_errors_come_through_with_their_kind(sshd: Sshd, keeper: LoginKeeper) -> None:
    with sshd.host(keeper=keeper.path, known="") as host, pytest.raises(HostKeyChanged, match="not on record"):
        host.run(command("true"))


def test_a_login_that_was_begun_is_not_made_a_second_time(sshd: Sshd, keeper: LoginKeeper) -> None:
    before = sshd.logins()
    keeper.begin(sshd.host().login)
    with sshd.host(keeper=keeper.path) as host:
        host.run(command("true"))
    assert sshd.logins() - before == 1


def test_the_refusal_of_a_login_that_was_begun_is_told_once(sshd: Sshd, keeper: LoginKeeper) -> None:
    port = free_port()
    keeper.begin(sshd.host(port=port).login)
    with sshd.host(port=port, keeper=keeper.path) as host:
        for _ in range(2):
            with pytest.raises(ConnectError, match="nothing listens"):
                host.run(command("true"))


def test_without_a_keeper_the_login_is_our_own(sshd: Sshd, tmp_path: Path) -> None:
    with sshd.host(keeper=tmp_path / "gone") as host:
        assert host.run(command("echo", "own")).text == "own\n"


def test_a_keeper_that_ends_takes_the_login_along(sshd: Sshd) -> None:
    keeper = LoginKeeper()
    host = sshd.host(keeper=keeper.path)
    server = host.run(command("sh", "-c", _SERVER + "echo $server")).text
    keeper.close()
    assert ended(server)
    with host, pytest.raises(ConnectError, match="has ended"):
        host.run(command("true"))


def test_the_login_dies_with_the_process_that_keeps_it(sshd: Sshd) -> None:
    code = (
        "import os, signal; from pathlib import Path; from kdumpkit.hosts.ssh import SshHost;"
        "from kdumpkit.hosts.ssh_keeper import LoginKeeper; from kdumpkit.command import command;"
        f"keeper = LoginKeeper(); host = SshHost('web01', config=Path({str(sshd.config())!r}), keeper=keeper.path);"
        f"print(host.run(command('sh', '-c', {_SERVER + 'echo $server'!r})).text, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    said = LocalHost().run(Command((sys.executable, "-c", code), accepted=(137, -9))).checked().text
    assert ended(said)


# ---- a host that comes back


class Night:
    """A port that takes connections and is silent, and from a moment on is sshd's for those who come then."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.over = threading.Event()
        self._closed = threading.Event()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(near)
            if self._closed.is_set():
                near.close()
            elif self.over.is_set():
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open.append(far)
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_copy, args=(source, sink), daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._listener.close()
        for side in self._open:
            side.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass


@pytest.mark.parametrize("kept", [False, True])
def test_the_return_is_seen_although_an_earlier_attempt_still_hangs(
    sshd: Sshd, keeper: LoginKeeper, kept: bool
) -> None:
    with closing(Night(sshd.ports["plain"])) as night:
        known = f"[127.0.0.1]:{night.port} {sshd.host_key}"
        with sshd.host(port=night.port, known=known, keeper=keeper.path if kept else None) as host:
            host.expect_return()
            for _ in range(3):
                started = time.monotonic()
                with pytest.raises(ConnectError, match="no login within 2 s"):
                    host.run(command("true"))
                assert time.monotonic() - started < 3
            night.over.set()
            started = time.monotonic()
            assert host.run(command("echo", "back")).text == "back\n"
            assert time.monotonic() - started < 2  # one attempt by itself would have hung for ten


def test_a_host_that_is_up_is_not_looked_for(sshd: Sshd, keeper: LoginKeeper) -> None:
    with sshd.host(keeper=keeper.path) as host, sshd.host() as own:
        for each in (host, own):
            each.run(command("true"))
            each.expect_return()
            each.run(command("true"))
            each.disconnect()
        assert not next(iter(keeper._kept.values()))._expected_back
        assert isinstance(own._logins, Logins)
        assert not own._logins._expected_back


def test_a_slow_login_is_not_cut_off_by_short_looks(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Night(sshd.ports["plain"])) as night:
        known = f"[127.0.0.1]:{night.port} {sshd.host_key}"
        proxy = f" ProxyCommand sh -c 'sleep 5; exec nc 127.0.0.1 {sshd.ports['plain']}'\n"
        if LocalHost().run(command("sh", "-c", "command -v nc")).exit_status:
            proxy = proxy.replace("nc", "busybox nc")
        with sshd.host(port=night.port, known=known, lines=proxy) as host:
            host.expect_return()
            looks = 0
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                looks += 1
                try:
                    assert host.run(command("echo", "back")).text == "back\n"
                    break
                except ConnectError:
                    time.sleep(0.1)
            assert 2 <= looks <= 4


def test_a_changed_key_is_told_at_once(sshd: Sshd) -> None:
    with sshd.host(known="") as host:
        host.expect_return()
        with pytest.raises(HostKeyChanged):
            host.run(command("true"))


def test_attempts_that_are_not_needed_any_more_end(sshd: Sshd) -> None:
    with closing(Night(sshd.ports["plain"])) as night:
        host = sshd.host(port=night.port, known=f"[127.0.0.1]:{night.port} {sshd.host_key}")
        host.expect_return()
        for _ in range(3):
            with pytest.raises(ConnectError):
                host.run(command("true"))
        assert not isinstance(host._logins, KeptLogins)
        pids = [str(attempt._begun._process.pid) for attempt in host._logins._attempts]
        assert len(pids) == 2
        host.release()
        assert all(ended(pid) for pid in pids)
