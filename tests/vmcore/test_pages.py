"""Physical memory out of a dump by our own reader; what drgn's libkdumpfile reads of the same file is the measure."""

from __future__ import annotations

import ctypes
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import drgn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdumpkit.errors import KdumpkitError, NotAVmcore, VmcoreError
from kdumpkit.vmcore import page_codecs
from kdumpkit.vmcore.format import read_header
from kdumpkit.vmcore.page_codecs import unpack_page
from kdumpkit.vmcore.pages import KdumpPages, PageMissing, PhysicalMemory, open_physical
from tests.vmcore import dumps
from tests.vmcore.dumps import BytesView

PAGE = dumps.PAGE
#: frames on both sides of a chunk of the bitmap (32768 frames), some side by side, some alone
FRAMES = (5, 6, 7, 100, 32766, 32767, 32768, 32769, 65535, 70000)
MEMORY = dumps.pages({frame * PAGE: os.urandom(PAGE // 2) + bytes(PAGE // 2) for frame in FRAMES})


def lzo(page: bytes) -> bytes:
    library = page_codecs._library("lzo2")
    out, size = ctypes.create_string_buffer(len(page) * 2 + 256), ctypes.c_size_t(0)
    work = ctypes.create_string_buffer(16384 * 8)
    assert library.lzo1x_1_compress(page, ctypes.c_size_t(len(page)), out, ctypes.byref(size), work) == 0
    return out.raw[: size.value]


def snappy(page: bytes) -> bytes:
    out, size = ctypes.create_string_buffer(len(page) * 2 + 256), ctypes.c_size_t(len(page) * 2 + 256)
    library = page_codecs._library("snappy")
    assert library.snappy_compress(page, ctypes.c_size_t(len(page)), out, ctypes.byref(size)) == 0
    return out.raw[: size.value]


def zstd(page: bytes) -> bytes:
    library, out = page_codecs._library("zstd"), ctypes.create_string_buffer(len(page) * 2 + 256)
    library.ZSTD_compress.restype = ctypes.c_size_t
    size = library.ZSTD_compress(out, ctypes.c_size_t(len(out)), page, ctypes.c_size_t(len(page)), 1)
    return out.raw[:size]


PACKERS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "none": (0, bytes),
    "zlib": (1, zlib.compress),
    "lzo": (2, lzo),
    "snappy": (4, snappy),
    "zstd": (0x20, zstd),
}


def physical(content: bytes) -> PhysicalMemory:
    view = BytesView(content)
    return open_physical(view, read_header(view))


@pytest.mark.parametrize("packer", list(PACKERS))
def test_every_page_is_as_libkdumpfile_reads_it(tmp_path: Path, packer: str) -> None:
    status, pack = PACKERS[packer]
    content = dumps.kdump(MEMORY, status=status, pack=pack)
    (tmp_path / "vmcore").write_bytes(content)
    memory, program = physical(content), drgn.Program()
    program.set_core_dump(str(tmp_path / "vmcore"))
    for frame, page in MEMORY.items():
        assert memory.read(frame * PAGE, PAGE) == page
        assert program.read(frame * PAGE, PAGE, physical=True) == page
    for frame in (0, 8, 99, 101, 32765, 32770, 69999, 70001, 70008, 10**9):
        with pytest.raises(PageMissing):
            memory.read(frame * PAGE, 8)
        with pytest.raises(drgn.FaultError):
            program.read(frame * PAGE, 8, physical=True)


def test_a_read_may_go_over_pages() -> None:
    memory = physical(dumps.kdump(MEMORY))
    run = b"".join(MEMORY[frame] for frame in (5, 6, 7))
    assert memory.read(5 * PAGE + 100, 2 * PAGE + 50) == run[100 : 2 * PAGE + 150]
    assert memory.read(7 * PAGE - 4, 8) == run[2 * PAGE - 4 : 2 * PAGE + 4]
    with pytest.raises(PageMissing, match="page frame 0x8 is not in the dump"):
        memory.read(8 * PAGE - 4, 8)


def test_big_endian_dump() -> None:
    memory = physical(dumps.kdump(MEMORY, order=">", machine=b"s390x"))
    assert memory.read(32768 * PAGE, PAGE) == MEMORY[32768]


def test_pages_that_were_read_of_late_are_kept_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = {frame: os.urandom(PAGE // 2) * 2 for frame in range(64)}
    memory = physical(dumps.kdump(frames))
    assert isinstance(memory, KdumpPages)
    memory._pages_kept = 20
    unpacked: list[int] = []
    real = memory._read_page
    monkeypatch.setattr(memory, "_read_page", lambda frame: (unpacked.append(frame), real(frame))[1])
    for frame in (*range(64), 63, 50):
        assert memory.read(frame * PAGE, PAGE) == frames[frame]
    assert unpacked == list(range(64))
    memory.read(0, 1)
    assert unpacked[-1] == 0
    assert len(memory._pages) == 20


def test_descriptor_that_was_never_written() -> None:
    memory = physical(dumps.kdump(MEMORY, blank=1))
    assert memory.read(65535 * PAGE, 4) == MEMORY[65535][:4]
    with pytest.raises(PageMissing, match="never written"):
        memory.read(70000 * PAGE, 4)


def test_page_beyond_the_end_of_the_file() -> None:
    content = dumps.kdump(MEMORY)
    memory = physical(content[:-10])
    assert memory.read(65535 * PAGE, 4) == MEMORY[65535][:4]
    with pytest.raises(PageMissing, match="ends before page frame 0x11170"):
        memory.read(70000 * PAGE, 4)


def test_one_part_of_a_split_dump_is_refused() -> None:
    content = bytearray(dumps.kdump(MEMORY))
    struct.pack_into("<i", content, PAGE + 12, 1)
    with pytest.raises(NotAVmcore, match="--split"):
        physical(bytes(content))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_is_an_error_of_ours_or_other_bytes(data: st.DataObject) -> None:
    content = bytearray(dumps.kdump({frame: bytes([frame]) * PAGE for frame in range(1, 6)}))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(464, len(content) - 1))] = data.draw(st.integers(0, 255))
    view = BytesView(bytes(content))
    try:
        memory = open_physical(view, read_header(view))
        assert len(memory.read(data.draw(st.integers(0, 7)) * PAGE, PAGE)) == PAGE
    except KdumpkitError:
        pass


def elf_core(segments: list[tuple[int, bytes]]) -> bytes:
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    place, parts, content = 64 + 56 * len(segments), b"", b""
    for address, raw in segments:
        parts += struct.pack("<IIQQQQQQ", 1, 7, place + len(content), 0, address, len(raw), len(raw), 0)
        content += raw
    return head + parts + content


def test_elf_core_by_physical_address() -> None:
    low, high = os.urandom(3000), os.urandom(5000)
    memory = physical(elf_core([(0x100000, high), (0x1000, low)]))
    assert memory.read(0x1000, 3000) == low
    assert memory.read(0x100000 + 10, 100) == high[10:110]
    for address in (0, 0xFFF, 0x1000 + 3000, 0x100000 + 5000, 1 << 60):
        with pytest.raises(PageMissing, match="nothing at physical address"):
            memory.read(address, 1)
    with pytest.raises(PageMissing):
        memory.read(0x1000 + 2999, 2)


def test_elf_core_with_segments_side_by_side() -> None:
    memory = physical(elf_core([(0x1000, b"a" * 4096), (0x2000, b"b" * 4096)]))
    assert memory.read(0x1FFE, 4) == b"aabb"


def test_elf_core_that_is_cut_off() -> None:
    memory = physical(elf_core([(0x1000, b"a" * 4096)])[:-100])
    assert memory.read(0x1000, 3996) == b"a" * 3996
    with pytest.raises(PageMissing, match="ends before"):
        memory.read(0x1000, 4000)


@pytest.mark.parametrize("packer", [name for name in PACKERS if name != "none"])
def test_damaged_page(packer: str) -> None:
    flag, pack = PACKERS[packer]
    page = os.urandom(PAGE // 2) + bytes(PAGE // 2)
    packed = pack(page)
    assert unpack_page(packed, flag, PAGE) == page
    for damaged in (packed[: len(packed) // 2], b"\xff" * 40, b""):
        with pytest.raises(VmcoreError, match="damaged"):
            unpack_page(damaged, flag, PAGE)


def test_page_that_unpacks_to_more_than_a_page() -> None:
    for packer in ("lzo", "snappy", "zstd"):
        flag, pack = PACKERS[packer]
        with pytest.raises(VmcoreError, match="damaged"):
            unpack_page(pack(bytes(2 * PAGE)), flag, PAGE)


def test_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    page_codecs._library.cache_clear()
    monkeypatch.setattr(page_codecs, "_beside_drgn", lambda _: [])
    monkeypatch.setattr(page_codecs.ctypes.util, "find_library", lambda _: None)
    with pytest.raises(VmcoreError, match="packed by lzo2, and its library is not on this machine") as caught:
        unpack_page(b"x", 2, PAGE)
    assert "dump_reading: copy" in caught.value.hint
    page_codecs._library.cache_clear()
