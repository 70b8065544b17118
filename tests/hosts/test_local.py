"""The local host: statuses as a shell gives them, deadlines that hold, output as it came."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from kdumpkit.command import Command, command
from kdumpkit.errors import CommandTimeout, HostError, LoginRefused
from kdumpkit.hosts.local import LocalHost

from .conftest import ended, script

HERE = LocalHost()


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 255"), 255),
        (("no-such-program-here",), 127),
        (("/etc/passwd",), 126),
        (("sh", "-c", "kill -9 $$"), 137),
    ],
)
def test_status_is_what_a_shell_would_say(argv: tuple[str, ...], status: int) -> None:
    assert HERE.run(Command(argv)).exit_status == status


def test_streams_are_apart_and_bytes_survive() -> None:
    result = HERE.run(command("sh", "-c", r"printf 'a\000\377\r\n'; printf 'e\n' >&2"))
    assert (result.stdout, result.stderr) == (b"a\0\xff\r\n", b"e\n")


def test_no_shell_touches_the_words() -> None:
    words = ("$HOME", "a b", "'", '"', "\n", "*", "\udcff")
    result = HERE.run(Command(("printf", "%s|", *words)))
    assert result.stdout == b"$HOME|a b|'|\"|\n|*|\xff|"


def test_locale_is_c_and_standard_input_is_closed() -> None:
    assert HERE.run(command("sh", "-c", "echo $LC_ALL; cat")).stdout == b"C\n"


def test_standard_input_is_passed_and_may_be_ignored() -> None:
    data = os.urandom(3 << 20)
    assert HERE.run(Command(("cat",), stdin=data)).stdout == data
    assert HERE.run(Command(("true",), stdin=data)).exit_status == 0


def test_time_out_ends_the_whole_group(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    started = time.monotonic()
    with pytest.raises(CommandTimeout, match=r"no end within 0.4 s.*last words: waiting for it"):
        HERE.run(command("sh", "-c", f"echo waiting for it >&2; sleep 50 & echo $! >{pid_file}; wait", timeout_s=0.4))
    assert time.monotonic() - started < 2
    assert ended(pid_file.read_text())


def test_a_program_that_ignores_term_is_killed() -> None:
    with pytest.raises(CommandTimeout):
        HERE.run(command("sh", "-c", "trap '' TERM; while :; do sleep 0.05; done", timeout_s=0.2))


def test_too_much_output_is_an_error_not_a_cut() -> None:
    with pytest.raises(HostError, match="more than 1000 bytes"):
        LocalHost(output_limit_bytes=1000).run(command("yes", timeout_s=10))


def test_a_daemon_that_keeps_the_pipe_open_is_not_waited_for() -> None:
    started = time.monotonic()
    result = HERE.run(command("sh", "-c", "sleep 3 & echo ready", timeout_s=20))
    assert result.stdout == b"ready\n"
    assert time.monotonic() - started < 2.5


def test_working_directory(tmp_path: Path) -> None:
    assert LocalHost(cwd=tmp_path).run(command("pwd")).text.strip() == str(tmp_path)
    with pytest.raises(HostError, match="working directory"):
        LocalHost(cwd=tmp_path / "none").run(command("true"))


@pytest.fixture
def not_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in front of PATH, and the belief that we are not root."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return tmp_path


def test_as_root_goes_through_sudo(not_root: Path) -> None:
    script(
        not_root / "sudo", f'#!/bin/sh\nprintf "%s\\n" "$@" >{not_root}/argv\necho warning >&2\nshift 2; exec "$@"\n'
    )
    result = HERE.run(command("sh", "-c", "echo out; echo err >&2; exit 7", as_root=True))
    assert (result.exit_status, result.stdout, result.stderr) == (7, b"out\n", b"err\n")
    assert (not_root / "argv").read_text().startswith("-n\n--\n")


def test_refusal_of_sudo_is_not_the_status_of_the_command(not_root: Path) -> None:
    script(not_root / "sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2; exit 1\n")
    with pytest.raises(LoginRefused, match="a password is required") as caught:
        HERE.run(command("true", as_root=True))
    assert "NOPASSWD" in caught.value.hint


def test_where_there_is_no_sudo_it_is_to_be_installed_first(not_root: Path) -> None:
    with pytest.raises(LoginRefused, match="sudo: not found") as caught:
        HERE.run(command("true", as_root=True))
    assert "install sudo there and add this line" in caught.value.hint


def test_root_needs_no_sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "sudo", "#!/bin/sh\nexit 9\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert HERE.run(command("true", as_root=True)).exit_status == 0


def test_last_words_are_the_commands_not_ours(not_root: Path) -> None:
    script(not_root / "sudo", '#!/bin/sh\nshift 2; exec "$@"\n')
    with pytest.raises(CommandTimeout) as caught:
        HERE.run(command("sleep", "20", as_root=True, timeout_s=0.3))
    assert "last words" not in caught.value.message
