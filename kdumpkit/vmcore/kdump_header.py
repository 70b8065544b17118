"""The headers of the kdump-compressed format (``KDUMP   ``) and of its ancestor diskdump (``DISKDUMP``).

Layout in blocks: header, sub-header, two bitmaps of page frames (there, and dumped), one descriptor for each dumped
page, the pages. Numbers are in the byte order and word size of the kernel that died, and the file does not say which
those are: the header version (small) and the block size (a power of two) tell.

Source: makedumpfile 1.7.2, diskdump_mod.h (struct disk_dump_header, struct kdump_sub_header, struct page_desc) and
its IMPLEMENTATION document; the status bits are DUMP_DH_*.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import Literal

from kdumpkit.errors import NotAVmcore
from kdumpkit.vmcore.view import ByteView

KDUMP_MAGIC = b"KDUMP   "
DISKDUMP_MAGIC = b"DISKDUMP"
PAGE_DESCRIPTOR_BYTES = 24
_UTSNAME = ("system", "node", "release", "version", "machine", "domain")
_HEAD_BYTES = 464
_SUB_HEADER_BYTES = 104
#: makedumpfile 1.7.2 writes 6; a greater number would be read wrongly here
_NEWEST_VERSION = 6


class DumpStatus(IntFlag):
    """What ``status`` of the header says."""

    ZLIB = 0x1
    LZO = 0x2
    SNAPPY = 0x4
    INCOMPLETE = 0x8
    EXCLUDED_VMEMMAP = 0x10
    ZSTD = 0x20


@dataclass(frozen=True)
class KdumpHeader:
    """Both headers. Fields of the sub-header are None where the header's version does not have them yet."""

    signature: bytes
    version: int
    bits: int
    byte_order: Literal["little", "big"]
    utsname: dict[str, str]
    #: when the dump was written, by the capture kernel's clock, in seconds since the epoch; 0: not set
    written_at: int
    status: int
    block_size_bytes: int
    sub_header_blocks: int
    bitmap_blocks: int
    #: one more than the highest page frame number
    max_mapnr: int
    #: as the header has it; makedumpfile leaves it 0
    total_ram_blocks: int
    cpus: int
    dump_level: int | None = None
    #: one of several files that makedumpfile --split wrote
    split: bool | None = None
    start_pfn: int | None = None
    end_pfn: int | None = None
    vmcoreinfo_offset: int | None = None
    vmcoreinfo_bytes: int | None = None
    notes_offset: int | None = None
    notes_bytes: int | None = None

    @property
    def bitmaps_offset(self) -> int:
        return (1 + self.sub_header_blocks) * self.block_size_bytes

    @property
    def descriptors_offset(self) -> int:
        return (1 + self.sub_header_blocks + self.bitmap_blocks) * self.block_size_bytes

    @property
    def one_bitmap(self) -> bool:
        """Whether the dump has only the bitmap of dumped pages (diskdump could); kdump has always two."""
        return self.bitmap_blocks * self.block_size_bytes * 8 < 2 * self.max_mapnr

    @property
    def compression(self) -> str:
        """``zlib``, ``lzo``, ``snappy``, ``zstd``, or ``none``."""
        for flag in (DumpStatus.ZLIB, DumpStatus.LZO, DumpStatus.SNAPPY, DumpStatus.ZSTD):
            if self.status & flag:
                return (flag.name or "").lower()
        # before version 2 makedumpfile compressed with zlib and did not say so
        return "zlib" if self.version < 2 else "none"

    @property
    def incomplete(self) -> bool:
        return bool(self.status & DumpStatus.INCOMPLETE)


def parse_kdump_header(view: ByteView) -> KdumpHeader:
    """The headers; raises NotAVmcore where they are cut off or hold numbers that no makedumpfile wrote."""
    head = view.read_at(0, _HEAD_BYTES)
    signature = head[:8]
    if signature not in (KDUMP_MAGIC, DISKDUMP_MAGIC):
        raise NotAVmcore("this is not a kdump-compressed dump: it does not start with KDUMP or DISKDUMP")
    if len(head) < _HEAD_BYTES:
        raise NotAVmcore(f"the dump ends within its first header, after {len(head)} bytes")
    for order in "<>":
        for bits, status_at in ((64, 424), (32, 412)):
            (version,) = struct.unpack_from(order + "i", head, 8)
            (block,) = struct.unpack_from(order + "i", head, status_at + 4)
            if 0 <= version <= 0xFFFF and 512 <= block <= 1 << 20 and block & (block - 1) == 0:
                return _parse(view, head, order, bits, status_at)
    raise NotAVmcore("the dump starts with KDUMP, but its version and block size make no sense in any byte order")


def _parse(view: ByteView, head: bytes, order: str, bits: int, status_at: int) -> KdumpHeader:
    (version,) = struct.unpack_from(order + "i", head, 8)
    if version > _NEWEST_VERSION:
        raise NotAVmcore(f"the dump's header has version {version}; versions up to {_NEWEST_VERSION} are known")
    names = {name: _text(head[12 + 65 * n : 77 + 65 * n]) for n, name in enumerate(_UTSNAME)}
    (written_at,) = struct.unpack_from(order + ("q" if bits == 64 else "i"), head, status_at - 16 * bits // 64)
    numbers = struct.unpack_from(order + "IiiIIIIIIi", head, status_at)
    status, block, sub_blocks, bitmap_blocks, max_mapnr, total_ram, _, _, _, cpus = numbers
    if not 0 <= sub_blocks <= 1 << 20:
        raise NotAVmcore(f"the dump's header says that its sub-header has {sub_blocks} blocks, which makes no sense")
    sub = _sub_header(view.read_at(block, _SUB_HEADER_BYTES), order, bits, version, signature=head[:8])
    max_mapnr = sub.pop("max_mapnr", 0) or max_mapnr
    split = sub.pop("split", None)
    return KdumpHeader(
        signature=head[:8],
        version=version,
        bits=bits,
        byte_order="little" if order == "<" else "big",
        utsname=names,
        written_at=written_at,
        status=status,
        block_size_bytes=block,
        sub_header_blocks=sub_blocks,
        bitmap_blocks=bitmap_blocks,
        max_mapnr=max_mapnr,
        total_ram_blocks=total_ram,
        cpus=cpus,
        split=None if split is None else bool(split),
        **sub,
    )


def _sub_header(raw: bytes, order: str, bits: int, version: int, signature: bytes) -> dict[str, int]:
    # a 32-bit sub-header is laid out differently on i386 and arm; it is left unread
    if bits != 64 or len(raw) < _SUB_HEADER_BYTES or signature != KDUMP_MAGIC:
        return {}
    fields = struct.unpack(order + "QiiQQQQQQQQQQQ", raw)
    names = ["", "dump_level", "split", "start_pfn", "end_pfn", "vmcoreinfo_offset", "vmcoreinfo_bytes"]
    names += ["notes_offset", "notes_bytes", "", "", "start_pfn", "end_pfn", "max_mapnr"]
    since = (9, 1, 2, 2, 2, 3, 3, 4, 4, 9, 9, 6, 6, 6)
    # version 6 widened three numbers; its fields come last and take the place of the older ones
    return {name: value for name, first, value in zip(names, since, fields, strict=True) if version >= first}


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")
