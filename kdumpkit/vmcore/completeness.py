"""Whether a dump is whole: nothing that it refers to lies beyond its end, and makedumpfile did not mark it incomplete.

A file's name says nothing of this: kdump-tools pipes makedumpfile into its output, takes the exit status of the pipe's
end and renames ``dump-incomplete`` to ``dump.<stamp>`` whatever happened (kdump-config 1:1.10.4).
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from kdumpkit.errors import NotAVmcore
from kdumpkit.vmcore import elf
from kdumpkit.vmcore.contents import DumpContents, StoredPages, contents_of_elf
from kdumpkit.vmcore.format import VmcoreHeader, VmcoreKind, dump_of, read_header, require_vmcore
from kdumpkit.vmcore.kdump_header import PAGE_DESCRIPTOR_BYTES, KdumpHeader
from kdumpkit.vmcore.view import ByteView, FileView

if TYPE_CHECKING:
    from kdumpkit.vmcore.unpack import Unpacked

#: so much of the bitmap and of the descriptors is in memory at a time
_CHUNK_BYTES = PAGE_DESCRIPTOR_BYTES * 65536
#: two bits for each page of 256 TiB
_MOST_BITMAP_BYTES = 16 << 30
#: 64 PiB; the largest machines have less memory
_MOST_DUMP_BYTES = 1 << 56


class DumpState(StrEnum):
    """How much of a dump is there."""

    WHOLE = "whole"
    #: makedumpfile set the incomplete bit: it ran out of room and closed the file in good order
    INCOMPLETE = "incomplete"
    #: the file ends before something that it refers to, which may also be damage in what refers to it
    TRUNCATED = "truncated"
    EMPTY = "empty"
    #: not a dump, or one whose headers cannot be read
    NOT_A_DUMP = "not a dump"
    #: cannot be said without unpacking it
    PACKED = "packed"


@dataclass(frozen=True)
class Completeness:
    """How much of the dump is there."""

    state: DumpState
    #: one sentence with the numbers that were seen
    reason: str
    #: of the file as it lies on disk
    size_bytes: int
    header: VmcoreHeader
    #: pages that the dump has according to its bitmap; None where the format has none
    pages: int | None = None
    #: pages whose bytes are within the file; None where the format does not tell
    pages_there: int | None = None
    #: which pages those are; None where the format does not tell, or where its tables are cut off
    contents: DumpContents | None = None

    @property
    def whole(self) -> bool:
        return self.state is DumpState.WHOLE


@dataclass(frozen=True)
class _Pages:
    described: int
    there: int
    #: end of the last page's bytes
    needed_bytes: int
    contents: DumpContents


def read_completeness(path: Path) -> Completeness:
    """Reads headers, bitmap and page descriptors (24 bytes for each page), never the pages; memory stays flat.

    Raises NotAVmcore only where there is no file to be read.
    """
    with FileView(path) as view:
        return completeness_of(view, path.name)


def completeness_of_unpacked(path: Path, unpacked: Unpacked | None) -> Completeness:
    """As :func:`read_completeness`, of a dump that was unpacked to ``path``; None: it was not packed.

    Where the packed file was cut off or damaged, what came out of it is not taken for whole, whatever its headers say.
    """
    found = read_completeness(path)
    if unpacked is None or unpacked.whole or not found.whole:
        return found
    return replace(found, state=DumpState.TRUNCATED, reason=f"{unpacked.reason}; {found.reason} of what came out")


def completeness_of(view: ByteView, name: str) -> Completeness:
    """As :func:`read_completeness`, of bytes that are already open; ``name`` is the file's in messages."""
    header = read_header(view)
    if header.kind is VmcoreKind.EMPTY:
        return Completeness(DumpState.EMPTY, f"{name} is empty", 0, header)
    if header.kind is VmcoreKind.WRAPPED:
        reason = f"{name} is packed by {header.wrapper}: whether the dump in it is whole shows only unpacked"
        return Completeness(DumpState.PACKED, reason, header.size_bytes, header)
    if not header.is_vmcore:
        try:
            require_vmcore(header, name)
        except NotAVmcore as error:
            cut = header.kind is not VmcoreKind.UNKNOWN
            state = DumpState.TRUNCATED if cut else DumpState.NOT_A_DUMP
            return Completeness(state, error.message, header.size_bytes, header)
    return _compare(header, dump_of(view, header), name)


