"""``kdumpkit analyse`` and ``kdumpkit oops`` as a person and a program run them."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kdumpkit.analysis.dump_analysis import failed_parts
from kdumpkit.analysis.log.model import NO_CRASH
from kdumpkit.cli.main import main
from tests.analysis.conftest import Debuginfod, debuginfod  # noqa: F401 - a fixture
from tests.analysis.crash_dumps import BANNER, REPORT, write_dump
from tests.render.hostile import CANARY, HOSTILE
from tests.render.page import Page
from tests.vmcore import dumps

KEYS = {
    *("format", "file", "status", "dump", "crash", "cause", "signature", "timeline", "figures", "reports"),
    *("last_words", "capture_death", "counts", "symbols", "drgn", "sections", "findings"),
}


@pytest.fixture(autouse=True)
def _no_symbols_here(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    # the symbols that this machine keeps belong to other dumps of the same build id
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def run(*words: str | Path) -> Done:
    """The command within this process: a start of the interpreter would take longer than all the rest."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["kdumpkit", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())


def analysed(*words: str | Path) -> tuple[int, dict[str, Any]]:
    done = run("analyse", "--json", *words)
    return done.returncode, json.loads(done.stdout)


def finding(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in document["findings"] if row["id"] == name)


def test_a_dump_without_symbols_is_told_by_its_log(tmp_path: Path) -> None:
    done = run("analyse", write_dump(tmp_path / "dump.1"))
    page = done.stdout
    assert done.returncode == 0
    for words in (
        "pointer that is NULL (a field 24 bytes behind it) in widget_poll() of\n  the module widget",
        "likely",
        "line 3: BUG: kernel NULL pointer dereference",
        "modinfo widget",
        "null_deref in widget_poll [widget]",
        "widgetd (pid 458) on CPU 1",
        "apt-get install --yes linux-image-6.1.0-56-cloud-amd64-dbg=6.1.192-1",
    ):
        assert words in page
    assert done.stderr == ""


def test_json_has_the_documented_keys(tmp_path: Path) -> None:
    status, document = analysed(write_dump(tmp_path / "dump.1", flat=False))
    assert status == 0
    assert set(document) == KEYS
    assert (document["format"], document["file"], document["status"]) == ("kdumpkit analysis 1", "dump.1", "WARN")
    assert document["dump"]["release"] == dumps.RELEASE
    assert document["dump"]["state"] == "whole"
    assert document["crash"]["rip_symbol"] == "widget_poll"
    assert document["cause"]["rule"] == "null_pointer.out_of_tree"
    assert document["signature"]["frames"] == ["widget_poll"]
    assert document["symbols"]["packages"] == ["linux-image-6.1.0-56-cloud-amd64-dbg"]
    assert document["symbols"]["vmlinux"] is None
    assert finding(document, "symbols.match")["status"] == "WARN"
    assert document["sections"]["panic"]["message"] == "Kernel panic - not syncing: Fatal exception"
    assert document["timeline"]["marks"][0][2].startswith("BUG: kernel NULL pointer")


def test_the_document_is_described(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "analysis-json.md").read_text()
    _, document = analysed(write_dump(tmp_path / "dump.1"))
    for key in (*document, *document["cause"], *document["signature"], *document["symbols"], *document["dump"]):
        assert f"`{key}`" in text, key


def test_symbols_of_another_build_are_refused_and_the_package_named(tmp_path: Path) -> None:
    other = tmp_path / "vmlinux"
    other.write_bytes(dumps.vmlinux("ab" * 20))
    status, document = analysed(write_dump(tmp_path / "dump.1"), "--vmlinux", other)
    assert status == 1
    row = finding(document, "symbols.match")
    assert row["status"] == "FAIL"
    assert "ab" * 20 in row["reason"]
    assert dumps.BUILD_ID in row["reason"]
    assert row["remedy"].endswith("linux-image-6.1.0-56-cloud-amd64-dbg=6.1.192-1")
    # the log is told all the same
    assert document["cause"]["rule"] == "null_pointer.out_of_tree"
    assert document["symbols"]["vmlinux"] is None


