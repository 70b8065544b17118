"""The physical memory in a dump, page by page, read through a :class:`~kdumpkit.vmcore.view.ByteView` alone.

libkdumpfile reads files, and what lies on a host is none here. Of a dump of any size a table of 8 bytes for each
32768 page frames is in memory, and the pages that were read of late.

Source: makedumpfile 1.7.2, IMPLEMENTATION and diskdump_mod.h: of two bitmaps the second tells which page frames were
dumped; the descriptor of a page (offset, size, flags, page flags) stands at its place among those.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from collections import OrderedDict

from kdumpkit.errors import NotAVmcore, VmcoreError
from kdumpkit.vmcore import elf
from kdumpkit.vmcore.format import VmcoreHeader
from kdumpkit.vmcore.kdump_header import PAGE_DESCRIPTOR_BYTES, KdumpHeader
from kdumpkit.vmcore.page_codecs import unpack_page
from kdumpkit.vmcore.view import ByteView

#: so much of the bitmap is looked at at a time: 32768 page frames
_CHUNK_BYTES = 4096
_CHUNKS_KEPT = 256
#: of pages, unpacked
_PAGES_KEPT_BYTES = 32 << 20
#: no dump has more segments: one for each stretch of memory
_MOST_SEGMENTS = 1 << 20


class PageMissing(VmcoreError):
    """A physical address that the dump does not hold: left out on purpose, or cut off with the end of the file."""


class PhysicalMemory(ABC):
    """Reads by physical address."""

    @abstractmethod
    def read(self, address: int, size: int) -> bytes:
        """Exactly so many bytes. Raises PageMissing, VmcoreError for a damaged page, and what the view raises."""


def open_physical(view: ByteView, header: VmcoreHeader) -> PhysicalMemory:
    """The memory of a dump of which ``view`` is the whole and not the flattened file around it.

    Raises NotAVmcore for a kind whose pages cannot be found this way.
    """
    if header.kdump is not None:
        return KdumpPages(view, header.kdump)
    if header.elf is not None:
        return ElfSegments(view, header.elf)
    raise NotAVmcore("this is no dump, so there is no memory in it")


class ElfSegments(PhysicalMemory):
    """The PT_LOAD segments of an ELF core, by their physical addresses."""

    def __init__(self, view: ByteView, header: elf.ElfHeader) -> None:
        self._view = view
        loads = [s for s in elf.segments(view, header) if s.type == elf.PT_LOAD and s.file_bytes][:_MOST_SEGMENTS]
        # /proc/vmcore has the kernel's text twice, once with the others; the same bytes either way
        self._segments = sorted(loads, key=lambda segment: segment.physical)
        self._starts = [segment.physical for segment in self._segments]

    def read(self, address: int, size: int) -> bytes:
        parts = []
        while size:
            number = bisect_right(self._starts, address) - 1
            inside = address - self._starts[number] if number >= 0 else 0
            if number < 0 or inside >= self._segments[number].file_bytes:
                raise PageMissing(f"the dump has nothing at physical address {address:#x}")
            step = min(size, self._segments[number].file_bytes - inside)
            part = self._view.read_at(self._segments[number].offset + inside, step)
            if len(part) < step:
                raise PageMissing(f"the dump ends before what was at physical address {address:#x}")
            parts.append(part)
            address, size = address + step, size - step
        return b"".join(parts)


class KdumpPages(PhysicalMemory):
    """The pages of a kdump-compressed dump."""

    def __init__(self, view: ByteView, header: KdumpHeader) -> None:
        if header.split:
            raise NotAVmcore(
                "this is one of several files that makedumpfile --split wrote, and alone it is not the dump",
                "put them together: makedumpfile --reassemble",
            )
        self._view = view
        self._header = header
        self._page_bytes = header.block_size_bytes
        bitmap_bytes = header.bitmap_blocks * header.block_size_bytes
        self._bitmap_at, self._bitmap_bytes = header.bitmaps_offset, bitmap_bytes
        if not header.one_bitmap:
            self._bitmap_bytes = bitmap_bytes // 2
            self._bitmap_at += self._bitmap_bytes
        self._descriptor = struct.Struct(("<" if header.byte_order == "little" else ">") + "QIIQ")
        self._ranks = self._read_ranks()
        self._chunks: OrderedDict[int, bytes] = OrderedDict()
        self._pages: OrderedDict[int, bytes] = OrderedDict()
        self._pages_kept = max(16, _PAGES_KEPT_BYTES // self._page_bytes)

    def read(self, address: int, size: int) -> bytes:
        frame, inside = divmod(address, self._page_bytes)
        if inside + size <= self._page_bytes:
            return self._page(frame)[inside : inside + size]
        parts = [self._page(frame)[inside:]]
        left = size - len(parts[0])
        while left:
            frame += 1
            parts.append(self._page(frame)[:left])
            left -= len(parts[-1])
        return b"".join(parts)

    def _read_ranks(self) -> array[int]:
        # before each chunk of the bitmap, how many pages were dumped
        ranks, dumped = array("Q"), 0
        step = _CHUNK_BYTES * 512
        for place in range(0, min(self._bitmap_bytes, self._view.size_bytes), step):
            piece = self._view.read_at(self._bitmap_at + place, min(step, self._bitmap_bytes - place))
            for at in range(0, len(piece), _CHUNK_BYTES):
                ranks.append(dumped)
                dumped += int.from_bytes(piece[at : at + _CHUNK_BYTES], "little").bit_count()
        return ranks

    def _page(self, frame: int) -> bytes:
        page = self._pages.get(frame)
        if page is not None:
            self._pages.move_to_end(frame)
            return page
        page = self._pages[frame] = self._read_page(frame)
        if len(self._pages) > self._pages_kept:
            self._pages.popitem(last=False)
        return page

    def _read_page(self, frame: int) -> bytes:
        rank = self._rank(frame)
        if rank is None:
            raise PageMissing(f"page frame {frame:#x} is not in the dump")
        raw = self._view.read_at(self._header.descriptors_offset + rank * PAGE_DESCRIPTOR_BYTES, PAGE_DESCRIPTOR_BYTES)
        if len(raw) < PAGE_DESCRIPTOR_BYTES:
            raise PageMissing(f"the dump ends before the descriptor of page frame {frame:#x}")
        offset, size, flags, _ = self._descriptor.unpack(raw)
        if not offset:
            raise PageMissing(f"page frame {frame:#x} was never written to the dump")
        if size > self._page_bytes:
            raise VmcoreError(f"page frame {frame:#x} is damaged: its {size} bytes are more than a page")
        packed = self._view.read_at(offset, size)
        if len(packed) < size:
            raise PageMissing(f"the dump ends before page frame {frame:#x}")
        return unpack_page(packed, flags, self._page_bytes)

    def _rank(self, frame: int) -> int | None:
        """The place of a page among those that were dumped; None: it was not."""
        byte, bit = divmod(frame, 8)
        number, inside = divmod(byte, _CHUNK_BYTES)
        if not 0 <= number < len(self._ranks) or byte >= self._bitmap_bytes:
            return None
        chunk = self._chunk(number)
        if inside >= len(chunk) or not chunk[inside] >> bit & 1:
            return None
        below = int.from_bytes(chunk[:inside], "little").bit_count() + (chunk[inside] & ((1 << bit) - 1)).bit_count()
        return self._ranks[number] + below

    def _chunk(self, number: int) -> bytes:
        chunk = self._chunks.get(number)
        if chunk is not None:
            self._chunks.move_to_end(number)
            return chunk
        place = number * _CHUNK_BYTES
        chunk = self._view.read_at(self._bitmap_at + place, min(_CHUNK_BYTES, self._bitmap_bytes - place))
        self._chunks[number] = chunk
        if len(self._chunks) > _CHUNKS_KEPT:
            self._chunks.popitem(last=False)
        return chunk
