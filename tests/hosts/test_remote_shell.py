"""Commands over the shell that keeps running: the same bytes as by sessions, and what makes it step aside."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from kdumpkit.command import Command, command
from kdumpkit.errors import CommandTimeout, HostError, HostLost
from kdumpkit.hosts.remote_shell import LONGEST_TIMEOUT_S, RemoteShell
from kdumpkit.hosts.ssh import SshHost

from .conftest import Sshd, ended

#: a command that may take longer than this gets a session of its own
BY_SESSION_S = LONGEST_TIMEOUT_S + 1


@pytest.fixture
def shell(web01: SshHost) -> RemoteShell:
    web01.run(command("true"))
    connection = web01._logins.connection
    assert connection is not None
    return connection.shells[0]


def sessions(sshd: Sshd) -> int:
    return (sshd.directory / "log").read_text().count("Starting session")


@pytest.mark.parametrize(
    "argv",
    [
        ("true",),
        ("sh", "-c", "exit 255"),
        ("no-such-program-here",),
        ("./no-such-program-here",),
        ("/etc/passwd",),
        ("/etc",),
        ("exit", "3"),
        ("-x",),
        ("",),
        ("printf", "%s|", "$HOME", "a b", "'", '"', "\n", "*", "!", "\\", "", "é", "\udcff"),
        ("sh", "-c", r"printf '\000\377\r\n~.'; printf '%s' $LC_ALL >&2"),
        ("sh", "-c", "echo $0 $# $PATH; pwd; umask; ulimit -n; cat", "name", "one"),
        ("cat",),
        ("ls", "/no/such/file"),
        ("head", "-c", "3000000", "/dev/zero"),
        ("sh", "-c", "kill -9 $$"),
        ("sh", "-c", "echo half a line; kill -TERM $$"),
    ],
)
def test_it_gives_what_a_session_gives(sshd: Sshd, web01: SshHost, shell: RemoteShell, argv: tuple[str, ...]) -> None:
    before = sessions(sshd)
    ours = web01.run(Command(argv))
    assert sessions(sshd) == before
    theirs = web01.run(Command(argv, timeout_s=BY_SESSION_S))
    assert sessions(sshd) == before + 1
    assert (ours.exit_status, ours.stdout, ours.stderr) == (theirs.exit_status, theirs.stdout, theirs.stderr)
    assert not shell.spoiled


@pytest.mark.parametrize(
    "argv",
    [
        ("sh", "-c", "true"),
        ("sh", "-c", ":", "sh"),
        ("sh", "-c", "exit 255"),
        ("sh", "-c", "if then"),
        ("sh", "-c", "no-such-program-here"),
        ("sh", "-c", r"printf '\000\377\r\n~.'; printf '%s' $LC_ALL >&2"),
        (
            "sh",
            "-c",
            'echo $# "$@" $PATH; pwd; umask; ulimit -n; cat',
            "name",
            "one",
            "a b",
            "'",
            '"',
            "\n",
            "*",
            "",
            "é",
        ),
        ("sh", "-c", "f() { echo f \"$1\"; }; trap 'echo over' EXIT; f x; exit 3"),
        ("sh", "-c", "set -f; IFS=; umask 077; cd /; exec cat /proc/self/comm"),
        ("sh", "-c", "read -r none < /no/such/file; echo after"),
        ("true",),
    ],
)
def test_a_script_that_is_run_inline_gives_what_a_session_gives(
    sshd: Sshd, web01: SshHost, shell: RemoteShell, argv: tuple[str, ...]
) -> None:
    before = sessions(sshd)
    for _ in range(2):  # the first one leaves nothing behind for the second
        ours = web01.run(Command(argv, inline=True))
    assert sessions(sshd) == before
    theirs = web01.run(Command(argv, timeout_s=BY_SESSION_S))
    assert (ours.exit_status, ours.stdout) == (theirs.exit_status, theirs.stdout)
    # what a shell puts before its own messages names where it was
    assert (ours.stderr == b"") == (theirs.stderr == b"")
    assert not shell.spoiled
    assert web01.run(command("echo", "next")).text == "next\n"


@pytest.mark.parametrize("text", [b"a line\nand 'half' a \"line\\n $x", b"\xff\xfe\n", b"\n\n", b"-n", b"x" * 20000])
def test_one_that_is_run_inline_may_have_a_little_input(
    sshd: Sshd, web01: SshHost, shell: RemoteShell, text: bytes
) -> None:
    before = sessions(sshd)
    result = web01.run(Command(("sh", "-c", "cat; exit 7"), stdin=text, inline=True))
    assert (result.exit_status, result.stdout) == (7, text)
    assert sessions(sshd) == before


@pytest.mark.parametrize("text", [b"\0", b"x" * 40000])
def test_other_input_goes_by_a_session(sshd: Sshd, web01: SshHost, shell: RemoteShell, text: bytes) -> None:
    before = sessions(sshd)
    assert web01.run(Command(("sh", "-c", "cat"), stdin=text, inline=True)).stdout == text
    assert sessions(sshd) == before + 1
    assert not shell.spoiled


def test_a_script_that_is_run_inline_starts_no_program_of_its_own(web01: SshHost, shell: RemoteShell) -> None:
    script = "read -r own name state parent rest </proc/self/stat; echo $parent $$"
    parent, running = web01.run(Command(("sh", "-c", script), inline=True)).text.split()
    assert parent == running


def test_after_a_time_out_of_one_that_is_run_inline_the_login_is_a_new_one(
    sshd: Sshd, web01: SshHost, shell: RemoteShell, tmp_path: Path
) -> None:
    logins = sshd.logins()
    script = f"sleep 61 & echo $! >{tmp_path}/child; wait"
    with pytest.raises(CommandTimeout, match="was ended"):
        web01.run(Command(("sh", "-c", script), timeout_s=0.5, inline=True))
    assert ended((tmp_path / "child").read_text())
    assert web01.run(command("echo", "again")).text == "again\n"
    assert sshd.logins() == logins + 1


def test_a_command_leads_its_own_group_and_session(web01: SshHost, shell: RemoteShell) -> None:
    own, group, session = web01.run(command("sh", "-c", "ps -o pid=,pgid=,sid= -p $$")).text.split()
    assert own == group == session


def test_a_command_cannot_change_the_next_one(web01: SshHost, shell: RemoteShell) -> None:
    web01.run(command("sh", "-c", "cd /; umask 777; IFS=x; PATH=/; export PATH; set -e"))
    assert (
        web01.run(command("sh", "-c", "umask; echo $PATH")).stdout
        == web01.run(command("sh", "-c", "umask; echo $PATH", timeout_s=BY_SESSION_S)).stdout
    )


def test_standard_input_goes_by_a_session(sshd: Sshd, web01: SshHost, shell: RemoteShell) -> None:
    before = sessions(sshd)
    assert web01.run(Command(("cat",), stdin=b"\0x\n")).stdout == b"\0x\n"
    assert sessions(sshd) == before + 1


def test_what_goes_on_in_the_background_never_writes_into_another_commands_output(
    sshd: Sshd, web01: SshHost, shell: RemoteShell
) -> None:
    background = "(sleep 0.5; echo late; echo late >&2) & echo ready"
    assert web01.run(command("sh", "-c", background)).stdout == b"ready\n"
    result = web01.run(command("sh", "-c", "sleep 1; echo mine"))
    assert (result.stdout, result.stderr) == (b"mine\n", b"")
    assert shell.spoiled
    assert web01.run(command("echo", "by a session")).text == "by a session\n"


def test_after_a_time_out_commands_go_by_sessions_of_the_same_login(
    sshd: Sshd, web01: SshHost, shell: RemoteShell, tmp_path: Path
) -> None:
    logins = sshd.logins()
    script = f"echo $$ >{tmp_path}/leader; sleep 61 & echo $! >{tmp_path}/child; wait"
    with pytest.raises(CommandTimeout, match="was ended"):
        web01.run(command("sh", "-c", script, timeout_s=0.5))
    assert ended((tmp_path / "leader").read_text())
    assert ended((tmp_path / "child").read_text())
    assert shell.spoiled
    assert web01.run(command("echo", "again")).text == "again\n"
    assert sshd.logins() == logins


def test_after_too_much_output_too(sshd: Sshd) -> None:
    with sshd.host(output_limit_bytes=100_000) as host:
        with pytest.raises(HostError, match="more than 100000 bytes"):
            host.run(command("yes"))
        assert host.run(command("echo", "again")).text == "again\n"


def test_a_shell_that_was_killed_between_two_commands_is_done_without(
    sshd: Sshd, web01: SshHost, shell: RemoteShell
) -> None:
    parent = web01.run(command("sh", "-c", "ps -o ppid= -p $$")).text.strip()
    web01.run(command("kill", "-9", parent, timeout_s=BY_SESSION_S))
    time.sleep(0.2)
    logins = sshd.logins()
    assert web01.run(command("echo", "once", timeout_s=5)).text == "once\n"
    assert sshd.logins() == logins


def test_a_command_whose_shell_is_killed_is_not_run_a_second_time(web01: SshHost, tmp_path: Path) -> None:
    web01.run(command("true"))
    script = f"echo run >>{tmp_path}/runs; kill -9 $(ps -o ppid= -p $$)"
    with pytest.raises(HostLost, match="remote shell was killed"):
        web01.run(command("sh", "-c", script))
    assert (tmp_path / "runs").read_text() == "run\n"


def test_half_a_line_is_not_run(web01: SshHost, shell: RemoteShell, tmp_path: Path) -> None:
    web01.run(command("true"))
    shell._input.write(f"{{ kd_run '' {'0' * 32} touch {tmp_path}/made".encode())
    web01.disconnect()
    time.sleep(0.3)
    assert not (tmp_path / "made").exists()


def test_threads_do_not_wait_for_each_other(web01: SshHost, shell: RemoteShell) -> None:
    slow = threading.Thread(target=lambda: web01.run(command("sleep", "2")))
    slow.start()
    time.sleep(0.2)
    started = time.monotonic()
    assert web01.run(command("echo", "meanwhile")).text == "meanwhile\n"
    assert time.monotonic() - started < 1.5
    slow.join()


def test_noise_of_the_login_is_not_output(sshd: Sshd) -> None:
    with sshd.host("noisy") as host:
        for _ in range(2):
            result = host.run(command("sh", "-c", "echo out; echo err >&2"))
            assert (result.stdout, result.stderr) == (b"out\n", b"err\n")


def test_a_host_without_setsid_is_asked_by_sessions(sshd: Sshd, tmp_path: Path) -> None:
    # a PATH in which there is little
    for name in ("sh", "id", "cat", "echo"):
        (tmp_path / name).symlink_to(f"/bin/{name}" if name != "id" else "/usr/bin/id")
    with sshd.host(lines=f" SetEnv PATH={tmp_path}\n") as host:
        host.run(command("true"))
        connection = host._logins.connection
        assert connection is not None
        assert host.run(command("echo", "as ever")).text == "as ever\n"
