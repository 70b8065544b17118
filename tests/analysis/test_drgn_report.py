from __future__ import annotations

import dataclasses
import gzip
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from kdumpkit.analysis import crash_report, drgn_report
from kdumpkit.analysis.crash_report import CrashReport, parse_drgn_report
from kdumpkit.analysis.crash_utility import crash_command, parse_crash_output
from kdumpkit.analysis.drgn_report import drgn_report_command
from kdumpkit.analysis.find_test_log import find_label
from kdumpkit.analysis.sections import SECTIONS, SectionError, panic
from kdumpkit.analysis.sections.crashed_task import CrashedTask
from kdumpkit.analysis.sections.kernel_log import LogTail
from kdumpkit.analysis.sections.loaded_modules import LoadedModules
from kdumpkit.analysis.sections.panic import PanicMessage, find_panic_message
from kdumpkit.analysis.sections.system import System
from kdumpkit.analysis.sections.tasks import TaskCounts
from kdumpkit.analysis.stack import without_build_folder
from kdumpkit.analysis.symbols import find_vmlinux
from kdumpkit.errors import (
    ConnectError,
    FactNotCollected,
    NotAVmcore,
    ParseError,
    SymbolsMismatch,
    VmcoreError,
    VmcoreIncomplete,
)
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.on_host import OnHost
from kdumpkit.vmcore.completeness import read_completeness
from kdumpkit.vmcore.dmesg import dump_log_command
from kdumpkit.vmcore.format import VmcoreHeader
from kdumpkit.vmcore.log_record import KernelLog, LogRecord
from kdumpkit.vmcore.report import describe_in_place
from kdumpkit.vmcore.view import FileView
from tests.vmcore import dumps

RECORDED = (Path(__file__).parent / "recordings" / "drgn-report-debian-12.json").read_bytes()
#: of a kernel with deadlocked kernel threads, a frozen file system and a disk that never answers
STUCK = (Path(__file__).parent / "recordings" / "drgn-report-debian-12-stuck.json").read_bytes()
LOG = [(1_000_000_000, b"boot"), (2_000_000_000, b"Kernel panic - not syncing: sysrq triggered crash")]
INFO = (dumps.VMCOREINFO_HEAD + dumps.RINGBUFFER_LAYOUT).encode()


def dump(folder: Path) -> Path:
    path = folder / "dump.202611230534"
    path.write_bytes(dumps.flattened(dumps.kdump(dumps.pages(dumps.ringbuffer(LOG)), INFO)))
    return path