def test_symbols_in_the_folder_of_an_unpacked_package(tmp_path: Path) -> None:
    inside = tmp_path / "package" / "usr" / "lib" / "debug" / "boot" / f"vmlinux-{dumps.RELEASE}"
    inside.parent.mkdir(parents=True)
    inside.write_bytes(dumps.vmlinux(dumps.BUILD_ID))
    _, document = analysed(write_dump(tmp_path / "dump.1"), "--vmlinux", tmp_path / "package")
    assert finding(document, "symbols.match")["status"] == "PASS"
    assert document["symbols"]["vmlinux"] == str(inside)
    assert document["symbols"]["where"] == "given"
    inside.write_bytes(dumps.vmlinux("ab" * 20))
    status, document = analysed(write_dump(tmp_path / "dump.1"), "--vmlinux", tmp_path / "package")
    assert (status, finding(document, "symbols.match")["status"]) == (1, "FAIL")


def test_symbols_from_a_real_debuginfod(debuginfod: Debuginfod, tmp_path: Path) -> None:  # noqa: F811
    dump = write_dump(tmp_path / "dump.1", build_id=debuginfod.build_id)
    _, document = analysed(dump, "--debuginfod", debuginfod.url)
    assert finding(document, "symbols.match")["status"] == "PASS"
    assert document["symbols"]["where"] == "debuginfod"
    assert Path(document["symbols"]["vmlinux"]).read_bytes() == debuginfod.served.read_bytes()
    # kept: the next time no server is needed
    _, document = analysed(dump)
    assert document["symbols"]["where"] == "this machine"


def test_a_server_without_them_and_a_server_that_is_not_there(debuginfod: Debuginfod, tmp_path: Path) -> None:  # noqa: F811
    dump = write_dump(tmp_path / "dump.1")
    status, document = analysed(dump, "--debuginfod", debuginfod.url)
    assert (status, finding(document, "symbols.match")["status"]) == (1, "FAIL")
    assert "does not have" in finding(document, "symbols.match")["reason"]
    status, document = analysed(dump, "--debuginfod", "http://127.0.0.1:1")
    assert (status, finding(document, "symbols.match")["status"]) == (3, "UNKNOWN")
    assert document["cause"]["rule"] == "null_pointer.out_of_tree"


def test_a_kernel_before_build_ids(tmp_path: Path) -> None:
    status, document = analysed(write_dump(tmp_path / "dump.1", build_id=None))
    assert status == 0
    assert "does not name its kernel's build id" in finding(document, "symbols.match")["reason"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (bytes(range(256)) * 40, "is not a dump"),
        (b"\x7fELF" + bytes(60), "dump"),
        (dumps.vmlinux(dumps.BUILD_ID), "dump"),
        (b"makedumpfile".ljust(4096, b"\0"), "cannot be read"),
        (b"KDUMP   " + bytes(100), "cannot be read"),
        (b"\x1f\x8b" + bytes(100), "packed by gzip"),
    ],
    ids=["empty", "random", "elf", "vmlinux", "flattened-cut", "kdump-cut", "packed"],
)
def test_what_is_no_dump_is_said_in_one_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(content)
    done = run("analyse", path)
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith("kdumpkit: vmcore")
    assert said in lines[0]
    assert len(lines) <= 2
    status, document = analysed(path)
    assert (status, document["status"], document["file"]) == (1, "FAIL", "vmcore")
    assert said in document["error"]["message"]


@pytest.mark.parametrize("name", [b"a b", b"new\nline", b"\xff.dump"], ids=["blank", "newline", "no-text"])
def test_any_name_of_a_file_will_do(name: bytes, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / os.fsdecode(name))
    status, document = analysed(dump)
    assert (status, document["file"]) == (0, dump.name)
    assert document["sections"]["log"]["records"] > 1
    page = run("analyse", "--html", dump)
    assert (page.returncode, page.stderr) == (0, "")


