"""Ranges of a file on a host: right bytes, one program there, made anew after a loss, and only of the same file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kdumpkit.command import Command
from kdumpkit.errors import CommandFailed, HostLost, NotVerified
from kdumpkit.hosts import ranges as module
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.on_host import OnHost
from kdumpkit.hosts.range_programs import index_argv, serve_argv
from kdumpkit.hosts.ranges import RemoteRanges, TalkingHost
from kdumpkit.hosts.ssh import SshHost
from tests.vmcore import dumps

from .conftest import Sshd

DATA = os.urandom(1 << 20) + b"end"


@pytest.fixture
def vmcore(tmp_path: Path) -> Path:
    path = tmp_path / "odd=name 'n\nso on"
    path.write_bytes(DATA)
    return path


@pytest.fixture(params=["local", "ssh", "noisy"])
def connect(request: pytest.FixtureRequest) -> Callable[[], TalkingHost]:
    if request.param == "local":
        return LocalHost
    sshd = request.getfixturevalue("sshd")
    return lambda: sshd.host("plain" if request.param == "ssh" else "noisy")


@pytest.fixture
def opened(connect: Callable[[], TalkingHost], vmcore: Path) -> Iterator[RemoteRanges]:
    remote = RemoteRanges(connect, str(vmcore))
    yield remote
    remote.close()


def test_bytes_of_each_range_in_order(opened: RemoteRanges) -> None:
    wanted = [(0, 1), (700_000, 300_001), (len(DATA) - 3, 3), (5, 131_072), (0, len(DATA))]
    assert opened.size_bytes == len(DATA)
    assert opened.read(wanted) == [DATA[offset : offset + length] for offset, length in wanted]
    assert opened.read([(9, 9)]) == [DATA[9:18]]


def test_one_login_and_one_program_for_all(sshd: Sshd, vmcore: Path) -> None:
    before = sshd.logins()
    remote = RemoteRanges(sshd.host, str(vmcore))
    try:
        servers = set()
        for number in range(20):
            remote.read([(number * 1000, 10)])
            servers.add(remote._server)
        assert len(servers) == 1
    finally:
        remote.close()
    assert sshd.logins() == before + 1


def test_program_on_the_host_ends_with_us(sshd: Sshd, vmcore: Path) -> None:
    remote = RemoteRanges(sshd.host, str(vmcore))
    remote.read([(0, 1)])
    assert remote._server is not None
    mark = remote._server._mark.decode().strip()
    assert subprocess.run(["pgrep", "-f", mark], capture_output=True).stdout
    remote.close()
    deadline = time.monotonic() + 5
    while subprocess.run(["pgrep", "-f", mark], capture_output=True).stdout and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not subprocess.run(["pgrep", "-f", mark], capture_output=True).stdout


def test_file_that_is_not_there(connect: Callable[[], TalkingHost], tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="it is not there"):
        RemoteRanges(connect, str(tmp_path / "none"))


def test_a_loss_is_made_good(sshd: Sshd, vmcore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES_S", (0.0, 0.0))
    hosts: list[SshHost] = []

    def connect() -> SshHost:
        hosts.append(sshd.host())
        return hosts[-1]

    remote = RemoteRanges(connect, str(vmcore))
    try:
        assert remote.read([(0, 3)]) == [DATA[:3]]
        connection = hosts[0]._logins.connection
        assert connection is not None
        connection._process.kill()
        assert remote.read([(100, 300_000), (7, 7)]) == [DATA[100:300_100], DATA[7:14]]
    finally:
        remote.close()


def test_a_host_that_stays_away_is_lost(vmcore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES_S", (0.0, 0.0))
    begun: list[Command] = []

    class Dying(LocalHost):
        def talk(self, command: Command, stderr: object) -> subprocess.Popen[bytes]:
            begun.append(command)
            return super().talk(Command(("sh", "-c", "echo power is out >&2; exit 1")), stderr)  # type: ignore[arg-type]

    remote = RemoteRanges(Dying, str(vmcore))
    with pytest.raises(HostLost, match="power is out"):
        remote.read([(0, 1)])
    assert len(begun) == 3


def test_another_file_under_the_same_name_is_not_gone_on_with(vmcore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES_S", (0.0, 0.0))
    remote = RemoteRanges(LocalHost, str(vmcore))
    remote.read([(0, 1)])
    vmcore.write_bytes(DATA[::-1])
    os.utime(vmcore, (1, 1))
    assert remote._server is not None
    remote._server._process.kill()
    with pytest.raises(NotVerified, match="changed while it was read"):
        remote.read([(0, 1)])
    remote.close()


def test_a_file_that_becomes_shorter_is_an_error_and_no_wait(vmcore: Path) -> None:
    remote = RemoteRanges(LocalHost, str(vmcore))
    os.truncate(vmcore, 500)
    remote.found = module.look_at(LocalHost(), str(vmcore))
    with pytest.raises(CommandFailed, match="1000 bytes at 100 could not be read: less came"):
        remote.read([(100, 1000)])
    remote.close()


def test_silence_has_an_end(vmcore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES_S", ())
    monkeypatch.setattr(module, "STALL_TIMEOUT_S", 0.3)

    class Silent(LocalHost):
        def talk(self, command: Command, stderr: object) -> subprocess.Popen[bytes]:
            return super().talk(Command(("sleep", "60")), stderr)  # type: ignore[arg-type]

    remote = RemoteRanges(Silent, str(vmcore))
    with pytest.raises(module.CommandTimeout, match=r"(?s)nothing came .* for 0\.3 s"):
        remote.read([(0, 1)])
    remote.close()


def test_sudo_is_asked_for_once(sshd: Sshd, vmcore: Path) -> None:
    log = sshd.directory / "sudo-argv"
    log.unlink(missing_ok=True)
    remote = RemoteRanges(lambda: sshd.host("sudoers"), str(vmcore))
    remote.found = module.RemoteFile(remote.found.path, remote.found.size_bytes, remote.found.identity, as_root=True)
    try:
        for number in range(5):
            assert remote.read([(number, 100)]) == [DATA[number : number + 100]]
        assert log.read_text().count("iflag=skip_bytes") == 1  # part of the one program
    finally:
        remote.close()
        log.unlink(missing_ok=True)


def test_a_fork_goes_on_by_itself(sshd: Sshd, vmcore: Path) -> None:
    remote = RemoteRanges(sshd.host, str(vmcore))
    try:
        assert remote.read([(0, 10)]) == [DATA[:10]]
        logins = sshd.logins()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if remote.read([(10, 10)]) == [DATA[10:20]] else 2
                remote.close()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert remote.read([(20, 10)]) == [DATA[20:30]]
        # what the two say would get mixed up in one connection
        assert sshd.logins() == logins + 1
    finally:
        remote.close()


@pytest.mark.parametrize("has", ["perl", "python3", "dd"])
def test_each_of_the_three_programs(tmp_path: Path, vmcore: Path, monkeypatch: pytest.MonkeyPatch, has: str) -> None:
    only(tmp_path, monkeypatch, has)
    remote = RemoteRanges(LocalHost, str(vmcore))
    try:
        wanted = [(0, 1), (700_000, 300_001), (5, 131_072), (0, len(DATA)), *((n * 1000, 20) for n in range(1000))]
        assert remote.read(wanted) == [DATA[offset : offset + length] for offset, length in wanted]
        os.truncate(vmcore, 500)
        with pytest.raises(CommandFailed, match="1000 bytes at 100 could not be read: less came"):
            remote.read([(100, 1000)])
    finally:
        remote.close()


def test_programs_are_one_line_for_odd_login_shells() -> None:
    for argv in (serve_argv("mark", "/var/crash/d"), index_argv("/var/crash/d", 4096, 9)):
        assert all("\n" not in word for word in argv)


@pytest.mark.parametrize("has", ["perl", "python3"])
@pytest.mark.parametrize("end", [True, False])
def test_index_of_a_flattened_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: str, end: bool) -> None:
    content = dumps.flattened(os.urandom(50_000), 3000, end=end)
    (tmp_path / "vmcore").write_bytes(content)
    only(tmp_path, monkeypatch, has)
    expected, place = [], 4096
    while head := content[place : place + 16]:
        expected.append(head)
        place += 16 + max(0, int.from_bytes(head[8:], "big", signed=True))
    for most in (1 << 20, 4, len(expected)):
        monkeypatch.setattr(module, "_INDEX_SEGMENTS", most)
        remote = RemoteRanges(LocalHost, str(tmp_path / "vmcore"))
        assert list(remote.segment_headers(4096) or ()) == expected
        remote.close()


def test_no_index_without_perl_and_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vmcore").write_bytes(dumps.flattened(b"x" * 5000))
    only(tmp_path, monkeypatch)
    remote = RemoteRanges(LocalHost, str(tmp_path / "vmcore"))
    assert remote.segment_headers(4096) is None
    remote.close()


def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    """Let a local host have a shell's needs and these programs, and no others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in dict.fromkeys(("sh", "stat", *programs)):
        found = sys.executable if name == "python3" else subprocess.check_output(["which", name], text=True).strip()
        (folder / name).symlink_to(found)
    real, talks = LocalHost.run, LocalHost.talk

    def run(host: LocalHost, command: Command) -> object:
        argv = ("env", f"PATH={folder}", *command.argv)
        return real(host, Command(argv, command.timeout_s, accepted=command.accepted, title=command.title))

    def talk(host: LocalHost, command: Command, stderr: object) -> object:
        return talks(host, Command(("env", f"PATH={folder}", *command.argv)), stderr)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalHost, "run", run)
    monkeypatch.setattr(LocalHost, "talk", talk)


def test_a_dump_read_over_ssh_by_a_program_of_its_own(sshd: Sshd, tmp_path: Path) -> None:
    info = (dumps.VMCOREINFO_HEAD + dumps.RINGBUFFER_LAYOUT).encode()
    memory = dumps.pages(dumps.ringbuffer([(1_500_000_000, b"Kernel panic - not syncing: of a test")]))
    (tmp_path / "dump").write_bytes(dumps.flattened(dumps.kdump(memory, info)))
    where = OnHost("web01", "web01", str(sshd.config())).arguments()
    argv = [sys.executable, "-m", "kdumpkit.vmcore.dmesg", str(tmp_path / "dump"), *where]
    environment = {name: value for name, value in os.environ.items() if name != "KDUMPKIT_LOGINS"}
    done = subprocess.run(argv, capture_output=True, timeout=120, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"[    1.500000] Kernel panic - not syncing: of a test\n"
