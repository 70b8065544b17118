"""Fetching: whole or not at all, checked on both ends, resumed where it broke off."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from pathlib import Path

import pytest

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import CommandFailed, DiskFull, HostLocked, HostLost, NotVerified
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.process import Sink
from kdumpkit.hosts.ssh import SshHost

from .conftest import Sshd

DATA = os.urandom(1 << 20) * 3 + b"\nend"


class Breaking(LocalHost):
    """A host whose connection breaks after so many bytes; counts what goes over it."""

    def __init__(self, break_after: int | None = None) -> None:
        super().__init__("web01")
        self.break_after = break_after
        self.sent_bytes = 0

    def _stream(self, command: Command, sink: Sink) -> CommandResult:
        outer, left = self, [self.break_after]

        class Counting:
            def write(self, chunk: bytes) -> None:
                if left[0] is not None:
                    sink.write(chunk[: left[0]])
                    left[0] -= len(chunk)
                    if left[0] <= 0:
                        raise HostLost("gone")
                else:
                    sink.write(chunk)
                outer.sent_bytes += len(chunk)

        return super()._stream(command, Counting())


@pytest.fixture(params=["local", "ssh"])
def host(request: pytest.FixtureRequest) -> Host:
    return LocalHost() if request.param == "local" else request.getfixturevalue("web01")


def test_copy_progress_and_digest(host: Host, tmp_path: Path) -> None:
    (tmp_path / "vm core").write_bytes(DATA)
    seen: list[tuple[int, int]] = []
    fetched = host.fetch(str(tmp_path / "vm core"), tmp_path / "here" / "copy", lambda *step: seen.append(step))
    assert fetched.path.read_bytes() == DATA
    assert (fetched.size_bytes, fetched.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert seen[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert sorted(os.listdir(tmp_path / "here")) == ["copy"]


def test_empty_file(host: Host, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert host.fetch(str(tmp_path / "empty"), tmp_path / "copy").size_bytes == 0
    assert (tmp_path / "copy").read_bytes() == b""


def test_missing_file_and_directory(host: Host, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="it is not there"):
        host.fetch(str(tmp_path / "none"), tmp_path / "copy")
    with pytest.raises(CommandFailed, match="not a regular file"):
        host.fetch(str(tmp_path), tmp_path / "copy")
    assert os.listdir(tmp_path) == []


def test_resumes_where_it_broke_off(tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    local = tmp_path / "copy"
    with pytest.raises(HostLost):
        Breaking(2_000_000).fetch(str(tmp_path / "vmcore"), local)
    assert not local.exists()
    assert len(list(tmp_path.glob(".copy.*.part"))) == 1
    again = Breaking()
    again.fetch(str(tmp_path / "vmcore"), local)
    assert again.sent_bytes == len(DATA) - 2_000_000
    assert local.read_bytes() == DATA
    assert not list(tmp_path.glob(".copy.*"))


def test_damaged_part_is_fetched_anew(tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    with pytest.raises(HostLost):
        Breaking(2_000_000).fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    part = next(tmp_path.glob(".copy.*.part"))
    part.write_bytes(b"X" + part.read_bytes()[1:])
    LocalHost("web01").fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == DATA


def test_part_of_another_version_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    with pytest.raises(HostLost):
        Breaking(2_000_000).fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    (tmp_path / "vmcore").write_bytes(DATA + b"more")
    again = Breaking()
    again.fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    assert again.sent_bytes == len(DATA) + 4
    assert sorted(os.listdir(tmp_path)) == ["copy", "vmcore"]


def test_file_that_changes_meanwhile_is_not_verified(tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    (tmp_path / "copy").write_bytes(b"the old one")

    class Changing(LocalHost):
        def _stream(self, command: Command, sink: Sink) -> CommandResult:
            result = super()._stream(command, sink)
            (tmp_path / "vmcore").write_bytes(b"Y" + DATA[1:])
            return result

    with pytest.raises(NotVerified, match="differ"):
        Changing().fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"the old one"
    assert sorted(os.listdir(tmp_path)) == ["copy", "vmcore"]


def test_no_room_is_said_before_anything_is_sent(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    host = Breaking()
    with pytest.raises(DiskFull, match="no room here"):
        host.fetch(str(tmp_path / "vmcore"), tiny / "copy")
    assert host.sent_bytes == 0
    assert os.listdir(tiny) == []


def test_disk_that_fills_up_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)

    class Full(LocalHost):
        def _stream(self, command: Command, sink: Sink) -> CommandResult:
            sink.write(DATA[:100])
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull):
        Full().fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    assert os.listdir(tmp_path) == ["vmcore"]


def test_two_fetches_into_one_file(tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    with pytest.raises(HostLost):
        Breaking(1000).fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    with open(next(tmp_path.glob(".copy.*.part")), "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(HostLocked):
            LocalHost("web01").fetch(str(tmp_path / "vmcore"), tmp_path / "copy")


def test_unreadable_for_the_login_goes_through_sudo(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    with sshd.host("sudoers") as host:
        host.fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
        assert not (sshd.directory / "sudo-argv").exists()  # readable without
        with pytest.raises(CommandFailed, match="not there"):
            host.fetch(str(tmp_path / "none"), tmp_path / "copy")
        assert (sshd.directory / "sudo-argv").exists()
    (sshd.directory / "sudo-argv").unlink()


def test_connection_that_breaks_in_mid_transfer(sshd: Sshd, web01: SshHost, tmp_path: Path) -> None:
    size = 100 << 20
    with open(tmp_path / "vmcore", "wb") as file:
        file.truncate(size)
    web01.run(Command(("true",)))
    connection = web01._logins.connection
    assert connection is not None

    def cut(done: int, total: int) -> None:
        if done > 10 << 20:
            connection._process.kill()

    with pytest.raises(HostLost):
        web01.fetch(str(tmp_path / "vmcore"), tmp_path / "copy", cut)
    part = next(tmp_path.glob(".copy.*.part"))
    assert 0 < part.stat().st_size < size
    assert web01.fetch(str(tmp_path / "vmcore"), tmp_path / "copy").size_bytes == size