def report(path: Path, vmlinux: Path | None = None) -> tuple[int, bytes, bytes]:
    done = subprocess.run(drgn_report_command(path, vmlinux).argv, capture_output=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def test_recorded_report() -> None:
    found = parse_drgn_report(RECORDED)
    assert found.drgn_version == "0.3.0"
    assert found.dump.kind == "flattened kdump-compressed dump, version 6, zlib"
    assert (found.dump.state, found.dump.pages) == ("whole", 25076)
    assert found.vmcoreinfo is not None
    assert found.vmcoreinfo.build_id == dumps.BUILD_ID
    assert found.symbols.compared
    assert isinstance(found.panic, PanicMessage)
    assert found.panic.message == "Kernel panic - not syncing: sysrq triggered crash"
    task = found.crashed_task
    assert isinstance(task, CrashedTask)
    assert (task.command, task.pid, task.cpu, task.kernel_thread, task.parent) == ("bash", 458, 1, False, "systemd")
    frame = task.frames[3]
    assert (frame.function, frame.source_file, frame.line) == ("sysrq_handle_crash", "drivers/tty/sysrq.c", 155)
    assert (frame.module, frame.inline, frame.interrupted) == ("kernel", False, False)
    assert task.frames[0].inline
    assert isinstance(found.tasks, TaskCounts)
    assert found.tasks.total == 71 == sum(found.tasks.by_state.values())
    assert isinstance(found.modules, LoadedModules)
    assert not any(module.taint for module in found.modules.modules)
    assert len(found.modules.modules) == 35
    assert isinstance(found.system, System)
    assert "crashkernel=192M" in found.system.command_line
    assert (found.system.cpus_online, found.system.uptime_s) == (2, 41.687)
    assert isinstance(found.log, LogTail)
    assert found.log.lines[-1].endswith("</TASK>")


def test_recorded_report_holds_no_local_path() -> None:
    for word in (b"/root", b"/tmp", b"/home", b"/build/", b".cache"):
        assert word not in RECORDED
        assert word not in STUCK


def test_without_symbols_the_log_carries_the_report(tmp_path: Path) -> None:
    status, out, err = report(dump(tmp_path))
    found = parse_drgn_report(out)
    assert status == 0
    assert found.panic == PanicMessage("Kernel panic - not syncing: sysrq triggered crash", 2.0)
    assert isinstance(found.log, LogTail)
    assert found.log.lines == (
        "[    1.000000] boot",
        "[    2.000000] Kernel panic - not syncing: sysrq triggered crash",
    )
    for part in (found.crashed_task, found.tasks, found.modules, found.system):
        assert isinstance(part, SectionError)
        assert "no vmlinux was given" in part.error
    assert not found.symbols.used
    assert found.dump.node == "web01"
    assert str(tmp_path).encode() not in out
    assert b"Traceback" not in err


def test_each_section_fails_alone(tmp_path: Path) -> None:
    # the log's text is gone, the rest is not
    content = dumps.ringbuffer(LOG)
    content[0x100000] = content[0x100000][:64] + b"\xff\xff\xff\x7f" + content[0x100000][68:]
    path = tmp_path / "vmcore"
    path.write_bytes(dumps.kdump(dumps.pages(content), INFO))
    status, out, _ = report(path)
    found = parse_drgn_report(out)
    assert status == 0
    assert isinstance(found.log, SectionError)
    assert "damaged" in found.log.error
    assert found.vmcoreinfo is not None
    assert found.vmcoreinfo.release == dumps.RELEASE


def test_mismatched_symbols_are_refused_before_drgn_starts(tmp_path: Path) -> None:
    vmlinux = tmp_path / "vmlinux"
    vmlinux.write_bytes(dumps.vmlinux("11" * 20))
    status, out, err = report(dump(tmp_path), vmlinux)
    assert status == 1
    with pytest.raises(SymbolsMismatch, match="11111111"):
        parse_drgn_report(out)
    assert b"flattened format; if open fails" not in err  # libkdumpfile says so whenever it opens one


def test_vmlinux_with_build_id_and_nothing_else(tmp_path: Path) -> None:
    vmlinux = tmp_path / "vmlinux"
    vmlinux.write_bytes(dumps.vmlinux(dumps.BUILD_ID))
    status, out, _ = report(dump(tmp_path), vmlinux)
    assert status == 0
    found = parse_drgn_report(out)
    assert isinstance(found.tasks, SectionError)
    assert str(tmp_path) not in found.tasks.error


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"", NotAVmcore, "is empty"),
        (os.urandom(64).replace(b"\x1f", b"x") * 100, NotAVmcore, "is not a dump"),
        (dumps.kdump(dumps.pages({}))[:4096], NotAVmcore, "cut off before its table"),
        (dumps.flattened(dumps.kdump(dumps.pages({})))[:4096], NotAVmcore, "cannot be read"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), NotAVmcore, "packed by zstd"),
        (dumps.elf_core(), NotAVmcore, "has no VMCOREINFO"),
    ],
    # not by the bytes: each worker would have others of its own
    ids=("empty", "random", "without-table", "flattened-and-cut", "zstd", "without-vmcoreinfo"),
)
def test_what_is_no_dump_gets_one_sentence(tmp_path: Path, content: bytes, kind: type[VmcoreError], words: str) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(content)
    status, out, err = report(path)
    assert status == 1
    with pytest.raises(kind, match=words) as caught:
        parse_drgn_report(out)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert b"Traceback" not in err


def test_truncated_dump_says_so_in_each_section(tmp_path: Path) -> None:
    whole = dump(tmp_path).read_bytes()
    (tmp_path / "vmcore").write_bytes(whole[: len(whole) - 3000])
    status, out, _ = report(tmp_path / "vmcore")
    found = parse_drgn_report(out)
    assert status == 0
    assert found.dump.state == "truncated"
    assert isinstance(found.log, SectionError)
    assert "cut off" in found.log.error


