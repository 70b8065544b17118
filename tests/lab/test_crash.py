"""What surrounds a crash: the kept disk, the waits and their ends, what is fetched, and how the result is told."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from kdumpkit import lab
from kdumpkit.cli import lab_crash
from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import LabError, UsageError
from kdumpkit.hosts.base import Fetched, Host, Progress
from kdumpkit.lab import armed, crash, paths
from kdumpkit.lab.crash_kinds import KINDS, MODULE
from kdumpkit.lab.image import Image
from kdumpkit.lab.machine import Machine

from .commands import kdumpkit

MARK = "kdumpkit: lab crash gpf of boot 4b07"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    paths.lab_root().mkdir(parents=True)
    return tmp_path


def quiet(_: str) -> None:
    pass


# --- the kept disk ---


def image(folder: Path) -> Image:
    return Image(folder, "debian", "0" * 16, "uuid", ("6.1.0-56-cloud-amd64",), 1.0)


def test_a_kept_disk_is_taken_only_where_today_s_script_made_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = image(cache)
    assert armed.find_armed_disk(built) is None
    folder = cache / "armed"
    folder.mkdir()
    (folder / "disk.qcow2").write_bytes(b"x")
    assert armed.find_armed_disk(built) is None
    (folder / "armed.json").write_text(json.dumps({"script": armed._script_digest()}))
    assert armed.find_armed_disk(built) == folder / "disk.qcow2"
    monkeypatch.setattr(armed, "_ARM", "other")
    assert armed.find_armed_disk(built) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"script": 1}', "\0"])
def test_a_damaged_note_beside_the_disk_is_no_disk(cache: Path, text: str) -> None:
    (cache / "armed").mkdir()
    (cache / "armed/disk.qcow2").write_bytes(b"x")
    (cache / "armed/armed.json").write_text(text)
    assert armed.find_armed_disk(image(cache)) is None


@pytest.mark.parametrize(("loaded", "started"), [(b"1\n", False), (b"0\n", True), (b"", True)])
def test_a_machine_that_runs_is_taken_only_where_its_capture_kernel_is_loaded(
    monkeypatch: pytest.MonkeyPatch, loaded: bytes, started: bool
) -> None:
    class Started(Exception):
        pass

    def start() -> bool:
        raise Started

    monkeypatch.setattr(armed.lab, "status", lambda: SimpleNamespace(answers=True))
    monkeypatch.setattr(armed, "guest", lambda: FakeHost([loaded]))
    monkeypatch.setattr(armed, "find_image", lambda _: image(Path("/nonexistent")))
    monkeypatch.setattr(armed, "find_armed_disk", lambda _: Path("/nonexistent/disk.qcow2"))
    monkeypatch.setattr(armed.lab, "down", start)
    if started:
        with pytest.raises(Started):
            armed.start_armed(quiet)
    else:
        armed.start_armed(quiet)


# --- waiting for the crash ---


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(1, 1, 1, "tcg", "debian", "0" * 16)
    monkeypatch.setattr(crash, "find_machine", lambda _: machine)
    return machine


@pytest.mark.usefixtures("running")
def test_words_of_an_earlier_boot_do_not_count() -> None:
    paths.console_log().write_bytes(b"kernel BUG at x.c:1\n")
    with pytest.raises(LabError, match="no crash: the console does not say 'kernel BUG at' within 0 s"):
        crash._wait_console("kernel BUG at", paths.console_log().stat().st_size, 0.3, quiet)
    crash._wait_console("kernel BUG at", 0, 0.3, quiet)


@pytest.mark.usefixtures("running")
def test_words_that_come_later_end_the_wait() -> None:
    paths.console_log().write_bytes(b"before\n")

    def write() -> None:
        with paths.console_log().open("ab") as file:
            file.write(b"[ 1.0] general protection fault\n")

    timer = threading.Timer(0.4, write)
    timer.start()
    started = time.monotonic()
    crash._wait_console("general protection fault", 7, 20, quiet)
    assert 0.3 < time.monotonic() - started < 10


def test_a_machine_that_ends_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    paths.console_log().write_bytes(b"last words\n")
    monkeypatch.setattr(crash, "find_machine", lambda _: None)
    with pytest.raises(LabError, match="ended before it crashed\n  last words"):
        crash._wait_console("never", 0, 60, quiet)


@pytest.mark.usefixtures("running")
def test_a_machine_that_never_returns_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    paths.console_log().write_bytes(b"Out of memory and no killable processes\n")
    monkeypatch.setattr(crash, "read_banner", lambda *_: b"")
    monkeypatch.setattr(crash, "_CAPTURE_DEADLINE_S", 0.5)
    with pytest.raises(LabError, match=r"did not return(.|\n)*no killable processes"):
        crash._wait_return(FakeHost([]), "boot", quiet)


@pytest.mark.usefixtures("running")
def test_the_same_boot_is_no_return(monkeypatch: pytest.MonkeyPatch) -> None:
    paths.console_log().write_bytes(b"")
    monkeypatch.setattr(crash, "read_banner", lambda *_: b"SSH-2.0-OpenSSH")
    host = FakeHost([b"old\n", b"old\n", b"new\n"])
    crash._wait_return(host, "old", quiet)
    assert host.answers == []


# --- what is fetched ---


class FakeHost(Host):
    """Answers commands from a list, and has one content for every file."""

    name = "the lab's machine"

    def __init__(self, answers: list[bytes], content: bytes = b"") -> None:
        self.answers, self.content = answers, content

    def run(self, command: Command) -> CommandResult:
        return CommandResult(command, 0, self.answers.pop(0), b"", 0.0, 0.0)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        local.write_bytes(self.content + remote.encode())
        return Fetched(local, len(self.content), "0" * 64)


def test_dump_and_log_are_fetched_and_the_log_must_be_of_this_crash(cache: Path) -> None:
    listing = b"202611250238/dump.202611250238\n202611250238/dmesg.202611250238\n"
    dump, dmesg = crash._fetch(FakeHost([listing], MARK.encode()), cache, [], MARK, quiet)
    assert (dump.name, dmesg.name) == ("dump.202611250238", "dmesg.202611250238")
    assert dump.read_bytes().endswith(b"/var/crash/202611250238/dump.202611250238")
    # what an earlier crash left is not fetched again
    more = listing + b"202611250241/dmesg.202611250241\n202611250241/dump.202611250241\n"
    dump, _ = crash._fetch(FakeHost([more], MARK.encode()), cache, listing.decode().splitlines(), MARK, quiet)
    assert dump.name == "dump.202611250241"
    with pytest.raises(LabError, match="is not the log of this crash"):
        crash._fetch(FakeHost([listing], b"another"), cache, [], MARK, quiet)


@pytest.mark.parametrize(
    "listing",
    [
        b"",
        b"1/dmesg.1\n",
        b"1/dump.1\n",
        b"1/dump.1\n1/dmesg.1\n2/dump.2\n2/dmesg.2\n",
        # what kdump-tools leaves where makedumpfile had no room
        b"1/dmesg.1\n1/dump-incomplete\n",
    ],
)
def test_anything_but_one_dump_and_one_log_is_an_error(cache: Path, listing: bytes) -> None:
    with pytest.raises(LabError, match="did not leave one dump and one log"):
        crash._fetch(FakeHost([listing], MARK.encode()), cache, [], MARK, quiet)


def test_symbols_are_laid_out_so_that_the_module_s_are_found_beside_the_kernel_s(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = cache / f"{MODULE}.ko"
    module.write_bytes(b"module")
    assert crash._keep_symbols(cache / "one", None, "6.1.0-56-cloud-amd64") == (None, None)
    symbols = cache / "kept"
    symbols.write_bytes(b"symbols")
    monkeypatch.setattr(crash, "find_symbols", lambda release: symbols if release == "6.1.0-56" else None)
    kept, vmlinux = crash._keep_symbols(cache / "two", module, "6.1.0-56")
    assert kept == cache / f"two/modules/{MODULE}.ko"
    assert kept.read_bytes() == b"module"
    assert vmlinux == cache / "two/vmlinux"
    assert vmlinux.read_bytes() == b"symbols"


# --- how it is told ---


def made(folder: Path, log: str) -> crash.Crash:
    folder.mkdir()
    dmesg = folder / "dmesg.1"
    dmesg.write_text(log)
    kind = KINDS["null_deref"]
    return crash.Crash(kind, folder, folder / "dump.1", dmesg, folder / "c", None, None, "6.1.0", 30.0, 2.0, 60.0)


OOPS = f"""\
[   70.599658] BUG: kernel NULL pointer dereference, address: 0000000000000008
[   70.601849] Oops: 0000 [#1] PREEMPT SMP NOPTI
[   70.601849] CPU: 1 PID: 357 Comm: sh Kdump: loaded Tainted: G           OE      6.1.0-56-cloud-amd64 #1
[   70.601849] RIP: 0010:kdk_read_null+0xc/0x20 [{MODULE}]
[   70.601849] Call Trace:
[   70.601849]  <TASK>
[   70.601849]  kdk_set_trigger+0x4c/0x60 [{MODULE}]
[   70.601849]  </TASK>
"""


@pytest.mark.parametrize(
    ("log", "status", "differences"),
    [(OOPS, 0, 0), (OOPS.replace("kdk_read_null", "ext4_read"), 1, 1), ("nothing happened\n", 1, 5)],
)
def test_exit_status_says_whether_the_log_was_read_rightly(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    log: str,
    status: int,
    differences: int,
) -> None:
    monkeypatch.setattr(lab_crash, "crash", lambda kind, folder, say: made(folder, log))
    monkeypatch.setattr(lab, "install_requirements", lambda _: [])
    ended: list[bool] = []
    monkeypatch.setattr(lab, "down", lambda: ended.append(True))
    assert lab_crash.crash_once("null_deref", cache / "json", as_json=True) == status
    told = json.loads(capsys.readouterr().out)
    assert len(told["differences"]) == differences
    assert told["dmesg"] == str(cache / "json/dmesg.1")
    assert lab_crash.crash_once("null_deref", cache / "text", keep=True) == status
    text = capsys.readouterr().out
    assert text.count("wrong:") == differences
    assert f"kdumpkit oops {cache}/text/dmesg.1" in text
    # the machine is ended but where it is to be kept
    assert ended == [True]


def test_the_machine_is_ended_where_the_crash_fails(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> crash.Crash:
        raise LabError("no crash", "look")

    monkeypatch.setattr(lab_crash, "crash", fail)
    monkeypatch.setattr(lab, "install_requirements", lambda _: [])
    ended: list[bool] = []
    monkeypatch.setattr(lab, "down", lambda: ended.append(True))
    with pytest.raises(LabError):
        lab_crash.crash_once("gpf", cache / "new")
    assert ended == [True]


def test_wrong_use_starts_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "install_requirements", lambda _: pytest.fail("it went on"))
    with pytest.raises(UsageError, match="is there already"):
        lab_crash.crash_once("gpf", cache)
    # not below the cache, whose folder `kdumpkit` would stand before the package
    done = kdumpkit("lab", "crash", "--kind", "nonsense", cwd=cache.parent)
    assert done.returncode == 2
    assert "use one of: sysrq, null_deref" in done.stderr
    assert "Traceback" not in done.stderr
