"""As much of ELF as dumps and vmlinux files need: header, program and section headers, notes, build id.

Source: elf(5); gABI chapters 4 and 5. 32 and 64 bits, both byte orders.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from kdumpkit.errors import NotAVmcore
from kdumpkit.vmcore.view import ByteView

MAGIC = b"\x7fELF"
ET_CORE = 4
PT_LOAD = 1
PT_NOTE = 4
_SHT_NOTE = 7
_PN_XNUM = 0xFFFF
_NT_GNU_BUILD_ID = 3
#: a note segment larger than this is damage: one note per CPU, a few hundred bytes each
_MOST_NOTE_BYTES = 64 << 20
_MOST_HEADERS = 1 << 20

MACHINES = {2: "sparc", 3: "i386", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64"}
MACHINES |= {8: "mips", 15: "parisc", 43: "sparc64", 50: "ia64", 243: "riscv", 258: "loongarch"}


@dataclass(frozen=True)
class ElfHeader:
    """The ELF header. ``machine`` is the kernel's name of the architecture, or ``EM_<number>``."""

    bits: int
    byte_order: str
    type: int
    machine: str
    program_headers_offset: int
    program_header_bytes: int
    program_headers: int
    section_headers_offset: int
    section_header_bytes: int
    section_headers: int

    @property
    def order(self) -> str:
        """For struct: ``<`` or ``>``."""
        return "<" if self.byte_order == "little" else ">"


@dataclass(frozen=True)
class Segment:
    """A program header."""

    type: int
    offset: int
    file_bytes: int
    #: physical address at which its bytes were in memory
    physical: int = 0
    #: so much memory it stands for; what is beyond ``file_bytes`` is not in the file
    memory_bytes: int = 0


@dataclass(frozen=True)
class Note:
    """One ELF note: its name, type and content."""

    name: bytes
    type: int
    content: bytes


def parse_elf_header(view: ByteView) -> ElfHeader:
    """The ELF header; raises NotAVmcore where it is none, or is cut off."""
    head = view.read_at(0, 64)
    if len(head) < 20 or head[:4] != MAGIC or head[4] not in (1, 2) or head[5] not in (1, 2):
        raise NotAVmcore("this is not an ELF file")
    bits, order = (64 if head[4] == 2 else 32), ("<" if head[5] == 1 else ">")
    layout = struct.Struct(order + ("HHIQQQIHHHHHH" if bits == 64 else "HHIIIIIHHHHHH"))
    if len(head) < 16 + layout.size:
        raise NotAVmcore("this ELF file ends within its first header")
    kind, machine, _, _, ph_at, sh_at, _, _, ph_size, ph_count, sh_size, sh_count, _ = layout.unpack_from(head, 16)
    if ph_count == _PN_XNUM and sh_at:
        # more program headers than 16 bits count: the number is in sh_info of section 0
        section = view.read_at(sh_at, 64 if bits == 64 else 40)
        at = 44 if bits == 64 else 28
        if len(section) >= at + 4:
            (ph_count,) = struct.unpack_from(order + "I", section, at)
    name = MACHINES.get(machine, f"EM_{machine}")
    if name == "ppc64" and order == "<":
        name = "ppc64le"
    byte_order = "little" if order == "<" else "big"
    return ElfHeader(bits, byte_order, kind, name, ph_at, ph_size, ph_count, sh_at, sh_size, sh_count)


def segments(view: ByteView, header: ElfHeader) -> Iterator[Segment]:
    """The program headers that are there; fewer than the header names where the file is cut."""
    layout = struct.Struct(header.order + ("IIQQQQQQ" if header.bits == 64 else "IIIIIIII"))
    if header.program_header_bytes < layout.size:
        return
    for number in range(min(header.program_headers, _MOST_HEADERS)):
        place = header.program_headers_offset + number * header.program_header_bytes
        raw = view.read_at(place, layout.size)
        if len(raw) < layout.size:
            return
        fields = layout.unpack(raw)
        if header.bits == 64:
            kind, _, offset, _, physical, file_bytes, memory_bytes, _ = fields
        else:
            kind, offset, _, physical, file_bytes, memory_bytes, _, _ = fields
        yield Segment(kind, offset, file_bytes, physical, memory_bytes)


def notes(raw: bytes, order: str) -> Iterator[Note]:
    """The notes of a note segment; stops where one does not fit in."""
    place = 0
    while place + 12 <= len(raw):
        name_bytes, content_bytes, kind = struct.unpack_from(order + "III", raw, place)
        name_at = place + 12
        content_at = name_at + (name_bytes + 3) // 4 * 4
        if content_at + content_bytes > len(raw):
            return
        name = raw[name_at : name_at + name_bytes].rstrip(b"\0")
        yield Note(name, kind, raw[content_at : content_at + content_bytes])
        place = content_at + (content_bytes + 3) // 4 * 4


def vmcoreinfo_note(raw: bytes, order: str) -> bytes | None:
    """The text of the VMCOREINFO note; None where there is no such note."""
    return next((note.content for note in notes(raw, order) if note.name == b"VMCOREINFO"), None)


def read_notes(view: ByteView, header: ElfHeader) -> bytes:
    """All note segments, one after the other; b"" where there is none."""
    found = [segment for segment in segments(view, header) if segment.type == PT_NOTE]
    return b"".join(view.read_at(part.offset, min(part.file_bytes, _MOST_NOTE_BYTES)) for part in found)


def read_build_id(view: ByteView) -> str | None:
    """The GNU build id in hex; None where the file carries none. Raises NotAVmcore where it is no ELF file.

    Sections are looked at first: in a file that holds only debug information the note segment has no bytes.
    """
    header = parse_elf_header(view)
    parts = [_section_notes(view, header)]
    parts.append(read_notes(view, header))
    for raw in parts:
        for note in notes(raw, header.order):
            if note.name == b"GNU" and note.type == _NT_GNU_BUILD_ID and note.content:
                return note.content.hex()
    return None


def _section_notes(view: ByteView, header: ElfHeader) -> bytes:
    layout = struct.Struct(header.order + ("IIQQQQ" if header.bits == 64 else "IIIIII"))
    found = []
    for number in range(header.section_headers if header.section_headers_offset else 0):
        raw = view.read_at(header.section_headers_offset + number * header.section_header_bytes, layout.size)
        if len(raw) < layout.size:
            break
        _, kind, _, _, offset, size = layout.unpack(raw)
        if kind == _SHT_NOTE and size <= _MOST_NOTE_BYTES:
            # each note section starts on a boundary of its own, so they are read one by one and padded
            content = view.read_at(offset, size)
            found.append(content + b"\0" * (-len(content) % 4))
    return b"".join(found)