def _compare(header: VmcoreHeader, view: ByteView, name: str) -> Completeness:
    if header.kdump is None:
        return _compare_elf(header, view, name)
    if header.kdump.bitmap_blocks * header.kdump.block_size_bytes > min(header.size_bytes, _MOST_BITMAP_BYTES):
        # seen before anything is read: a damaged number must not make a loop over an exabyte of zeros
        reason = f"{name} is cut off before its table of pages, or its header is damaged"
        return Completeness(DumpState.TRUNCATED, reason, header.size_bytes, header)
    end = header.flattened_end
    cut = end.reason if end is not None and not end.marked else ""
    if view.size_bytes < header.kdump.descriptors_offset:
        reason = f"{name} is cut off before its table of pages" + (f": {cut}" if cut else "")
        return Completeness(DumpState.TRUNCATED, reason, header.size_bytes, header)
    pages = _read_pages(view, header.kdump)
    there = f"{pages.there} of {pages.described} pages are there"
    state = DumpState.TRUNCATED
    if header.kdump.incomplete:
        state = DumpState.INCOMPLETE
        reason = f"{name} is marked incomplete by makedumpfile, which ran out of room; {there}"
    elif cut:
        reason = f"{name} is cut off: {cut}; {there}"
    elif view.size_bytes < header.kdump.descriptors_offset + pages.described * PAGE_DESCRIPTOR_BYTES:
        reason = f"{name} is cut off within its table of {pages.described} pages"
    elif pages.needed_bytes > _MOST_DUMP_BYTES:
        reason = (
            f"{name} is damaged: its table of pages points to byte {pages.needed_bytes} of {view.size_bytes}; {there}"
        )
    elif pages.needed_bytes > view.size_bytes:
        reason = f"{name} is cut off: its pages end at byte {pages.needed_bytes} of {view.size_bytes}; {there}"
    elif pages.there < pages.described:
        reason = f"{name} is cut off: {pages.described - pages.there} page descriptors were never written; {there}"
    elif not pages.described:
        reason = f"{name} has headers and not one page of memory"
    else:
        state = DumpState.WHOLE
        reason = f"{name} is whole: all {pages.described} pages are within its {header.size_bytes} bytes"
    return Completeness(state, reason, header.size_bytes, header, pages.described, pages.there, pages.contents)


def _compare_elf(header: VmcoreHeader, view: ByteView, name: str) -> Completeness:
    if header.elf is None:
        raise NotAVmcore(f"{name} has neither a kdump header nor an ELF header")
    found = list(elf.segments(view, header.elf))
    needed = max((part.offset + part.file_bytes for part in found if part.file_bytes), default=0)
    if len(found) < header.elf.program_headers:
        reason = f"{name} is cut off: {len(found)} of its {header.elf.program_headers} program headers are there"
        return Completeness(DumpState.TRUNCATED, reason, header.size_bytes, header)
    if not any(part.type == elf.PT_LOAD for part in found):
        return Completeness(DumpState.NOT_A_DUMP, f"{name} holds no memory at all", header.size_bytes, header)
    state = DumpState.TRUNCATED
    if needed > view.size_bytes:
        reason = f"{name} is cut off: its memory ends at byte {needed}, and the file has {view.size_bytes}"
    elif header.flattened_end is not None and not header.flattened_end.marked:
        reason = f"{name} is cut off: {header.flattened_end.reason}"
    else:
        state = DumpState.WHOLE
        reason = f"{name} is whole: its memory ends at byte {needed} of {view.size_bytes}"
    info = header.vmcoreinfo
    contents = contents_of_elf(found, None if info is None else info.page_size_bytes)
    return Completeness(state, reason, header.size_bytes, header, contents=contents)


def _read_pages(view: ByteView, header: KdumpHeader) -> _Pages:
    described = _count_dumped(view, header)
    stored = StoredPages(header.byte_order, header.block_size_bytes)
    offsets_seen = blank = beyond = needed = 0
    for raw in _chunks(view, header.descriptors_offset, described * PAGE_DESCRIPTOR_BYTES):
        words = array("Q")
        words.frombytes(raw[: len(raw) // PAGE_DESCRIPTOR_BYTES * PAGE_DESCRIPTOR_BYTES])
        if header.byte_order != sys.byteorder:
            words.byteswap()
        offsets, sizes = words[0::3], words[1::3]
        stored.add(raw, offsets)
        offsets_seen += len(offsets)
        blank += offsets.count(0)
        # size and flags are two 32-bit numbers in one word
        shift = 0 if header.byte_order == "little" else 32
        highest = max(offsets, default=0)
        needed = max(needed, highest + ((sizes[offsets.index(highest)] >> shift) & 0xFFFFFFFF if highest else 0))
        if highest + (1 << 32) > view.size_bytes:
            ends = (at + ((size >> shift) & 0xFFFFFFFF) for at, size in zip(offsets, sizes, strict=True) if at)
            beyond += sum(end > view.size_bytes for end in ends)
    contents = DumpContents(
        page_bytes=header.block_size_bytes,
        present_pages=None if header.one_bitmap else _count_bits(view, header, second=False),
        held_pages=described,
        zero_pages=stored.zero_pages,
        stored_bytes=stored.stored_bytes,
        dump_level=header.dump_level,
        compression=header.compression,
    )
    return _Pages(described, offsets_seen - blank - beyond, needed, contents)


def _count_dumped(view: ByteView, header: KdumpHeader) -> int:
    return _count_bits(view, header, second=not header.one_bitmap)


def _count_bits(view: ByteView, header: KdumpHeader, second: bool) -> int:
    bitmap_bytes = header.bitmap_blocks * header.block_size_bytes
    # of two bitmaps the first tells which page frames exist, the second which of them were dumped
    length = bitmap_bytes if header.one_bitmap else bitmap_bytes // 2
    start = header.bitmaps_offset + (length if second else 0)
    length = min(length, (header.max_mapnr + 7) // 8) if header.max_mapnr else length
    return sum(int.from_bytes(raw, "little").bit_count() for raw in _chunks(view, start, length))


def _chunks(view: ByteView, start: int, length: int) -> Iterator[bytes]:
    for place in range(start, start + length, _CHUNK_BYTES):
        raw = view.read_at(place, min(_CHUNK_BYTES, start + length - place))
        if not raw:
            return
        yield raw
