from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdumpkit.vmcore.completeness import DumpState, read_completeness
from tests.vmcore import dumps

MEMORY = dumps.pages({0x100000: bytes(range(256)) * 64})
PLAIN = dumps.kdump(MEMORY)
FLAT = dumps.flattened(PLAIN)


def write(folder: Path, content: bytes) -> Path:
    path = folder / "dump.202611230534"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [PLAIN, FLAT], ids=["plain", "flattened"])
def test_whole(tmp_path: Path, content: bytes) -> None:
    found = read_completeness(write(tmp_path, content))
    assert found.whole
    assert found.pages == found.pages_there == len(MEMORY)
    assert f"all {len(MEMORY)} pages" in found.reason


@pytest.mark.parametrize("order", ["<", ">"])
def test_byte_order_of_another_machine(tmp_path: Path, order: str) -> None:
    found = read_completeness(write(tmp_path, dumps.kdump(MEMORY, order=order, machine=b"s390x")))
    assert (found.state, found.pages_there) == (DumpState.WHOLE, len(MEMORY))
    cut = dumps.kdump(MEMORY, order=order, machine=b"s390x")[:-1]
    assert read_completeness(write(tmp_path, cut)).pages_there == len(MEMORY) - 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (PLAIN[:4096], "before its table of pages"),
        (PLAIN[:9000], "before its table of pages"),
        (PLAIN[: 4096 * 4 + 24], f"within its table of {len(MEMORY)} pages"),
        (PLAIN[: len(PLAIN) - 500], f"its pages end at byte {len(PLAIN)} of {len(PLAIN) - 500}"),
        (PLAIN[:-1], f"{len(MEMORY) - 1} of {len(MEMORY)} pages are there"),
        (FLAT[:4096], "stops without makedumpfile's end marker"),
        (FLAT[: len(FLAT) // 2], "before the end of a segment"),
        (FLAT[:-16], "without makedumpfile's end marker"),
        (FLAT[:-17], "1 bytes before the end of a segment"),
        (dumps.kdump(MEMORY, blank=2), "2 page descriptors were never written"),
    ],
)
def test_truncated(tmp_path: Path, content: bytes, words: str) -> None:
    path = write(tmp_path, content)
    found = read_completeness(path)
    assert found.state is DumpState.TRUNCATED
    assert words in found.reason


def test_incomplete_is_told_apart_from_truncated(tmp_path: Path) -> None:
    found = read_completeness(write(tmp_path, dumps.kdump(MEMORY, status=1 | 8, blank=2)))
    assert found.state is DumpState.INCOMPLETE
    assert f"{len(MEMORY) - 2} of {len(MEMORY)} pages" in found.reason


def test_damaged_segment(tmp_path: Path) -> None:
    content = bytearray(FLAT)
    content[4096:4112] = struct.pack(">qq", -7, 100)
    found = read_completeness(write(tmp_path, bytes(content)))
    assert found.state is DumpState.TRUNCATED


def test_elf(tmp_path: Path) -> None:
    content = dumps.elf_core(vmcoreinfo=dumps.VMCOREINFO_HEAD.encode())
    assert read_completeness(write(tmp_path, content)).whole
    found = read_completeness(write(tmp_path, content[:-1]))
    assert found.state is DumpState.TRUNCATED
    assert f"ends at byte {len(content)}" in found.reason
    assert read_completeness(write(tmp_path, content[:100])).state is DumpState.TRUNCATED


@pytest.mark.parametrize(
    ("content", "state"),
    [(b"", DumpState.EMPTY), (b"\x1f\x8b\x08", DumpState.PACKED), (b"text", DumpState.NOT_A_DUMP)],
)
def test_no_dump(tmp_path: Path, content: bytes, state: DumpState) -> None:
    path = write(tmp_path, content)
    assert read_completeness(path).state is state


def test_numbers_without_sense_end_at_once(tmp_path: Path) -> None:
    content = bytearray(PLAIN)
    content[436:444] = struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFFF)
    content[4096 + 96 : 4096 + 104] = struct.pack("<Q", 2**63)
    far = struct.pack(">qq", 2**61, 1) + b"x"
    flat = dumps.flattened(bytes(content), end=False) + far + struct.pack(">qq", -1, -1)
    for damaged in (bytes(content), flat):
        assert read_completeness(write(tmp_path, damaged)).state is DumpState.TRUNCATED


@settings(deadline=None)
@given(st.integers(0, len(FLAT) - 1), st.booleans())
def test_no_cut_passes_for_whole(tmp_path_factory: pytest.TempPathFactory, size: int, flat: bool) -> None:
    path = tmp_path_factory.mktemp("cut") / "vmcore"
    path.write_bytes(FLAT[:size] if flat else PLAIN[: min(size, len(PLAIN) - 1)])
    assert not read_completeness(path).whole
