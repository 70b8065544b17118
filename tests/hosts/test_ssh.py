"""ssh against a real sshd: what a command gives, and every way in which a login can fail."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from kdumpkit.command import Command, command
from kdumpkit.errors import CommandTimeout, ConnectError, HostError, HostKeyChanged, LoginRefused, UsageError
from kdumpkit.hosts.ssh import SshHost

from .conftest import Sshd, ended, free_port


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 255"), 255),
        (("no-such-program-here",), 127),
        (("/etc/passwd",), 126),
        (("sh", "-c", "kill -9 $$"), 137),
        (("exit", "3"), 127),  # a builtin of the remote shell is no program
    ],
)
def test_status_is_the_commands_own(web01: SshHost, argv: tuple[str, ...], status: int) -> None:
    assert web01.run(Command(argv)).exit_status == status


def test_words_arrive_as_they_are(web01: SshHost) -> None:
    words = ("$HOME", "a b", "'", '"', "\n", "*", "!", "\\", "", "é", "\udcff")
    result = web01.run(Command(("printf", "%s|", *words)))
    assert result.stdout == "$HOME|a b|'|\"|\n|*|!|\\||é|".encode() + b"\xff|"
    assert result.stderr == b""


def test_binary_output_and_locale(web01: SshHost) -> None:
    result = web01.run(command("sh", "-c", r"printf '\000\377\r\n~.'; printf '%s' $LC_ALL >&2"))
    assert (result.stdout, result.stderr) == (b"\0\xff\r\n~.", b"C")


def test_huge_output_and_input(web01: SshHost) -> None:
    data = os.urandom(1 << 20) * 16
    assert web01.run(Command(("cat",), stdin=data)).stdout == data
    assert web01.run(Command(("true",), stdin=data)).exit_status == 0


def test_standard_input_is_closed(web01: SshHost) -> None:
    assert web01.run(command("cat", timeout_s=5)).stdout == b""


def test_many_commands_share_one_login(sshd: Sshd, web01: SshHost) -> None:
    before = sshd.logins()
    started = time.monotonic()
    for number in range(20):
        assert web01.run(command("echo", str(number))).text == f"{number}\n"
    assert sshd.logins() - before == 1
    assert time.monotonic() - started < 6  # 15 ms each where nothing else runs; a login each would take more


def test_threads_share_it_too(sshd: Sshd, web01: SshHost) -> None:
    before, got = sshd.logins(), []
    threads = [threading.Thread(target=lambda n=n: got.append(web01.run(command("echo", n)).text)) for n in "abcde"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == ["a\n", "b\n", "c\n", "d\n", "e\n"]
    assert sshd.logins() - before == 1


def test_banner_and_noise_of_the_shell_are_not_output(sshd: Sshd) -> None:
    with sshd.host("noisy") as host:
        result = host.run(command("sh", "-c", "echo out; echo err >&2"))
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")


def test_a_daemon_that_keeps_the_pipe_open_is_not_waited_for(web01: SshHost) -> None:
    started = time.monotonic()
    assert web01.run(command("sh", "-c", "sleep 3 & echo ready", timeout_s=20)).stdout == b"ready\n"
    assert time.monotonic() - started < 2.5


def test_time_out_ends_the_command_on_the_host(web01: SshHost, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with pytest.raises(CommandTimeout, match=r"no end within 0.5 s and was ended; its last words: hm"):
        web01.run(command("sh", "-c", f"echo hm >&2; echo $$ >{pid_file}; exec sleep 60", timeout_s=0.5))
    assert ended(pid_file.read_text())
    assert web01.run(command("true")).exit_status == 0


def test_too_much_output_is_an_error_and_the_command_is_ended(sshd: Sshd, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with sshd.host(output_limit_bytes=100_000) as host:
        with pytest.raises(HostError, match="more than 100000 bytes"):
            host.run(command("sh", "-c", f"echo $$ >{pid_file}; exec yes"))
        assert ended(pid_file.read_text())
        assert host.run(command("true")).exit_status == 0


def test_a_command_line_that_is_too_long_is_said_so(web01: SshHost) -> None:
    result = web01.run(command("echo", "x" * 200_000))
    assert result.exit_status == 126
    assert b"too long" in result.stderr


def test_options_cannot_be_smuggled_in_as_a_destination(tmp_path: Path) -> None:
    for destination in ("-oProxyCommand=touch /tmp/x", "", "web01 reboot"):
        with pytest.raises(UsageError):
            SshHost(destination)
    with pytest.raises(UsageError, match="not there"):
        SshHost("web01", config=tmp_path / "none")


def test_users_configuration_cannot_unmake_the_login(sshd: Sshd) -> None:
    lines = (
        " RemoteCommand echo mine\n RequestTTY force\n ControlMaster auto\n ControlPath none\n ControlPersist yes\n"
        " LogLevel QUIET\n StrictHostKeyChecking no\n LocalForward 1 127.0.0.1:1\n ExitOnForwardFailure yes\n"
    )
    with sshd.host(lines=lines) as host:
        assert host.run(command("echo", "ours")).stdout == b"ours\n"
    with sshd.host(lines=lines, known="") as host, pytest.raises(HostKeyChanged):
        host.run(command("true"))


# ---- logins that fail


def test_refused_port(sshd: Sshd) -> None:
    with sshd.host(port=free_port()) as host, pytest.raises(ConnectError, match="nothing listens") as caught:
        host.run(command("true"))
    assert type(caught.value) is ConnectError


def test_unknown_name(sshd: Sshd) -> None:
    with (
        SshHost("no-such-host.invalid", config=sshd.config()) as host,
        pytest.raises(ConnectError, match="name is unknown") as caught,
    ):
        host.run(command("true"))
    assert "getent hosts no-such-host.invalid" in caught.value.hint


def test_key_that_is_not_allowed(sshd: Sshd) -> None:
    with sshd.host(identity="stranger") as host, pytest.raises(LoginRefused, match="Permission denied"):
        host.run(command("true"))


def test_changed_host_key(sshd: Sshd) -> None:
    port, other = sshd.ports["plain"], (sshd.directory / "stranger.pub").read_text()
    with sshd.host(known=f"[127.0.0.1]:{port} {other}") as host, pytest.raises(HostKeyChanged) as caught:
        host.run(command("true"))
    assert "not the one on record" in caught.value.message
    assert f"-R '[127.0.0.1]:{port}'" in caught.value.hint
    assert ".known_hosts" in caught.value.hint


def test_unknown_host_key(sshd: Sshd) -> None:
    with sshd.host(known="") as host, pytest.raises(HostKeyChanged, match="not on record"):
        host.run(command("true"))


def test_a_banner_does_not_decide_which_error_it_is(sshd: Sshd) -> None:
    # the banner of this port says "Permission denied" and "Connection refused"
    with sshd.host("noisy", known="") as host, pytest.raises(HostKeyChanged):
        host.run(command("true"))


def test_login_without_a_shell(sshd: Sshd) -> None:
    with sshd.host("no_shell") as host, pytest.raises(LoginRefused, match="currently not available"):
        host.run(command("true"))


def test_host_that_allows_one_session_only(sshd: Sshd) -> None:
    with sshd.host("one_session") as host:
        assert host.run(command("echo", "by the session of the login")).exit_status == 0
        with pytest.raises(ConnectError) as caught:
            host.run(command("true", timeout_s=120))
    assert "MaxSessions" in caught.value.hint


def test_no_ssh_client(sshd: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    host = sshd.host()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConnectError, match="not installed"):
        host.run(command("true"))


def test_peer_that_takes_the_connection_and_says_nothing(sshd: Sshd) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        started = time.monotonic()
        host = sshd.host(port=port, connect_timeout_s=1)
        with pytest.raises(ConnectError, match="said nothing"):
            host.run(command("true"))
        assert not host.probe(1.0)
        assert host.last_refusal is not None
        assert time.monotonic() - started < 5


# ---- root


def test_as_root_goes_through_sudo_where_the_login_is_not_root(sshd: Sshd) -> None:
    with sshd.host("sudoers") as host:
        result = host.run(command("sh", "-c", "echo out; echo err >&2; exit 7", as_root=True))
        assert (result.exit_status, result.stdout, result.stderr) == (7, b"out\n", b"err\n")
        argv = (sshd.directory / "sudo-argv").read_text().splitlines()
        assert argv[:2] == ["-n", "--"]
        assert argv[-3:] == ["sh", "-c", "echo out; echo err >&2; exit 7"]
        (sshd.directory / "sudo-argv").unlink()
        host.run(command("true"))
        assert not (sshd.directory / "sudo-argv").exists()


def test_refusal_of_sudo_says_what_to_configure(sshd: Sshd) -> None:
    refuses = sshd.directory / "sudo-refuses"
    refuses.touch()
    try:
        with sshd.host("sudoers") as host, pytest.raises(LoginRefused, match="a password is required") as caught:
            host.run(command("true", as_root=True))
    finally:
        refuses.unlink()
    assert "ops ALL=(root) NOPASSWD: ALL" in caught.value.hint


def test_time_out_under_sudo(sshd: Sshd) -> None:
    with sshd.host("sudoers") as host, pytest.raises(CommandTimeout, match="was ended") as caught:
        host.run(command("sleep", "20", as_root=True, timeout_s=0.5))
    assert "last words" not in caught.value.message
    (sshd.directory / "sudo-argv").unlink()
