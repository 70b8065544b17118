"""How large a packed file is unpacked, where its format tells: so that a disk is not filled to find out.

Source: RFC 1952 (gzip: the last four bytes, the length modulo 2^32), RFC 8878 (zstd: frame header), the LZ4 frame
format 1.6.2 and the .xz file format 1.2.1 (index before the footer). bzip2 does not tell.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from kdumpkit.vmcore.format import Wrapper
from kdumpkit.vmcore.view import ByteView

#: an index of .xz has some bytes for each block, and a block some MiB
_MOST_INDEX_BYTES = 64 << 20
#: what is not packed gets longer by less than one in a hundred
_LONGER = 100
#: it may have the file's name in it
_MOST_GZIP_HEADER_BYTES = 8192
#: zeros become 1000 times shorter by gzip, and some 30000 times by zstd; beyond that, and any memory, it is damage
_MOST_TIMES = 100_000
_MOST_BYTES = 1 << 60


def unpacked_bytes(view: ByteView, packer: Wrapper) -> int | None:
    """What the file says of its content's size, at the least; None where its format, or this file, does not tell.

    Bytes after the first frame, stream or member are not counted, so it may be more.
    """
    told = _READ[packer](view) if packer in _READ else None
    most = min(_MOST_BYTES, view.size_bytes * _MOST_TIMES + (1 << 20))
    return told if told is not None and 0 <= told <= most else None


def _gzip(view: ByteView) -> int | None:
    if view.size_bytes < 18:
        return None
    (told,) = struct.unpack("<I", view.read_at(view.size_bytes - 4, 4))
    # the length modulo 4 GiB: what packs is not shorter than its packed bytes
    least = view.size_bytes - _MOST_GZIP_HEADER_BYTES - view.size_bytes // _LONGER
    turns = max(0, -(-(least - told) // (1 << 32)))
    return int(told + (turns << 32))


def _zstd(view: ByteView) -> int | None:
    head = view.read_at(0, 18)
    if len(head) < 6:
        return None
    kind, one_segment, dictionary = head[4] >> 6, bool(head[4] & 0x20), head[4] & 3
    size = (1 if one_segment else 0, 2, 4, 8)[kind]
    at = 5 + (not one_segment) + (0, 1, 2, 4)[dictionary]
    if not size or len(head) < at + size:
        return None
    # two bytes count from 256 on, for one byte is enough below that
    return int.from_bytes(head[at : at + size], "little") + (256 if size == 2 else 0)


def _lz4(view: ByteView) -> int | None:
    head = view.read_at(0, 14)
    if len(head) < 14 or head[:4] != b"\x04\x22\x4d\x18" or not head[4] & 0x08:
        return None
    return int.from_bytes(head[6:14], "little")


def _xz(view: ByteView) -> int | None:
    footer = view.read_at(view.size_bytes - 12, 12)
    if len(footer) < 12 or footer[10:] != b"YZ":
        return None
    length = (int.from_bytes(footer[4:8], "little") + 1) * 4
    if length > min(_MOST_INDEX_BYTES, view.size_bytes - 12):
        return None
    index = view.read_at(view.size_bytes - 12 - length, length)
    numbers = _numbers(index[1:]) if index[:1] == b"\0" else iter(())
    blocks = next(numbers, None)
    if blocks is None or blocks > length:
        return None
    total = 0
    for _ in range(blocks):
        packed, size = next(numbers, None), next(numbers, None)
        if packed is None or size is None:
            return None
        total += size
    return total


def _numbers(raw: bytes) -> Iterator[int]:
    # seven bits a byte, the lowest first; the highest bit says that another byte follows
    number = shift = 0
    for byte in raw:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
        elif shift > 63:
            return


_READ = {Wrapper.GZIP: _gzip, Wrapper.ZSTD: _zstd, Wrapper.LZ4: _lz4, Wrapper.XZ: _xz}
