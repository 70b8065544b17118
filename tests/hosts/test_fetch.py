"""Fetching: whole or not at all, checked on both ends, resumed where it broke off."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import CommandFailed, DiskFull, HostLocked, HostLost, NotVerified
from kdumpkit.hosts import part
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
        #: what was asked beside the data
        self.ran: list[str] = []

    def run(self, command: Command) -> CommandResult:
        self.ran.append(command.shown())
        return super().run(command)

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
    there = next(tmp_path.glob(".copy.*.part"))
    there.write_bytes(b"X" + there.read_bytes()[1:])
    again = Breaking()
    again.fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == DATA
    # seen before anything is added to it, so all is sent once and not once and a bit
    assert again.sent_bytes == len(DATA)


def test_commands_on_the_host(tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    whole = Breaking()
    whole.fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    assert [command.split()[0] for command in whole.ran] == ["stat", "sha256sum"]
    (tmp_path / "copy").unlink()
    with pytest.raises(HostLost):
        Breaking(2_000_000).fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    resumed = Breaking()
    resumed.fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    vmcore = tmp_path / "vmcore"
    assert resumed.ran == [
        f"stat {vmcore}",
        f"sha256sum {vmcore}, first 2000000 bytes",
        f"sha256sum {vmcore}",
    ]


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
        def begin_in_turn(self, commands: Sequence[Command]) -> list[Callable[[], CommandResult]]:
            # the digest is done before the transfer begins, which reads something else then
            done = [self.run(command) for command in commands]
            (tmp_path / "vmcore").write_bytes(b"Y" + DATA[1:])
            return [partial(lambda result: result, result) for result in done]

    with pytest.raises(NotVerified, match="differ"):
        Changing().fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"the old one"
    assert sorted(os.listdir(tmp_path)) == ["copy", "vmcore"]


def test_no_room_is_said_before_anything_is_sent(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    host = Breaking()
    with pytest.raises(DiskFull, match=r"no room here for .*it has 4 MiB, 0 MiB are free") as caught:
        host.fetch(str(tmp_path / "vmcore"), tiny / "copy")
    assert "nothing was fetched" in caught.value.message
    assert host.sent_bytes == 0
    assert host.ran == [f"stat {tmp_path / 'vmcore'}"]
    assert os.listdir(tiny) == []


def test_room_up_to_the_last_byte_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    for spare, refused in ((part.SPARE_BYTES - 1, True), (part.SPARE_BYTES, False)):
        free = SimpleNamespace(f_bavail=len(DATA) + spare, f_frsize=1)
        monkeypatch.setattr(part.os, "statvfs", lambda _, free=free: free)
        with pytest.raises(DiskFull) if refused else nullcontext():
            LocalHost().fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    assert (tmp_path / "copy").exists()


def test_what_a_part_holds_needs_no_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    with pytest.raises(HostLost):
        Breaking(2_000_000).fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    free = SimpleNamespace(f_bavail=part.SPARE_BYTES + len(DATA) - 2_000_001, f_frsize=1)
    monkeypatch.setattr(part.os, "statvfs", lambda _: free)
    with pytest.raises(DiskFull, match="1 MiB of it are there from an earlier try"):
        LocalHost("web01").fetch(str(tmp_path / "vmcore"), tmp_path / "copy")
    free.f_bavail += 1
    assert LocalHost("web01").fetch(str(tmp_path / "vmcore"), tmp_path / "copy").size_bytes == len(DATA)


def test_disk_that_fills_up_on_the_way_keeps_what_came(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vmcore").write_bytes(DATA)
    monkeypatch.setattr(part, "SPARE_BYTES", -len(DATA))  # somebody else wrote after the look at the room
    with pytest.raises(DiskFull, match="became full after 0 of 3 MiB") as caught:
        LocalHost("web01").fetch(str(tmp_path / "vmcore"), tiny / "copy")
    assert "what came is kept" in caught.value.message
    assert "goes on from there" in caught.value.hint
    (kept,) = os.listdir(tiny)
    came = (tiny / kept).read_bytes()
    assert 0 < len(came) <= 64 << 10
    assert DATA.startswith(came)
    subprocess.run(["mount", "-o", "remount,size=8m", tiny], check=True)
    again = Breaking()
    again.fetch(str(tmp_path / "vmcore"), tiny / "copy")
    assert (tiny / "copy").read_bytes() == DATA
    assert again.sent_bytes == len(DATA) - len(came)


def test_a_write_that_takes_only_a_part(tmp_path: Path) -> None:
    class Short(io.BytesIO):
        def write(self, chunk: Any) -> int:
            return super().write(bytes(chunk)[:7])

    file = Short()
    landed = part.Part(tmp_path / "part", file, 100, None)
    landed.write(DATA[:100])
    assert file.getvalue() == DATA[:100]
    assert (landed.size_bytes, landed.digest.hexdigest()) == (100, hashlib.sha256(DATA[:100]).hexdigest())


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
    there = next(tmp_path.glob(".copy.*.part"))
    assert 0 < there.stat().st_size < size
    assert web01.fetch(str(tmp_path / "vmcore"), tmp_path / "copy").size_bytes == size