def test_a_packed_dump_is_unpacked_by_content_and_told_like_any_other(tmp_path: Path) -> None:
    plain = write_dump(tmp_path / "dump.1")
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    (status, document), (as_plain, its) = analysed(packed), analysed(plain)
    assert (status, document["crash"], document["cause"]) == (as_plain, its["crash"], its["cause"])
    assert "gzip" in document["dump"]["unpacked"]
    assert its["dump"]["unpacked"] is None


def test_a_packed_dump_without_room_is_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(b"KDUMP   " + bytes((64 << 20) - 8)))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, 0, 300 << 20))
    status, document = analysed(packed)
    assert (status, document["error"]["type"]) == (1, "DiskFull")
    assert "64 MiB more are to be written, 300 MiB are free" in document["error"]["message"]


def test_a_dump_that_is_cut_off_still_tells_what_it_has(tmp_path: Path) -> None:
    whole = write_dump(tmp_path / "whole", flat=False).read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(whole[:-600])
    status, document = analysed(path)
    assert status == 1
    assert finding(document, "dump.whole")["status"] == "FAIL"
    assert "cut off" in finding(document, "dump.whole")["reason"]


@pytest.mark.parametrize("machine", [b"sparc64", b"aarch64", b"s390x"])
def test_a_dump_of_a_foreign_architecture(machine: bytes, tmp_path: Path) -> None:
    order = ">" if machine in (b"s390x", b"sparc64") else "<"
    path = tmp_path / "vmcore"
    content = dumps.kdump(dumps.pages(dumps.ringbuffer([])), b"OSRELEASE=5.14.0\n", machine=machine, order=order)
    path.write_bytes(content)
    status, document = analysed(path)
    assert status == 1
    assert document["dump"]["machine"] == machine.decode()
    assert finding(document, "dump.log")["status"] == "FAIL"


