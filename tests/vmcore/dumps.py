"""Small dumps made by hand: headers, bitmaps, page tables and a kernel log, byte by byte."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping

from kdumpkit.vmcore.view import ByteView

PAGE = 4096
#: DUMP_DH_COMPRESSED_ZLIB, _LZO, _SNAPPY and _ZSTD
_PACKED = 0x1 | 0x2 | 0x4 | 0x20
#: where the kernel is mapped; physical address = virtual - MAP_START
MAP_START = 0xFFFFFFFF80000000
BUILD_ID = "3b43fad5034874490492495d552c0af6a5fab235"
RELEASE = "6.1.0-56-cloud-amd64"

VMCOREINFO_HEAD = f"""OSRELEASE={RELEASE}
BUILD-ID={BUILD_ID}
PAGESIZE=4096
SYMBOL(init_uts_ns)=ffffffff801ff000
OFFSET(uts_namespace.name)=0
SYMBOL(swapper_pg_dir)=ffffffff80001000
SYMBOL(init_top_pgt)=ffffffff80001000
SYMBOL(_stext)=ffffffff80010000
SYMBOL(mem_section)=ffffffff80100000
LENGTH(mem_section)=2048
SIZE(mem_section)=16
OFFSET(mem_section.section_mem_map)=0
NUMBER(SECTION_SIZE_BITS)=27
NUMBER(MAX_PHYSMEM_BITS)=46
SIZE(page)=64
NUMBER(phys_base)=0
NUMBER(pgtable_l5_enabled)=0
KERNELOFFSET=0
NUMBER(KERNEL_IMAGE_SIZE)=1073741824
NUMBER(sme_mask)=0
CRASHTIME=1795412064
"""

RINGBUFFER_LAYOUT = """SYMBOL(prb)=ffffffff80100000
SIZE(printk_ringbuffer)=88
OFFSET(printk_ringbuffer.desc_ring)=0
OFFSET(printk_ringbuffer.text_data_ring)=48
OFFSET(printk_ringbuffer.fail)=80
SIZE(prb_desc_ring)=48
OFFSET(prb_desc_ring.count_bits)=0
OFFSET(prb_desc_ring.descs)=8
OFFSET(prb_desc_ring.infos)=16
OFFSET(prb_desc_ring.head_id)=24
OFFSET(prb_desc_ring.tail_id)=32
SIZE(prb_desc)=24
OFFSET(prb_desc.state_var)=0
OFFSET(prb_desc.text_blk_lpos)=8
SIZE(prb_data_blk_lpos)=16
OFFSET(prb_data_blk_lpos.begin)=0
OFFSET(prb_data_blk_lpos.next)=8
SIZE(printk_info)=88
OFFSET(printk_info.seq)=0
OFFSET(printk_info.ts_nsec)=8
OFFSET(printk_info.text_len)=16
OFFSET(printk_info.caller_id)=20
SIZE(prb_data_ring)=32
OFFSET(prb_data_ring.size_bits)=0
OFFSET(prb_data_ring.data)=8
SIZE(atomic_long_t)=8
OFFSET(atomic_long_t.counter)=0
"""


class BytesView(ByteView):
    """Bytes in hand, as a file would be read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size_bytes = len(content)

    def read_at(self, offset: int, size: int) -> bytes:
        return self.content[offset : offset + size] if offset >= 0 and size > 0 else b""


