"""The build id of an ELF file, read from the file itself."""

from __future__ import annotations

import struct
from pathlib import Path

from kdumpkit.errors import ParseError

_SECTION_NOTE = 7
_NOTE_GNU_BUILD_ID = 3
#: a vmlinux has some 80 sections and small notes; anything far beyond is not an ELF file of a kernel
_MAX_SECTIONS = 4096
_MAX_NOTES_BYTES = 1 << 20


def read_build_id(path: Path) -> str:
    """The GNU build id as lower-case hexadecimal digits.

    Source: elf(5), ``NT_GNU_BUILD_ID`` in a section of type SHT_NOTE; 64-bit little-endian files only.
    Raises ParseError where the file is no such ELF file or has no build id.
    """
    unreadable = ParseError(
        f"{path} is not a 64-bit little-endian ELF file with a build id", f"look at it: file {path}"
    )
    with path.open("rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
            raise unreadable
        (sections_at,) = struct.unpack_from("<Q", head, 40)
        entry_bytes, count = struct.unpack_from("<HH", head, 58)
        if entry_bytes < 64 or not 0 < count <= _MAX_SECTIONS:
            raise unreadable
        file.seek(sections_at)
        table = file.read(entry_bytes * count)
        for at in range(0, len(table) - 63, entry_bytes):
            kind, offset, size = struct.unpack_from("<4xI16xQQ", table, at)
            if kind != _SECTION_NOTE or size > _MAX_NOTES_BYTES:
                continue
            file.seek(offset)
            found = parse_build_id(file.read(size))
            if found is not None:
                return found
    raise unreadable


def parse_build_id(notes: bytes) -> str | None:
    """The build id among ELF notes; None where they have none or end too early."""
    at = 0
    while at + 12 <= len(notes):
        name_bytes, description_bytes, kind = struct.unpack_from("<III", notes, at)
        name_at = at + 12
        description_at = name_at + (name_bytes + 3) // 4 * 4
        end = description_at + description_bytes
        if end > len(notes):
            return None
        if kind == _NOTE_GNU_BUILD_ID and notes[name_at : name_at + name_bytes] == b"GNU\0" and description_bytes:
            return notes[description_at:end].hex()
        at = description_at + (description_bytes + 3) // 4 * 4
    return None