def test_cut_off_flattened_dump_is_read_as_far_as_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    whole = dump(tmp_path).read_bytes()
    # without its end marker libkdumpfile refuses all of it: "Wrong flattened segment size"
    (tmp_path / "vmcore").write_bytes(whole[:-16])
    _, out, _ = report(tmp_path / "vmcore")
    found = parse_drgn_report(out)
    assert found.dump.state == "truncated"
    assert found.dump.kind.startswith("flattened")
    assert isinstance(found.log, LogTail)
    assert found.log.lines[-1].endswith("sysrq triggered crash")
    assert {path.name for path in tmp_path.iterdir()} == {"vmcore", "dump.202611230534"}


def test_live_kernel_is_refused() -> None:
    status, out, _ = report(Path("/proc/kcore"))
    assert status == 1
    with pytest.raises(NotAVmcore, match="own running kernel"):
        parse_drgn_report(out)


def test_packed_dump_is_read_and_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    path = tmp_path / "dump.202611230534.gz"
    path.write_bytes(gzip.compress(dump(tmp_path).read_bytes()))
    status, out, _ = report(path)
    found = parse_drgn_report(out)
    assert status == 0
    assert isinstance(found.log, LogTail)
    assert (found.dump.name, found.dump.state) == (path.name, "whole")
    assert str(found.dump.unpacked).startswith("dump.202611230534.gz was unpacked by gzip: ")
    assert list(scratch.iterdir()) == []
    assert str(tmp_path).encode() not in out


def test_cut_off_packed_dump_says_both(tmp_path: Path) -> None:
    whole = gzip.compress(dumps.kdump(dumps.pages(dumps.ringbuffer(LOG)), INFO))
    (tmp_path / "vmcore").write_bytes(whole[: len(whole) - 500])
    _, out, _ = report(tmp_path / "vmcore")
    found = parse_drgn_report(out)
    assert found.dump.state == "truncated"
    assert "is cut off or damaged: gzip gave" in str(found.dump.unpacked)
    (tmp_path / "vmcore").write_bytes(whole[:200])
    with pytest.raises(VmcoreIncomplete, match=r"gzip gave \d+ bytes and then stopped.*; vmcore starts like a kdump"):
        parse_drgn_report(report(tmp_path / "vmcore")[1])


def test_foreign_architecture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(dumps.kdump(dumps.pages(dumps.ringbuffer(LOG)), INFO, order=">", machine=b"s390x"))
    status, out, _ = report(path)
    found = parse_drgn_report(out)
    assert (status, found.dump.machine) == (0, "s390x")
    assert found.dump.architecture.startswith("this is the dump of an s390x kernel")
    assert isinstance(found.log, SectionError)


