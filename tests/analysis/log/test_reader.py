"""The reader as a stream: bounded memory, line numbers over chunks, files, JSON, and any bytes."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdumpkit.analysis.log import oops, read_crash
from kdumpkit.analysis.log.kinds import LITERALS
from kdumpkit.errors import UsageError

REPORT = (
    b"[  100.000001] BUG: unable to handle page fault for address: ffffa1b2c3d4e5f6\n"
    b"[  100.000002] Oops: 0002 [#1] SMP\n"
    b"[  100.000003] CPU: 3 PID: 44 Comm: widgetd Tainted: G        W  OE     6.1.0-9-amd64 #1 Debian 6.1.27-1\n"
    b"[  100.000004] RIP: 0010:widget_put+0x1d/0x30 [widget]\n"
    b"[  100.000005] Call Trace:\n"
    b"[  100.000006]  widget_exit+0x1d/0x30 [widget]\n"
    b"[  100.000007] ---[ end trace 0000000000000000 ]---\n"
    b"[  100.000008] Kernel panic - not syncing: Fatal exception\n"
)
BORING = b"[   10.000000] usb 1-1: new high-speed USB device number 7 using xhci_hcd\n"

KEYS = (
    *("kind", "panicked", "panic_reason", "rip_symbol", "rip_offset", "rip_module"),
    *("comm", "pid", "cpu", "kernel_release", "tainted", "call_trace"),
)


@pytest.mark.parametrize("before", [0, 1, 870, 871, 872, 873, 5000])
def test_report_at_any_place_of_a_chunk(before: int) -> None:
    log = read_crash([BORING] * before + REPORT.splitlines(keepends=True) + [BORING] * 100)
    assert log.fatal is not None
    assert log.fatal.as_json() | {"line_numbers": None, "first_line": 0, "last_line": 0} == read_crash(
        REPORT.splitlines()
    ).fatal.as_json() | {"line_numbers": None, "first_line": 0, "last_line": 0}  # type: ignore[union-attr]
    assert log.fatal.first_line == before + 1
    assert log.fatal.line_numbers["rip_symbol"] == before + 4
    assert log.fatal.line_numbers["panic_reason"] == before + 8
    assert log.line_count == before + 108


def test_memory_does_not_grow_with_the_log() -> None:
    def lines(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield from REPORT.splitlines(keepends=True)
            for _ in range(20):
                yield BORING

    def peak(count: int) -> int:
        tracemalloc.start()
        assert read_crash(lines(count)).block_count == count
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    # 512 reports are kept, so both have reached the bound
    assert peak(1400) < peak(700) * 1.3


def test_a_report_of_endless_lines_is_bounded() -> None:
    frames = (b"[  1.0]  widget_%d+0x1/0x2\n" % number for number in range(20000))
    log = read_crash([b"[  1.0] kernel BUG at a.c:1!\n", b"[  1.0] Call Trace:\n", *frames])
    assert log.fatal is not None
    assert len(log.fatal.frames) == 512


def test_json_of_files(tmp_path: Path) -> None:
    (tmp_path / "crash.txt").write_bytes(REPORT)
    (tmp_path / "boring.txt").write_bytes(BORING * 3)
    (tmp_path / "empty.txt").write_bytes(b"")
    # no line end at all, and a report after it
    (tmp_path / "endless.txt").write_bytes(b"x" * 3_000_000 + b"\n" + REPORT)
    crash, boring, empty, endless = oops(
        tmp_path / name for name in ("crash.txt", "boring.txt", "empty.txt", "endless.txt")
    )
    assert {key: crash[key] for key in KEYS} == {
        "kind": "paging_request",
        "panicked": True,
        "panic_reason": "Fatal exception",
        "rip_symbol": "widget_put",
        "rip_offset": "+0x1d/0x30",
        "rip_module": "widget",
        "comm": "widgetd",
        "pid": 44,
        "cpu": 3,
        "kernel_release": "6.1.0-9-amd64",
        "tainted": "GWOE",
        "call_trace": ["widget_exit"],
    }
    for nothing in (boring, empty):
        assert (nothing["kind"], nothing["panicked"]) == ("none", False)
        assert all(nothing[key] is None for key in KEYS[2:])
    assert (boring["line_count"], empty["line_count"]) == (3, 0)
    assert (endless["kind"], endless["first_line"]) == ("paging_request", 2)
    json.dumps([crash, boring, endless])
    assert crash["file"] == str(tmp_path / "crash.txt")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.txt", tmp_path):
        with pytest.raises(UsageError, match="cannot be read") as caught:
            list(oops([path]))
        assert caught.value.hint.startswith("ls -l ")


def test_nothing_heavy_is_imported() -> None:
    heavy = "{'drgn', 'papermill', 'pydantic', 'rich', 'jinja2', 'matplotlib'}"
    heavy = f"import sys, kdumpkit.analysis.log; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


WORDS = st.sampled_from(
    [*LITERALS, *REPORT.split(), b"\n", b" ", b"[    1.0] ", b"[#1]", b"(", b")", b"+0x1/0x2", b"\x1b[0m", b"\xff\xfe"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(WORDS, st.binary(max_size=12)), max_size=120))
def test_no_bytes_raise(parts: list[bytes]) -> None:
    log = read_crash(b" ".join(parts).splitlines(keepends=True))
    json.dumps(log.as_json())
    assert log.fatal is None or log.fatal in log.blocks


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_report_raises_nothing_and_invents_nothing(data: st.DataObject) -> None:
    damaged = bytearray(REPORT)
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=4))
        if not damaged:
            return
    shown = read_crash(bytes(damaged).splitlines(keepends=True)).as_json()
    text = bytes(damaged).decode("utf-8", "replace")
    for key in ("rip_symbol", "comm", "kernel_release", "panic_reason"):
        if shown[key] is not None and text.isprintable():
            assert str(shown[key]) in text


@pytest.mark.parametrize(
    "filler", [b"[", b"(", b"a+0x", b" ", b"0", b"[<", b"Tainted: G ", b"CPU: 1 PID: 1 Comm: ", b"? "]
)
def test_no_pattern_takes_more_than_linear_time(filler: bytes) -> None:
    # every line opens or continues a report and is as long as the reader allows
    starts = [
        b"BUG: KASAN: ",
        b"[ 1.0] ",
        b"Call Trace:",
        b"INFO: task ",
        b"Kernel panic - not syncing: ",
        b"Oops: ",
        b"CPU: 1 PID: 1 Comm: ",
    ]
    lines = [(start + filler * 9000)[:9000] + b"\n" for start in starts] * 20
    log = read_crash(lines)
    assert log.line_count == len(lines)


def test_a_carriage_return_within_a_line_is_dropped_whatever_else_is_read_with_it() -> None:
    line = b"\rNMI watchdog: Watchdog detected hard LOCKUP on cpu 7\r\n"
    for beside in (b"", b"\x00\n"):
        assert [block.title[:4] for block in read_crash([line, beside]).blocks] == ["NMI "]
