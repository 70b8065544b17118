"""What a dump's tables say of its pages."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from kdumpkit.vmcore.completeness import read_completeness
from kdumpkit.vmcore.contents import DumpContents, contents_of_elf, left_out_words, parse_contents
from kdumpkit.vmcore.elf import PT_LOAD, Segment
from tests.vmcore import dumps

#: 8 pages of which three are zeros
MEMORY = {n: bytes(dumps.PAGE) if n in (2, 5, 6) else bytes([n + 1]) * dumps.PAGE for n in range(8)}


def dump(*, order: str = "<", left_out: int = 0, status: int = 1) -> bytes:
    """A dump whose pages of zeros share one, as makedumpfile writes it; the kernel had ``left_out`` pages more."""
    content = bytearray(dumps.kdump(MEMORY, order=order, status=status))
    first_bitmap = 2 * dumps.PAGE
    content[first_bitmap] = 0xFF
    for number in range(8, 8 + left_out):
        content[first_bitmap + number // 8] |= 1 << number % 8
    # room for pages beyond the highest that is held: max_mapnr is a number of the sub-header
    content[dumps.PAGE + 96 : dumps.PAGE + 104] = struct.pack(order + "Q", 8 + left_out)
    table = first_bitmap + 2 * dumps.PAGE
    shared = table + 24 * len(MEMORY)
    tail = b"\0" * dumps.PAGE
    place = shared + dumps.PAGE
    descriptors = b""
    for page in MEMORY.values():
        if not any(page):
            descriptors += struct.pack(order + "qIIQ", shared, dumps.PAGE, 0, 0)
            continue
        descriptors += struct.pack(order + "qIIQ", place, 100, 1, 0)
        tail += b"p" * 100
        place += 100
    return bytes(content[:table]) + descriptors + tail


def contents(folder: Path, raw: bytes) -> DumpContents | None:
    path = folder / "dump"
    path.write_bytes(raw)
    return read_completeness(path).contents


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("flat", [False, True])
def test_pages_are_counted_by_what_became_of_them(tmp_path: Path, order: str, flat: bool) -> None:
    raw = dump(order=order, left_out=50)
    found = contents(tmp_path, dumps.flattened(raw) if flat else raw)
    assert found is not None
    assert (found.present_pages, found.held_pages, found.zero_pages) == (58, 8, 3)
    assert found.left_out_pages == 50
    # five pages of 100 bytes, and one page for all zeros
    assert found.stored_bytes == 5 * 100 + dumps.PAGE
    assert (found.page_bytes, found.dump_level, found.compression) == (dumps.PAGE, 31, "zlib")


def test_a_dump_of_all_pages_left_none_out(tmp_path: Path) -> None:
    raw = dumps.kdump(MEMORY, status=0)
    found = contents(tmp_path, raw)
    assert found is not None
    assert (found.left_out_pages, found.zero_pages, found.stored_bytes) == (0, 0, 8 * dumps.PAGE)
    assert found.compression == "none"


def elf_core(*loads: tuple[int, int, int], order: str = "<", bits: int = 64) -> bytes:
    """An ELF core: physical address, bytes in the file and bytes of memory of each segment."""
    headers = 64 + 56 * len(loads) if bits == 64 else 52 + 32 * len(loads)
    ident = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    sizes = (64, 0, 0, 64, 56) if bits == 64 else (52, 0, 0, 52, 32)
    out = ident + struct.pack(
        order + ("HHIQQQIHHHHHH" if bits == 64 else "HHIIIIIHHHHHH"), 4, 62, 1, 0, *sizes, len(loads), 0, 0, 0
    )
    at = headers
    for physical, in_file, memory in loads:
        if bits == 64:
            out += struct.pack(order + "IIQQQQQQ", 1, 7, at, 0, physical, in_file, memory, 0)
        else:
            out += struct.pack(order + "IIIIIIII", 1, at, 0, physical, in_file, memory, 7, 0)
        at += in_file
    return out + b"m" * (at - headers)


PAGE = 4096


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("order", ["<", ">"])
def test_an_elf_core_tells_by_its_segments_what_was_left_out(tmp_path: Path, order: str, bits: int) -> None:
    # as makedumpfile -E writes it: rows that are excluded count for the segment before them, and have no bytes
    raw = elf_core((0, 2 * PAGE, 10 * PAGE), (16 * PAGE, 0, 4 * PAGE), (1 << 30, PAGE, PAGE), order=order, bits=bits)
    found = contents(tmp_path, raw)
    assert found is not None
    assert (found.present_pages, found.held_pages, found.left_out_pages) == (15, 3, 12)
    assert (found.zero_pages, found.dump_level, found.compression) == (None, None, "none")
    assert found.stored_bytes == 3 * PAGE


def test_memory_that_two_segments_have_counts_once(tmp_path: Path) -> None:
    # /proc/vmcore as it is: the kernel's text within a run of memory, which comes later
    raw = elf_core((4 * PAGE, 2 * PAGE, 2 * PAGE), (PAGE, 8 * PAGE, 8 * PAGE), (9 * PAGE, PAGE, PAGE))
    found = contents(tmp_path, raw)
    assert found is not None
    assert (found.present_pages, found.held_pages, found.stored_bytes) == (9, 9, 11 * PAGE)


@pytest.mark.parametrize(
    "loads",
    [((0, PAGE, PAGE),), ((0, PAGE, PAGE), (0, PAGE, 2 * PAGE)), ((PAGE, 2 * PAGE, PAGE),), ((PAGE, PAGE, 1 << 60),)],
)
def test_segments_without_physical_addresses_do_not_tell(tmp_path: Path, loads: tuple[tuple[int, int, int]]) -> None:
    # the core of a program, or damage
    assert contents(tmp_path, elf_core(*loads)) is None


def test_the_pages_of_an_elf_core_are_as_large_as_it_says() -> None:
    found = contents_of_elf([Segment(PT_LOAD, 0, 1 << 17, 1 << 20, 1 << 17)], 1 << 16)
    assert found is not None
    assert (found.page_bytes, found.present_pages) == (1 << 16, 2)


def test_a_file_that_is_cut_off_before_its_tables_does_not_tell(tmp_path: Path) -> None:
    assert contents(tmp_path, dump()[:9000]) is None
    assert contents(tmp_path, elf_core((PAGE, PAGE, PAGE), (9 * PAGE, PAGE, PAGE))[:130]) is None


def test_what_is_printed_is_what_is_parsed(tmp_path: Path) -> None:
    found = contents(tmp_path, dump())
    assert found is not None
    assert parse_contents(json.loads(json.dumps(found.as_json()))) == found
    assert parse_contents(None) is None
    assert parse_contents({"page_bytes": 4096}) is None


def test_levels_in_words() -> None:
    assert left_out_words(31).startswith("page cache, ")
    assert left_out_words(16) == "free pages"
    assert left_out_words(17) == "free pages"