@pytest.mark.parametrize(
    ("document", "kind", "words"),
    [
        (b"", VmcoreError, "without an answer"),
        (b"{", ParseError, "not JSON"),
        (b"[" * 100_000, ParseError, "not JSON"),
        (b"[]", ParseError, "not a drgn report"),
        (b'{"format": "kdumpkit drgn report 1"}', ParseError, "not understood"),
        (b'{"format": "kdumpkit drgn report 1", "error": {"type": "os", "message": "m"}}', VmcoreError, "m"),
        (b'{"format": "kdumpkit drgn report 1", "error": {"type": "VmcoreIncomplete"}}', VmcoreIncomplete, "^$"),
    ],
)
def test_what_is_no_report(document: bytes, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        parse_drgn_report(document)


def test_wrong_types_are_not_taken() -> None:
    content = json.loads(RECORDED)
    content["sections"]["tasks"]["total"] = "many"
    with pytest.raises(ParseError, match="TaskCounts total"):
        parse_drgn_report(json.dumps(content).encode())


def test_section_that_is_not_known_or_not_there() -> None:
    content = json.loads(RECORDED)
    content["sections"] = {"of_tomorrow": {"x": 1}}
    found = parse_drgn_report(json.dumps(content).encode())
    assert found.tasks == SectionError("the report does not have this section")


def test_every_section_is_read_back_as_it_was_written() -> None:
    content = json.loads(STUCK)
    found = parse_drgn_report(STUCK)
    for section in SECTIONS:
        answer = found.get(section)
        assert isinstance(answer, section.content)
        assert _as_far_as(content["sections"][section.name], json.loads(json.dumps(dataclasses.asdict(answer))))


def _as_far_as(recorded: object, read: object) -> bool:
    """Whether all that was recorded is there; a field that came later has its default."""
    if isinstance(recorded, dict) and isinstance(read, dict):
        return all(name in read and _as_far_as(value, read[name]) for name, value in recorded.items())
    if isinstance(recorded, list) and isinstance(read, list):
        return len(recorded) == len(read) and all(map(_as_far_as, recorded, read))
    return recorded == read


def test_both_ends_use_one_format() -> None:
    assert drgn_report.FORMAT == crash_report.FORMAT


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([b"Oops: 0002 [#1] SMP", b"Kernel panic - not syncing: Fatal exception"], "Kernel panic - not syncing: Fatal"),
        ([b"BUG: kernel NULL pointer dereference, address: 0", b"Oops: 0002 [#1]"], "BUG: kernel NULL pointer"),
        ([b"kernel BUG at fs/inode.c:1!", b"something"], "kernel BUG at fs/inode.c:1!"),
    ],
)
def test_panic_message(lines: list[bytes], message: str) -> None:
    log = KernelLog("", tuple(LogRecord(5, line) for line in lines))
    assert find_panic_message(log).message.startswith(message)


def test_no_panic_message() -> None:
    with pytest.raises(FactNotCollected):
        find_panic_message(KernelLog("", (LogRecord(None, b"all is well"),)))
    assert panic.SECTION.needs_symbols is False


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("kernel/panic.c", "kernel/panic.c"),
        ("/build/reproducible-path/linux-6.1.192/arch/x86/entry/entry_64.S", "arch/x86/entry/entry_64.S"),
        ("/usr/src/debug/kernel-5.14.0/linux-5.14.0.x86_64/fs/proc/inode.c", "fs/proc/inode.c"),
        ("/home/me/mod/crash.c", "crash.c"),
    ],
)
def test_source_file_without_the_folder_of_its_builder(filename: str, shown: str) -> None:
    assert without_build_folder(filename) == shown


def test_report_of_a_dump_that_stays_on_its_host_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dump(tmp_path)
    monkeypatch.setattr(OnHost, "connect", lambda on_host: LocalHost(on_host.name))
    there = drgn_report.read_report_in_place(OnHost("web01", "web01"), str(path), None)
    assert there == drgn_report.read_report(path, None)
    assert there["drgn"] is not None
    with FileView(path) as view:
        known = describe_in_place(view, path.name)
    monkeypatch.setattr("kdumpkit.analysis.drgn_report.completeness_of", None)
    assert drgn_report.read_report_in_place(OnHost("web01", "web01"), str(path), None, known) == there
    assert "sysrq triggered crash" in there["sections"]["panic"]["message"]


def test_command_names_the_host() -> None:
    argv = drgn_report_command(Path("/var/crash/d"), Path("/vmlinux"), on_host=OnHost("me@web01", "web01", "/c")).argv
    wanted = "/var/crash/d --vmlinux /vmlinux --on me@web01 --host-name web01 --ssh-config /c"
    assert argv[3:] == tuple(wanted.split())
    assert "--on" not in drgn_report_command(Path("/var/crash/d")).argv
    known = {"state": "whole", "reason": "all is there", "pages": 3, "pages_there": 3, "machine": "x86_64"}
    argv = drgn_report_command(Path("/d"), on_host=OnHost("web01", "web01"), known=known).argv
    assert json.loads(argv[argv.index("--known") + 1]) == {
        name: known[name] for name in ("state", "reason", "pages", "pages_there")
    }


def test_host_that_cannot_be_asked_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_: OnHost) -> LocalHost:
        raise ConnectError("no connection to web01", "ssh web01")

    monkeypatch.setattr(OnHost, "connect", refuse)
    assert drgn_report.main(["/var/crash/d", "--on", "web01"]) == 3
    with pytest.raises(ConnectError, match="no connection to web01"):
        parse_drgn_report(capsys.readouterr().out.encode())


