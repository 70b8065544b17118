"""Files of a host: four answers kept apart, any bytes, nothing left behind. On dash, bash and busybox."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import CommandFailed, DiskFull, NotVerified
from kdumpkit.evidence.redact import redact
from kdumpkit.hosts.files import (
    Absent,
    FileContent,
    NotPermitted,
    Unreadable,
    read_files,
    remove_file,
    write_file,
)
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.ssh import SshHost

HERE = LocalHost()
AWKWARD = b"@ file 1\n==> /./x <==\n@ contents\n\n==> @ end <==\n@@ x\n@\n\n\0\xff\r\n@ end\n@ mode 777\nlast @"


class Wrapped(LocalHost):
    """A local host whose shell or login is another one."""

    def __init__(self, *prefix: str, shell: str = "") -> None:
        super().__init__("web01")
        self._prefix = prefix
        self._shell = shell
        self.commands = 0

    def run(self, command: Command) -> CommandResult:
        self.commands += 1
        words = command.argv
        if self._shell:
            assert words[0] == "sh"
            words = (self._shell, *words[1:])
        result = super().run(replace(command, argv=(*self._prefix, *words)))
        return replace(result, command=command, record=41)


@pytest.fixture
def nobody() -> Wrapped:
    """A login that is not root, and that can get at ``open_folder``."""
    if os.geteuid() != 0:
        return Wrapped()
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv here to become another user: apt install util-linux")
    return Wrapped("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter: pytest closes the one above its own, anew with each start of a pytest."""
    with tempfile.TemporaryDirectory(prefix="kdumpkit-open-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(params=["dash", "bash", "busybox", "ssh"])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    if request.param == "ssh":
        yield request.getfixturevalue("web01")
        return
    if shutil.which(request.param) is None:
        pytest.skip(f"no {request.param} here: apt install {request.param}")
    if request.param != "busybox":
        yield Wrapped(shell=request.param)
        return
    tools = tmp_path_factory.mktemp("busybox")
    for name in ("sh", "head", "sed", "stat", "readlink", "tail", "mktemp", "dd", "mv", "rm", "cat", "chmod", "chown"):
        (tools / name).symlink_to(shutil.which("busybox") or "")
    for name in ("sync", "cp"):
        (tools / name).symlink_to(shutil.which("busybox") or "")
    yield Wrapped("/usr/bin/env", f"PATH={tools}")


def test_states_are_kept_apart(host: Wrapped, tmp_path: Path) -> None:
    (tmp_path / "full").write_bytes(AWKWARD)
    (tmp_path / "full").chmod(0o4640)
    (tmp_path / "empty").touch(0o600)
    (tmp_path / "link").symlink_to("full")
    (tmp_path / "dangling").symlink_to("nothing")
    os.mkfifo(tmp_path / "fifo")
    odd = str(tmp_path) + "/od d '\"$(x)\udcff"
    Path(odd).write_bytes(b"o")
    names = ["full", "empty", "link", "dangling", "fifo", "none", "none/below", "full/below"]
    paths = {name: f"{tmp_path}/{name}" for name in names}
    states = read_files(host, [*paths.values(), str(tmp_path), odd, "/proc/self/status", f"{odd}\n"], modes=True)
    record = 41 if isinstance(host, Wrapped) else -1
    assert states[paths["full"]] == FileContent(paths["full"], AWKWARD, 0o4640, False, record)
    assert states[paths["empty"]] == FileContent(paths["empty"], b"", 0o600, False, record)
    assert states[paths["link"]] == FileContent(paths["link"], AWKWARD, 0o4640, False, record)
    assert states[odd] == FileContent(odd, b"o", 0o644, False, record)
    for name in ("none", "none/below", "full/below"):
        assert states[paths[name]] == Absent(paths[name], record)
    for path, reason in ((paths["fifo"], "regular"), (str(tmp_path), "directory"), (paths["dangling"], "link")):
        state = states[path]
        assert isinstance(state, Unreadable)
        assert reason in state.reason
    status = states["/proc/self/status"]
    assert isinstance(status, FileContent)
    assert b"\nPid:\t" in status.data
    assert isinstance(states[f"{odd}\n"], Unreadable)
    assert len(states) == 12


def test_limit_cuts_and_says_so(host: Wrapped, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    Path(path).write_bytes(b"@23\n5")
    assert [
        (state.data, state.truncated)
        for limit in (4, 5, 6)
        if isinstance(state := read_files(host, [path], max_bytes=limit)[path], FileContent)
    ] == [(b"@23\n", True), (b"@23\n5", False), (b"@23\n5", False)]


def test_pattern_gives_its_matches_in_order_of_bytes(host: Wrapped, tmp_path: Path) -> None:
    for name in ("b.cfg", "a.cfg", "B.cfg", "with space.cfg", ".hidden.cfg", "other", "é.cfg"):
        (tmp_path / name).write_text(name)
    pattern, none = f"{tmp_path}/*.cfg", f"{tmp_path}/*.none"
    states = read_files(host, [pattern, none, f"{tmp_path}/nowhere/*"])
    assert list(states) == [
        *(f"{tmp_path}/{name}" for name in ("B.cfg", "a.cfg", "b.cfg", "with space.cfg", "é.cfg")),
        none,
        f"{tmp_path}/nowhere/*",
    ]
    assert isinstance(states[none], Absent)
    assert isinstance(states[f"{tmp_path}/nowhere/*"], Absent)


def test_what_the_login_may_not_see(nobody: Wrapped, open_folder: Path) -> None:
    (open_folder / "secret").write_text("x")
    closed = open_folder / "closed"
    closed.mkdir()
    (closed / "file").write_text("x")
    (open_folder / "into").symlink_to("closed/file")
    (open_folder / "secret").chmod(0)
    closed.chmod(0)
    try:
        asked = ["secret", "closed/file", "closed/none", "closed/*", "into", "none"]
        states = read_files(nobody, [f"{open_folder}/{name}" for name in asked], as_root=False)
        kinds = {path.removeprefix(f"{open_folder}/"): type(state) for path, state in states.items()}
        assert kinds == dict.fromkeys(asked[:-1], NotPermitted) | {"none": Absent}
        with pytest.raises(CommandFailed, match="not permitted to look"):
            remove_file(nobody, f"{closed}/none", as_root=False)
    finally:
        closed.chmod(0o755)


def test_file_that_opens_and_does_not_read() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to open /proc/self/mem-like files")
    # opens, and reading at offset 0, where nothing is mapped, is an I/O error
    (state,) = read_files(HERE, ["/proc/self/mem"]).values()
    assert isinstance(state, Unreadable)
    assert "Input/output error" in state.reason


def test_a_thousand_files_are_one_command(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number:04}").write_text(str(number))
    host = Wrapped()
    started = time.monotonic()
    states = read_files(host, [f"{tmp_path}/*"])
    assert host.commands == 1
    assert [state.data for state in states.values() if isinstance(state, FileContent)] == [
        str(number).encode() for number in range(1000)
    ]
    assert time.monotonic() - started < 15
    names = list(states)[::20]
    assert read_files(host, names) == {name: states[name] for name in names}


def test_many_long_names_over_ssh(web01: SshHost, tmp_path: Path) -> None:
    paths = [f"{tmp_path}/{'n' * 200}/{number}" for number in range(800)]
    assert set(read_files(web01, paths).values()) == {Absent(path) for path in paths}


def test_answer_survives_the_masking_of_secrets(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("user=x\npassword=hunter2hunter2hunter2\n")
    key = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\nBBBB\n-----END RSA PRIVATE KEY-----\n"
    (tmp_path / "b").write_text(key)
    (tmp_path / "c").write_text("plain\n")

    class Masked(LocalHost):
        def run(self, command: Command) -> CommandResult:
            result = super().run(command)
            return replace(result, stdout=redact(result.stdout), stderr=redact(result.stderr))

    states = read_files(Masked(), [f"{tmp_path}/*"])
    data = [state.data for state in states.values() if isinstance(state, FileContent)]
    assert data == [b"user=x\npassword=[masked]\n", b"-----PRIVATE KEY [masked]-----\n", b"plain\n"]


def test_answer_that_breaks_off_is_not_taken_for_empty_files(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text("content of " + name)

    class Cut(LocalHost):
        def run(self, command: Command) -> CommandResult:
            result = super().run(command)
            return replace(result, stdout=result.stdout[: result.stdout.index(b"of a") + 4])

    for state in read_files(Cut(), [f"{tmp_path}/a", f"{tmp_path}/b"]).values():
        assert isinstance(state, Unreadable)


def test_relative_paths_are_refused() -> None:
    with pytest.raises(ValueError, match="absolute"):
        read_files(HERE, ["etc/passwd"])


# ---- writing


def test_new_file_and_its_mode(host: Wrapped, tmp_path: Path) -> None:
    path = str(tmp_path / "na me")
    written = write_file(host, path, AWKWARD, mode=0o750)
    assert (written.path, written.size_bytes, written.mode, written.replaced) == (path, len(AWKWARD), 0o750, False)
    assert Path(path).read_bytes() == AWKWARD
    assert write_file(host, str(tmp_path / "other"), b"").mode == 0o644
    assert sorted(os.listdir(tmp_path)) == ["na me", "other"]


def test_existing_file_keeps_owner_and_mode(host: Wrapped, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o600)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    if os.geteuid() == 0:
        os.chown(path, 65534, 12)
    before = path.stat()
    written = write_file(host, str(path), b"new", mode=0o777)
    after = path.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert (written.mode, written.replaced) == (0o600, True)
    assert after.st_ino != before.st_ino
    assert after.st_mtime > before.st_mtime
    assert path.read_bytes() == b"new"


def test_link_stays_a_link(host: Wrapped, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "file"
    target.write_text("old")
    (tmp_path / "link").symlink_to("real/file")
    assert write_file(host, str(tmp_path / "link"), b"new").path == str(target)
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path / "real") == ["file"]


def test_full_disk_leaves_the_old_file_and_nothing_else(host: Wrapped, tiny: Path) -> None:
    (tiny / "grub").write_text("old")
    with pytest.raises(DiskFull, match=r"no room for .*/grub: .*nothing was changed") as caught:
        write_file(host, str(tiny / "grub"), b"x" * 200_000)
    assert host.name in caught.value.message
    assert f"df -h {tiny}" in caught.value.hint
    assert os.listdir(tiny) == ["grub"]
    assert (tiny / "grub").read_text() == "old"


def test_places_that_cannot_be_written(host: Wrapped, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="not a regular file"):
        write_file(host, str(tmp_path), b"x")
    with pytest.raises(CommandFailed, match="not written"):
        write_file(host, f"{tmp_path}/none/file", b"x")
    assert os.listdir(tmp_path) == []


def test_owner_that_cannot_be_kept_is_refused(nobody: Wrapped, open_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to make a file of another owner")
    open_folder.chmod(0o777)
    (open_folder / "file").write_text("old")
    with pytest.raises(CommandFailed, match="owner and mode"):
        write_file(nobody, str(open_folder / "file"), b"new", as_root=False)
    assert (open_folder / "file").read_text() == "old"
    assert os.listdir(open_folder) == ["file"]


def test_read_back_that_differs_is_not_verified(tmp_path: Path) -> None:
    class Lying(LocalHost):
        def run(self, command: Command) -> CommandResult:
            result = super().run(command)
            return replace(result, stdout=result.stdout[:-1])

    with pytest.raises(NotVerified, match="3 bytes written, 2 bytes read"):
        write_file(Lying(), str(tmp_path / "file"), b"abc")


def test_attributes_survive(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    try:
        os.setxattr(path, "user.origin", b"kdump")
    except OSError as error:
        pytest.skip(f"no user attributes on this file system: {error}")
    write_file(HERE, str(path), b"new")
    assert os.getxattr(path, "user.origin") == b"kdump"


def test_remove(host: Wrapped, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    assert remove_file(host, f"{tmp_path}/link")
    assert (tmp_path / "file").exists()
    assert remove_file(host, f"{tmp_path}/file")
    assert not remove_file(host, f"{tmp_path}/file")
    with pytest.raises(CommandFailed, match="directory"):
        remove_file(host, str(tmp_path))
