"""Connections that break, fall silent or are dropped: noticed in time, told apart, and made anew."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from kdumpkit.command import Command, command
from kdumpkit.errors import CommandTimeout, HostKeyChanged, HostLost
from kdumpkit.hosts import ssh
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.ssh import SshHost

from .conftest import Sshd, ended

# run as a command: the process that serves the connection is the nearest sshd above it
_SERVER = (
    "server=$$; while read -r name </proc/$server/comm; [ $name != sshd ]; do server=$(ps -o ppid= -p $server); "
    "server=$((server)); done; "
)


class Wire:
    """A relay in front of sshd that can go dead without a word, as a host does whose kernel panics."""

    def __init__(self, target: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._target = target
        self._open: list[socket.socket] = []
        self.dead = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if not self.dead.is_set():
                    sink.sendall(data)
            if not self.dead.is_set():
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self._listener.close()
        for side in self._open:
            side.close()


@pytest.fixture
def wire(sshd: Sshd) -> Iterator[Wire]:
    with closing(Wire(sshd.ports["plain"])) as relay:
        yield relay


def test_connection_that_breaks_in_mid_command(sshd: Sshd, web01: SshHost) -> None:
    before = sshd.logins()
    with pytest.raises(HostLost, match="the connection broke while"):
        web01.run(command("sh", "-c", _SERVER + "echo begun; kill -9 $server; sleep 20"))
    assert web01.run(command("echo", "again")).text == "again\n"
    assert sshd.logins() - before == 2


def test_status_255_is_no_lost_connection(sshd: Sshd, web01: SshHost) -> None:
    before = sshd.logins()
    assert web01.run(command("sh", "-c", "exit 255")).exit_status == 255
    assert web01.run(command("true")).exit_status == 0
    assert sshd.logins() - before == 1


def test_remote_shell_that_is_killed_gives_no_status(web01: SshHost) -> None:
    with pytest.raises(HostLost, match="remote shell was killed"):
        web01.run(command("sh", "-c", "kill -9 $(ps -o ppid= -p $$)"))
    assert web01.run(command("true")).exit_status == 0


def test_connection_that_broke_between_commands_is_made_anew(sshd: Sshd, web01: SshHost) -> None:
    web01.run(command("sh", "-c", _SERVER + "(sleep 0.3; kill -9 $server) >/dev/null 2>&1 </dev/null &"))
    time.sleep(0.7)
    assert web01.run(command("echo", "again")).text == "again\n"


def test_silent_host_is_given_up_by_the_keep_alives(sshd: Sshd, wire: Wire) -> None:
    known = f"[127.0.0.1]:{wire.port} {sshd.host_key}"
    with sshd.host(port=wire.port, known=known, alive_interval_s=1, alive_count=1) as host:
        host.run(command("true"))
        threading.Timer(0.2, wire.dead.set).start()
        started = time.monotonic()
        with pytest.raises(HostLost, match="not responding"):
            host.run(command("sleep", "30"))
        assert time.monotonic() - started < 6


def test_stopped_server_is_given_up_too(sshd: Sshd) -> None:
    with sshd.host(alive_interval_s=1, alive_count=1) as host:
        server = int(host.run(command("sh", "-c", _SERVER + "echo $server")).text)
        os.kill(server, signal.SIGSTOP)
        try:
            with pytest.raises(HostLost):
                host.run(command("true", timeout_s=20))
        finally:
            os.kill(server, signal.SIGKILL)
        assert host.run(command("true")).exit_status == 0


def test_disconnect_from_a_silent_host_returns_at_once(sshd: Sshd, wire: Wire) -> None:
    host = sshd.host(port=wire.port, known=f"[127.0.0.1]:{wire.port} {sshd.host_key}")
    host.run(command("true"))
    wire.dead.set()
    started = time.monotonic()
    host.disconnect()
    assert time.monotonic() - started < 1


def test_time_out_on_a_silent_host_drops_the_connection(
    sshd: Sshd, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "_END_GROUP_TIMEOUT_S", 1.0)
    with sshd.host(port=wire.port, known=f"[127.0.0.1]:{wire.port} {sshd.host_key}") as host:
        host.run(command("true"))
        threading.Timer(0.2, wire.dead.set).start()
        with pytest.raises(CommandTimeout, match="does not answer any more"):
            host.run(command("sleep", "30", timeout_s=0.5))
        assert host._logins.connection is None


def test_a_command_that_was_not_begun_in_time_drops_the_connection(sshd: Sshd, wire: Wire) -> None:
    # its line is still on the way, and must not be run when nobody waits for it any more
    with sshd.host(port=wire.port, known=f"[127.0.0.1]:{wire.port} {sshd.host_key}") as host:
        host.run(command("true"))
        wire.dead.set()
        with pytest.raises(CommandTimeout, match="does not answer any more"):
            host.run(command("true", timeout_s=0.5))
        assert host._logins.connection is None


def test_probe_drops_a_dead_connection_and_logs_in_anew(sshd: Sshd, wire: Wire) -> None:
    with sshd.host(port=wire.port, known=f"[127.0.0.1]:{wire.port} {sshd.host_key}") as host:
        assert host.probe(5)
        wire.dead.set()
        started = time.monotonic()
        assert not host.probe(1)
        assert time.monotonic() - started < 8
        wire.dead.clear()
        assert host.probe(5)


def test_probe_does_not_swallow_a_changed_key(sshd: Sshd) -> None:
    with sshd.host(known="") as host, pytest.raises(HostKeyChanged):
        host.probe(5)


def test_disconnect_leaves_no_process_and_no_file(web01: SshHost) -> None:
    web01.run(command("true"))
    connection = web01._logins.connection
    assert connection is not None
    pid, directory = connection._process.pid, connection._directory
    assert directory.exists()
    assert directory.stat().st_mode & 0o777 == 0o700
    web01.disconnect()
    assert not directory.exists()
    assert ended(str(pid), 0.5)
    web01.disconnect()


def test_fork_that_ends_does_not_take_the_connection_along(sshd: Sshd) -> None:
    code = (
        "import os; from pathlib import Path; from kdumpkit.hosts.ssh import SshHost;"
        "from kdumpkit.command import command;"
        f"host = SshHost('web01', config=Path({str(sshd.config())!r})); host.run(command('true'));"
        "pid = os.fork(); pid or exit(0); os.waitpid(pid, 0);"
        "print(host._logins.connection.alive, host.run(command('echo', 'still')).text.strip())"
    )
    before = sshd.logins()
    assert LocalHost().run(Command((sys.executable, "-c", code))).checked().text == "True still\n"
    assert sshd.logins() - before == 1


def test_connection_dies_with_the_process_that_made_it(sshd: Sshd) -> None:
    config = sshd.config()
    code = (
        "import os, signal; from pathlib import Path; from kdumpkit.hosts.ssh import SshHost;"
        "from kdumpkit.command import command;"
        f"host = SshHost('web01', config=Path({str(config)!r})); host.run(command('true'));"
        "print(host._logins.connection._process.pid, host._logins.connection._directory, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    said = LocalHost().run(Command((sys.executable, "-c", code), accepted=(137,))).checked().text
    pid, directory = said.split()
    assert ended(pid)
    shutil.rmtree(directory)
