"""makedumpfile's flattened format (``-F``) read in place, as if it had been put together with ``makedumpfile -R``.

kdump-tools writes every dump so. The file is a header of 4096 bytes, then segments, each with the offset in the
dump at which its bytes belong. A later segment may write over an earlier one; an offset of -1 ends the file.

Source: makedumpfile 1.7.2, makedumpfile.h (struct makedumpfile_header, makedumpfile_data_header), big-endian always.
"""

from __future__ import annotations

import heapq
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import IO

from kdumpkit.errors import NotAVmcore
from kdumpkit.vmcore.view import ByteView

MAGIC = b"makedumpfile\0\0\0\0"
HEADER_BYTES = 4096
_TYPE_FLAT = 1
_SEGMENT = struct.Struct(">qq")
_END = -1
#: 24 bytes of index each; makedumpfile's segments are about 30 kB, so this is a dump of some 500 GB
_MOST_SEGMENTS = 16_000_000
#: no segment of makedumpfile's is longer than its write cache (4 MiB); far beyond that it is damage
_LONGEST_SEGMENT = 1 << 31
_PIECE_BYTES = 4 << 20
#: a page lies in one segment, or over the bounds of two
_MANY = 4
#: sorted at a time: a number that Python sorts takes some 100 bytes
_SORTED_SEGMENTS = 100_000


@dataclass(frozen=True)
class FlattenedEnd:
    """How a flattened file ends."""

    #: the end marker is there: makedumpfile wrote all that it meant to write
    marked: bool
    #: what is wrong, in words; empty where the end marker is there
    reason: str
    #: offset in the flattened file of the end marker, or where reading had to stop
    offset: int
    segments: int


class FlattenedView(ByteView):
    """The dump inside a flattened file. ``size_bytes`` is the length that it would have once put together.

    What no segment wrote reads as zeros, as in the sparse file that ``makedumpfile -R`` makes. Building it reads
    16 bytes for each segment and nothing else. Raises NotAVmcore where the header is not one of makedumpfile's.
    """

    def __init__(self, outer: ByteView) -> None:
        self._outer = outer
        head = outer.read_at(0, 32)
        if head[:16] != MAGIC:
            raise NotAVmcore("this is not a flattened dump: it does not start with makedumpfile's signature")
        if len(head) == 32 and struct.unpack(">qq", head[16:]) != (_TYPE_FLAT, 1):
            kind, version = struct.unpack(">qq", head[16:])
            raise NotAVmcore(
                f"the flattened header says type {kind}, version {version}; only type 1, version 1 is known",
                "put it together with the makedumpfile that wrote it: makedumpfile -R out < in",
            )
        starts, sizes, places = array("q"), array("I"), array("q")
        self.end = _read_index(outer, starts, sizes, places)
        self._longest = max(sizes, default=0)
        self.size_bytes = max((start + size for start, size in zip(starts, sizes, strict=True)), default=0)
        order = array("I", _in_order_of(starts))
        self._order = order
        # one after the other, so that no more than one of them is there twice
        self._starts = array("q", map(starts.__getitem__, order))
        del starts
        self._sizes = array("I", map(sizes.__getitem__, order))
        del sizes
        self._places = array("q", map(places.__getitem__, order))

    def read_at(self, offset: int, size: int) -> bytes:
        if offset < 0 or size <= 0 or offset >= self.size_bytes:
            return b""
        size = min(size, self.size_bytes - offset)
        first = bisect_left(self._starts, offset - self._longest)
        last = bisect_left(self._starts, offset + size)
        touching = [n for n in range(first, last) if self._starts[n] + self._sizes[n] > offset]
        # in the order of the file, so that what was written later wins
        touching.sort(key=self._order.__getitem__)
        begins, ranges = [], []
        for number in touching:
            start, length = self._starts[number], self._sizes[number]
            begin, stop = max(start, offset), min(start + length, offset + size)
            begins.append(begin - offset)
            ranges.append((self._places[number] + begin - start, stop - begin))
        # makedumpfile puts some page descriptors after each 64 kB of pages: many short runs are one table
        read = self._outer.read_many if len(ranges) > _MANY else partial(ByteView.read_many, self._outer)
        out = bytearray(size)
        for begin, part in zip(begins, read(ranges), strict=True):
            out[begin : begin + len(part)] = part
        return bytes(out)

    def put_together(self, target: IO[bytes]) -> None:
        """Writes the dump into a new file, as ``makedumpfile -R`` does; what no segment wrote is a hole in it."""
        # in the order of the file, so that what was written later wins
        for place, number in sorted(zip(self._places, range(len(self._places)), strict=True)):
            target.seek(self._starts[number])
            end = place + self._sizes[number]
            while place < end and (part := self._outer.read_at(place, min(_PIECE_BYTES, end - place))):
                target.write(part)
                place += len(part)
        target.truncate(self.size_bytes)

    def close(self) -> None:
        self._outer.close()


def open_inside(view: ByteView) -> FlattenedView:
    """The dump inside a flattened file; its index is read once for each view."""
    if not isinstance(view.inside, FlattenedView):
        view.inside = FlattenedView(view)
    return view.inside


def _in_order_of(starts: array[int]) -> Iterable[int]:
    """The numbers of the segments by where they belong; those for one place in the order of the file."""
    pieces = [
        array("I", sorted(range(first, min(first + _SORTED_SEGMENTS, len(starts))), key=starts.__getitem__))
        for first in range(0, len(starts), _SORTED_SEGMENTS)
    ]
    return pieces[0] if len(pieces) == 1 else heapq.merge(*pieces, key=starts.__getitem__)


def _read_index(outer: ByteView, starts: array[int], sizes: array[int], places: array[int]) -> FlattenedEnd:
    place = HEADER_BYTES
    told = outer.segment_headers()
    while True:
        head = outer.read_at(place, 16) if told is None else next(told, b"")
        if len(head) < 16:
            return FlattenedEnd(False, "it stops without makedumpfile's end marker", place, len(starts))
        start, size = _SEGMENT.unpack(head)
        if start == _END:
            return FlattenedEnd(True, "", place, len(starts))
        if start < 0 or not 0 < size <= _LONGEST_SEGMENT or start > 1 << 62:
            reason = f"a segment header at byte {place} makes no sense (offset {start}, {size} bytes)"
            return FlattenedEnd(False, reason, place, len(starts))
        if len(starts) >= _MOST_SEGMENTS:
            return FlattenedEnd(False, f"it has more than {_MOST_SEGMENTS} segments", place, len(starts))
        there = min(size, outer.size_bytes - place - 16)
        if there > 0:
            starts.append(start)
            sizes.append(there)
            places.append(place + 16)
        if there < size:
            reason = f"it stops {size - there} bytes before the end of a segment"
            return FlattenedEnd(False, reason, outer.size_bytes, len(starts))
        place += 16 + size