# --- a real dump, where one is given -------------------------------------------------------------------------------

REAL = os.environ.get("KDUMPKIT_TEST_DUMP", "")
needs_dump = pytest.mark.skipif(not REAL, reason="no real dump: set KDUMPKIT_TEST_DUMP to a dump made by sysrq-c")


@pytest.fixture(scope="module")
def header() -> VmcoreHeader:
    return read_completeness(Path(REAL)).header


@pytest.fixture(scope="module")
def vmlinux(header: VmcoreHeader) -> Path:
    if header.vmcoreinfo is None:
        pytest.fail(f"{REAL} has no VMCOREINFO: {header.problem}")
    search = find_vmlinux(header.vmcoreinfo.build_id, header.vmcoreinfo.release)
    if search.path is None:
        pytest.skip(f"no vmlinux of build {header.vmcoreinfo.build_id} is installed")
    return search.path


@pytest.fixture(scope="module")
def real(vmlinux: Path) -> CrashReport:
    status, out, _ = report(Path(REAL), vmlinux)
    assert status == 0
    return parse_drgn_report(out)


@needs_dump
def test_real_dump(real: CrashReport) -> None:
    assert read_completeness(Path(REAL)).whole
    assert isinstance(real.panic, PanicMessage)
    assert "sysrq triggered crash" in real.panic.message
    assert isinstance(real.crashed_task, CrashedTask)
    functions = [frame.function for frame in real.crashed_task.frames]
    assert functions.index("panic") < functions.index("sysrq_handle_crash")
    lines = {frame.function: frame.source_file for frame in real.crashed_task.frames}
    assert lines["sysrq_handle_crash"] == "drivers/tty/sysrq.c"
    assert isinstance(real.tasks, TaskCounts)
    assert real.tasks.total > 20
    assert isinstance(real.system, System)
    assert not [part for part in map(real.get, SECTIONS) if isinstance(part, SectionError)]


@needs_dump
def test_real_dump_read_in_place(vmlinux: Path, real: CrashReport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OnHost, "connect", lambda on_host: LocalHost(on_host.name))
    there = drgn_report.read_report_in_place(OnHost("web01", "web01"), REAL, vmlinux)
    assert parse_drgn_report(json.dumps(there).encode()) == real


@needs_dump
def test_real_log_equals_the_one_that_the_capture_kernel_saved(header: VmcoreHeader) -> None:
    done = subprocess.run(dump_log_command(Path(REAL)).argv, capture_output=True, timeout=60, check=True)
    assert find_label(done.stdout, "no such test") is None
    saved = [path for path in Path(REAL).parent.glob("dmesg.*") if path.is_file()]
    if not saved:
        pytest.skip("no dmesg.<stamp> lies beside the dump")
    # makedumpfile indents the lines of one record that follow the first, where dmesg and this repeat the time
    bare = [line.partition(b"] ")[2] if line.startswith(b"[") else line.strip() for line in done.stdout.splitlines()]
    other = [line.partition(b"] ")[2] if line.startswith(b"[") else line for line in saved[0].read_bytes().splitlines()]
    assert [line.strip() for line in bare] == [line.strip() for line in other]


@needs_dump
def test_real_dump_read_in_time(vmlinux: Path) -> None:
    before = os.times()
    start = time.monotonic()
    report(Path(REAL), vmlinux)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    # 0.7 s of processor time on an idle machine; wall-clock time says nothing on a busy one
    assert spent < 4, f"{spent:.2f} s of processor time in {time.monotonic() - start:.2f} s"


@needs_dump
def test_real_dump_by_crash(vmlinux: Path, real: CrashReport) -> None:
    command = crash_command(Path(REAL), vmlinux)
    done = subprocess.run(command.argv, input=command.stdin, capture_output=True, timeout=600, check=False)
    if done.returncode == 127:
        pytest.skip("crash is not installed")
    found = parse_crash_output(done.stdout, hidden=(Path(REAL), vmlinux))
    assert isinstance(real.crashed_task, CrashedTask)
    assert found.pid == real.crashed_task.pid
    assert {frame.function for frame in found.frames} >= {"panic", "sysrq_handle_crash"}