@pytest.mark.parametrize(
    "words",
    [
        ("analyse",),
        ("analyse", "nothere"),
        ("analyse", "{dump}", "--vmlinux", "nothere"),
        ("analyse", "{dump}", "--json", "--html"),
        ("analyse", "{dump}", "--debuginfod", "file:///etc"),
        ("oops",),
        ("oops", "nothere"),
    ],
)
def test_wrong_use(words: tuple[str, ...], tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "dump.1")
    done = run(*(word.replace("{dump}", str(dump)) for word in words))
    assert done.returncode == 2
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["loop", "x" * 300, "file/below"], ids=["loop", "long", "below-a-file"])
def test_what_cannot_be_looked_at_is_said_as_json_too(name: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    dump = write_dump(tmp_path / "file")
    for words in ((tmp_path / name,), (dump, "--vmlinux", tmp_path / name)):
        status, document = analysed(*words)
        assert (status, document["error"]["type"]) == (2, "UsageError")


def test_the_page_is_self_contained_and_escaped(tmp_path: Path) -> None:
    report = REPORT.replace("widgetd", "</pre><script>alert(1)</script>").replace(
        "nfs: server", f"audit: password={CANARY} <img src=x> nfs: server"
    )
    done = run("analyse", write_dump(tmp_path / "dump.1", report), "--html")
    assert done.returncode == 0
    text = done.stdout
    page = Page(text)
    assert "script" not in page.names()
    assert CANARY not in text
    assert [address for name in ("src", "href") for address in page.attributes(name) if "data:" not in address] == []
    assert page.names() >= {"h1", "table", "figure", "pre"}
    assert "modinfo widget" in page.text
    assert "How sure that is: likely" in page.text


def test_hostile_text_in_a_log_does_no_harm(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"{BANNER}\n" + REPORT.replace("Fatal exception", f"Fatal exception {HOSTILE}"), errors="replace")
    done = run("oops", log)
    assert CANARY not in done.stdout
    assert not [c for c in done.stdout if not c.isprintable() and c not in "\n\t"]


def test_oops_for_people(tmp_path: Path) -> None:
    log, quiet = tmp_path / "log", tmp_path / "quiet"
    log.write_text(f"{BANNER}\n{REPORT}")
    quiet.write_text(BANNER)
    done = run("oops", log, quiet)
    text = done.stdout
    assert done.returncode == 0
    assert "in widget_poll() of\n  the module widget" in text
    assert "null_deref in widget_poll [widget]" in text
    assert "quiet: no crash in it\n  in 1 line, 0 reports of the kernel, 1 boot" in text


def test_oops_tells_what_the_capture_kernel_died_of() -> None:
    console = Path(__file__).resolve().parents[1] / "recordings" / "capture-fails" / "console.txt"
    text = run("oops", console).stdout
    told = text.partition("What the capture kernel died of in its turn")[2]
    assert "vfs mount root" in told
    assert "VFS: Unable to mount root fs on unknown-block(0,0)" in told
    assert json.loads(run("oops", "--json", console).stdout)["capture_death"]["kind"] == "vfs_mount_root"


def test_oops_says_which_logs_tell_of_the_same_crash(tmp_path: Path) -> None:
    one, other, another = tmp_path / "one", tmp_path / "other", tmp_path / "another"
    one.write_text(REPORT)
    other.write_text(REPORT.replace("+0x1b/0x80", "+0x2c/0x90").replace("CPU: 1 PID: 458", "CPU: 7 PID: 9"))
    another.write_text(REPORT.replace("widget_poll", "widget_read"))
    last = run("oops", one, other, another).stdout.splitlines()[-1]
    assert last.startswith("These tell of the same crash, ")
    assert last.endswith(f"null_deref in widget_poll [widget]: {one}, {other}")
    assert "These tell" not in run("oops", one, another).stdout


def test_oops_as_json_keeps_its_contract(tmp_path: Path) -> None:
    log, quiet = tmp_path / "log", tmp_path / "quiet"
    log.write_text(f"{BANNER}\n{REPORT}")
    quiet.write_text("nothing\n")
    rows = [json.loads(line) for line in run("oops", "--json", log, quiet, log).stdout.splitlines()]
    assert [row["file"] for row in rows] == [str(log), str(quiet), str(log)]
    assert all(set(NO_CRASH) <= set(row) for row in rows)
    assert rows[0] == rows[2]
    assert rows[0]["kind"] == "null_deref"
    assert rows[0]["cause"]["rule"] == "null_pointer.out_of_tree"
    assert rows[0]["signature"]["title"] == "null_deref in widget_poll [widget]"
    assert (rows[1]["kind"], rows[1]["cause"], rows[1]["signature"]) == ("none", None, None)


def test_oops_reads_a_pipe() -> None:
    argv = [sys.executable, "-c", "from kdumpkit.cli.main import main; main()", "oops", "--json", "-"]
    done = subprocess.run(argv, input=f"{BANNER}\n{REPORT}".encode(), capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["kind"] == "null_deref"
    assert json.loads(done.stdout)["file"] == "-"


def test_oops_says_what_a_file_is_that_is_no_log(tmp_path: Path) -> None:
    empty, quiet = tmp_path / "empty", tmp_path / "quiet"
    empty.write_bytes(b"")
    quiet.write_text("all is well\n")
    done = run("oops", empty, quiet)
    assert done.returncode == 0
    assert done.stdout.count("no crash in it") == 2
    assert done.stdout.count("the file is empty: nothing was written to it") == 1
    rows = [json.loads(line) for line in run("oops", "--json", empty, quiet).stdout.splitlines()]
    assert [row["note"] for row in rows] == ["the file is empty: nothing was written to it", None]


def test_parts_that_fail_alike_are_told_once(tmp_path: Path) -> None:
    failed = {
        f"part{number}": {"error": f"this part cannot be read: FaultError: at 0xffffffff924622{number:02x}"}
        for number in range(9)
    }
    reason = failed_parts(failed | {"system": {"release": "6.1.0"}})
    assert reason.count("FaultError") == 1
    assert reason.startswith("part0, part1, part2,")
    assert "0xffffffff92462200" in reason
    assert "system" not in reason
    assert failed_parts({"system": {"release": "6.1.0"}}) == ""
