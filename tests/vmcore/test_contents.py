"""What a dump's tables say of its pages."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from kdumpkit.vmcore.completeness import read_completeness
from kdumpkit.vmcore.contents import DumpContents, left_out_words, parse_contents
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


def test_an_elf_core_and_a_file_that_is_cut_off_do_not_tell(tmp_path: Path) -> None:
    assert contents(tmp_path, dumps.elf_core()) is None
    assert contents(tmp_path, dump()[:9000]) is None


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