def ringbuffer(lines: Iterable[tuple[int, bytes]], size_bits: int = 12, count_bits: int = 6) -> dict[int, bytes]:
    """A printk ring buffer at 1 MiB of physical memory; by physical address. The oldest records fall out."""
    size, count = 1 << size_bits, 1 << count_bits
    id_mask = (1 << 62) - 1
    rings, texts = bytearray(size), []
    descriptors, infos = bytearray(count * 24), bytearray(count * 88)
    position, first = 0, (1 << 62) - 2  # numbers that wrap around, as the kernel's do from its first record on
    number = first
    for nanoseconds, text in lines:
        block = (8 + len(text) + 7) // 8 * 8
        begin = position
        if begin // size != (begin + block - 1) // size:
            start, following = 0, (begin // size + 1) * size + block
        else:
            start, following = begin % size, begin + block
        rings[start : start + block] = struct.pack("<Q", number) + text.ljust(block - 8, b"\0")
        slot = number % count
        state = (2 << 62) | number
        descriptors[slot * 24 : slot * 24 + 24] = struct.pack("<QQQ", state, begin, following)
        infos[slot * 88 : slot * 88 + 24] = struct.pack("<QQHBBI", len(texts), nanoseconds, len(text), 0, 6, 77)
        texts.append(text)
        position, number = following, (number + 1) & id_mask
    head = (number - 1) & id_mask
    tail = (head - min(len(texts), count) + 1) & id_mask
    base = 0x100000
    layout = struct.pack("<IIQQQQQ", count_bits, 0, MAP_START + base + PAGE, MAP_START + base + 8 * PAGE, head, tail, 0)
    layout += struct.pack("<IIQQQ", size_bits, 0, MAP_START + base + 32 * PAGE, position, 0)
    # the symbol is a pointer to the ring buffer
    pointer = struct.pack("<Q", MAP_START + base + 64).ljust(64, b"\0")
    places = {base: pointer + layout, base + PAGE: bytes(descriptors)}
    return places | {base + 8 * PAGE: bytes(infos), base + 32 * PAGE: bytes(rings)}


def pages(content: Mapping[int, bytes]) -> dict[int, bytes]:
    """Physical memory as pages by frame number, with the x86_64 page tables (4 levels) that map it at MAP_START."""
    found: dict[int, bytearray] = {}
    for address, raw in content.items():
        for at, byte_run in enumerate(raw[i : i + PAGE] for i in range(0, len(raw), PAGE)):
            frame = found.setdefault((address + at * PAGE) // PAGE, bytearray(PAGE))
            frame[: len(byte_run)] = byte_run
    flags = 0x63  # present, writable, accessed, dirty
    found[1] = bytearray(511 * 8) + struct.pack("<Q", 2 * PAGE | flags)
    found[2] = bytearray(510 * 8) + struct.pack("<QQ", 3 * PAGE | flags, 0)
    found[3] = bytearray(struct.pack("<Q", 4 * PAGE | flags).ljust(PAGE, b"\0"))
    found[4] = bytearray(b"".join(struct.pack("<Q", n * PAGE | flags) for n in range(512)))
    # a kernel whose text is not there is taken for none
    found.setdefault(16, bytearray(PAGE))
    uts = b"".join(name.ljust(65, b"\0") for name in (b"Linux", b"test", RELEASE.encode(), b"#1", b"x86_64", b""))
    found.setdefault(0x1FF, bytearray(uts.ljust(PAGE, b"\0")))
    return {number: bytes(page) for number, page in sorted(found.items())}


def kdump(
    memory: Mapping[int, bytes],
    vmcoreinfo: bytes = VMCOREINFO_HEAD.encode(),
    *,
    order: str = "<",
    machine: bytes = b"x86_64",
    system: bytes = b"Linux",
    version: int = 6,
    status: int = 1,
    blank: int = 0,
    pack: Callable[[bytes], bytes] = zlib.compress,
) -> bytes:
    """A kdump-compressed dump. ``blank``: so many of the last page descriptors are left zero.

    ``pack`` packs a page where ``status`` says that pages are packed.
    """
    highest = max(memory, default=0) + 1
    bitmap_blocks = 2 * (((highest + 7) // 8 + PAGE - 1) // PAGE)
    names = (system, b"web01", RELEASE.encode(), b"#1 SMP", machine, b"(none)")
    names = names if system else (b"", b"", b"", b"", machine, b"")  # as QEMU leaves them
    head = b"KDUMP   " + struct.pack(order + "i", version) + b"".join(name.ljust(65, b"\0") for name in names)
    head = head.ljust(408, b"\0") + struct.pack(order + "qq", 1795412064, 0)
    head += struct.pack(order + "IiiIIIIIIi", status, PAGE, 1, bitmap_blocks, min(highest, 2**32 - 1), 0, 0, 0, 0, 2)
    note = struct.pack(order + "III", 11, len(vmcoreinfo), 0) + b"VMCOREINFO\0\0" + vmcoreinfo
    note += b"\0" * (-len(note) % 4)
    # as makedumpfile does it: VMCOREINFO is pointed at within the notes
    numbers = (0, 31, 0, 0, 0, PAGE + 128, len(vmcoreinfo), PAGE + 104, len(note), 0, 0, 0, 0, highest)
    sub = struct.pack(order + "QiiQQQQQQQQQQQ", *numbers)
    bitmap = bytearray(bitmap_blocks // 2 * PAGE)
    for number in memory:
        bitmap[number // 8] |= 1 << number % 8
    descriptors_at = (2 + bitmap_blocks) * PAGE
    place = descriptors_at + 24 * len(memory)
    descriptors, packed = b"", b""
    for number, page in enumerate(memory.values()):
        small = pack(page) if status & _PACKED else page
        gone = number >= len(memory) - blank
        descriptors += bytes(24) if gone else struct.pack(order + "qIIQ", place, len(small), status & _PACKED, 0)
        packed += small
        place += len(small)
    return (head.ljust(PAGE, b"\0") + (sub + note).ljust(PAGE, b"\0") + bitmap * 2) + descriptors + packed


def flattened(content: bytes, step: int = 3000, *, end: bool = True) -> bytes:
    """A flattened file whose segments stand in another order than they belong in; the first is written twice."""
    out = (b"makedumpfile".ljust(16, b"\0") + struct.pack(">qq", 1, 1)).ljust(4096, b"\0")
    first = b"\xff" * min(step, len(content))
    segments = [(at, content[at : at + step]) for at in range(0, len(content), step)]
    for at, raw in [(0, first), *segments[1::2], *segments[0::2]]:
        out += struct.pack(">qq", at, len(raw)) + raw
    return out + (struct.pack(">qq", -1, -1) if end else b"")


def elf_core(memory: bytes = b"\0" * 8192, vmcoreinfo: bytes = b"", machine: int = 62, order: str = "<") -> bytes:
    """An ELF core with one run of memory, and a VMCOREINFO note where there is text for one."""
    note = b""
    if vmcoreinfo:
        note = struct.pack(order + "III", 11, len(vmcoreinfo), 0) + b"VMCOREINFO\0\0" + vmcoreinfo
        note += b"\0" * (-len(vmcoreinfo) % 4)
    ident = b"\x7fELF\x02" + (b"\x01" if order == "<" else b"\x02") + b"\x01" + bytes(9)
    head = ident + struct.pack(order + "HHIQQQIHHHHHH", 4, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    at = 64 + 2 * 56
    parts = struct.pack(order + "IIQQQQQQ", 4, 0, at, 0, 0, len(note), len(note), 0)
    parts += struct.pack(order + "IIQQQQQQ", 1, 7, at + len(note), MAP_START, 0, len(memory), len(memory), 0)
    return head + parts + note + memory


def vmlinux(build_id: str, order: str = "<") -> bytes:
    """An ELF executable that holds a build id and nothing else."""
    raw = bytes.fromhex(build_id)
    note = struct.pack(order + "III", 4, len(raw), 3) + b"GNU\0" + raw
    ident = b"\x7fELF\x02" + (b"\x01" if order == "<" else b"\x02") + b"\x01" + bytes(9)
    head = ident + struct.pack(order + "HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack(order + "IIQQQQQQ", 4, 0, 120, 0, 0, len(note), len(note), 0) + note
