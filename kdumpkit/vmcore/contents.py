"""What pages a dump holds, and how much room they take.

Of a kdump-compressed dump its bitmaps and page descriptors tell. Source: makedumpfile 1.7.2, makedumpfile.c: the first
bitmap has the page frames that the kernel had, the second those that were not excluded; ``write_kdump_pages`` stores a
page of zeros once, and lets each such page's descriptor point to it (with dump level 1 it is the first of all pages in
the file). QEMU's dump-guest-memory does the same.

Of an ELF core the program headers tell: each stands for a range of memory, of which the file has the beginning. Source:
elf(5); makedumpfile.c, ``write_elf_pages_cyclic``: 256 or more pages in a row that are excluded end a segment, whose
``p_memsz`` counts them and whose ``p_filesz`` does not; shorter rows are written. A copy of /proc/vmcore has all of
each range, and on some architectures the kernel's text in a segment of its own as well.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from kdumpkit.vmcore import elf

#: of kernels that do not say; the smallest of those in use
_PAGE_BYTES = 4096
#: 64 PiB; more is damage
_MOST_MEMORY_BYTES = 1 << 56
#: what each bit of the dump level leaves out (makedumpfile(8), -d)
LEVEL_BITS = (
    (1, "pages of zeros"),
    (2, "page cache"),
    (4, "private page cache"),
    (8, "memory of programs"),
    (16, "free pages"),
)
_WORDS_IN_DESCRIPTOR = 6


@dataclass(frozen=True)
class DumpContents:
    """Pages of a dump. None for what its format does not tell."""

    page_bytes: int
    #: page frames that the kernel had, without what was kept for the capture kernel
    present_pages: int | None
    #: of them, those that the dump has
    held_pages: int
    #: of these, those that are nothing but zeros: the file has one page for all of them; None: not told apart
    zero_pages: int | None
    #: what the pages take in the file, compressed
    stored_bytes: int
    #: makedumpfile's -d; None: the header is older than it
    dump_level: int | None
    #: ``zlib``, ``lzo``, ``snappy``, ``zstd`` or ``none``
    compression: str

    @property
    def left_out_pages(self) -> int | None:
        """Pages that the kernel had and the dump does not; None where it is not known how many the kernel had."""
        return None if self.present_pages is None else max(0, self.present_pages - self.held_pages)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as :func:`parse_contents` takes them."""
        return asdict(self)


def parse_contents(values: Any) -> DumpContents | None:
    """The same out of plain values; None where they are none, as in what an older kdumpkit recorded."""
    if not isinstance(values, dict) or set(values) != set(DumpContents.__dataclass_fields__):
        return None
    return DumpContents(**values)


def contents_of_elf(segments: Iterable[elf.Segment], page_bytes: int | None) -> DumpContents | None:
    """What the segments of an ELF core stand for; None where none of them has a physical address.

    Memory that two segments have counts once. What lies between the segments is no memory, or memory that was kept for
    the capture kernel; the file does not tell which, so it is not counted.
    """
    loads = [part for part in segments if part.type == elf.PT_LOAD and part.memory_bytes >= part.file_bytes]
    if not any(part.physical for part in loads):
        return None
    page = page_bytes or _PAGE_BYTES
    present_bytes = _covered_bytes((part.physical, part.memory_bytes) for part in loads)
    if present_bytes > _MOST_MEMORY_BYTES:
        return None
    return DumpContents(
        page_bytes=page,
        present_pages=present_bytes // page,
        held_pages=_covered_bytes((part.physical, part.file_bytes) for part in loads) // page,
        zero_pages=None,
        stored_bytes=sum(part.file_bytes for part in loads),
        dump_level=None,
        compression="none",
    )


def _covered_bytes(ranges: Iterable[tuple[int, int]]) -> int:
    # of ranges (start, length) that may overlap
    covered = end = 0
    for start, length in sorted(ranges):
        covered += max(0, start + length - max(start, end))
        end = max(end, start + length)
    return covered


def left_out_words(dump_level: int | None) -> str:
    """What a dump level leaves out of a kdump-compressed dump, in words.

    Pages of zeros stay, as one: they are not named here.

    >>> left_out_words(31)
    'page cache, private page cache, memory of programs, free pages'
    >>> left_out_words(0), left_out_words(1), left_out_words(None)
    ('', '', '')
    """
    return ", ".join(words for bit, words in LEVEL_BITS[1:] if (dump_level or 0) & bit)


class StoredPages:
    """Sums over page descriptors, which are told in runs from the first to the last."""

    def __init__(self, byte_order: str, page_bytes: int) -> None:
        self._swap = byte_order != sys.byteorder
        self._page_bytes = page_bytes
        self._sizes = 0
        self._lowest: int | None = None
        self._at_lowest = 0

    def add(self, raw: bytes, offsets: array[int]) -> None:
        """Descriptors as they stand in the file, and their offsets (in this machine's byte order)."""
        words = array("I")
        words.frombytes(raw[: len(offsets) * _WORDS_IN_DESCRIPTOR * words.itemsize])
        if self._swap:
            words.byteswap()
        self._sizes += sum(words[2::_WORDS_IN_DESCRIPTOR])
        lowest = min(offsets, default=0) or min((at for at in offsets if at), default=0)
        if not lowest:
            return
        if self._lowest is None or lowest < self._lowest:
            self._lowest, self._at_lowest = lowest, 0
        self._at_lowest += offsets.count(self._lowest)

    @property
    def zero_pages(self) -> int:
        """Descriptors that share the first page of the file; 0 where none do."""
        return self._at_lowest if self._at_lowest > 1 else 0

    @property
    def stored_bytes(self) -> int:
        """Bytes of all pages, the shared one once."""
        return max(0, self._sizes - max(0, self.zero_pages - 1) * self._page_bytes)
