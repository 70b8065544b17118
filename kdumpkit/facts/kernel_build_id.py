"""The GNU build id of the running kernel and of a vmlinux, from ELF notes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, ask, from_file, record_numbers
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.base import Host

NOTES = "/sys/kernel/notes"


@dataclass(frozen=True)
class KernelBuildId:
    """``build_id`` in lower-case hex, as ``readelf -n`` and VMCOREINFO print it; ``source`` is the file it is from."""

    source: str
    build_id: str
    records: tuple[int, ...] = ()


#: gives this many bytes at this offset of a file, or fewer at its end
ReadAt = Callable[[int, int], bytes]

_NT_GNU_BUILD_ID = 3
_PT_NOTE = 4
_SHT_NOTE = 7
_LARGEST_NOTES_BYTES = 1 << 20
_HEADER_BYTES = 4096
_LARGEST_TABLE_BYTES = 1 << 16


def notes_of(data: bytes, byte_order: str = "<", alignment: int = 4) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, type and content of each ELF note. Raises ParseError where one goes beyond the data."""
    at = 0
    while at + 12 <= len(data):
        name_bytes, content_bytes, kind = struct.unpack_from(byte_order + "III", data, at)
        content_at = at + 12 + -(-name_bytes // alignment) * alignment
        # sizes are aligned from the start of the note, which matters where the alignment is 8
        if alignment == 8:
            content_at = at + -(-(12 + name_bytes) // 8) * 8
        if content_at + content_bytes > len(data):
            raise ParseError(f"the ELF note at offset {at} goes beyond the {len(data)} bytes that are there")
        yield data[at + 12 : at + 12 + name_bytes].rstrip(b"\0"), kind, data[content_at : content_at + content_bytes]
        at = content_at + -(-content_bytes // alignment) * alignment


def _build_id_in(data: bytes, byte_order: str, alignment: int = 4) -> str | None:
    for name, kind, content in notes_of(data, byte_order, alignment):
        if name == b"GNU" and kind == _NT_GNU_BUILD_ID and content:
            return content.hex()
    return None


def parse_kernel_notes(data: bytes, records: tuple[int, ...] = ()) -> KernelBuildId:
    """The running kernel's build id out of ``/sys/kernel/notes``. Raises ParseError."""
    if not data:
        raise ParseError(f"{NOTES} is empty")
    faults: list[str] = []
    for byte_order in ("<", ">"):
        try:
            build_id = _build_id_in(data, byte_order)
        except ParseError as error:
            faults.append(error.message)
            continue
        if build_id is not None:
            return KernelBuildId(NOTES, build_id, records)
    raise ParseError(f"{NOTES} holds no GNU build id" + (f" ({faults[0]})" if faults else ""))


def find_build_id(read_at: ReadAt, source: str) -> str:
    """The build id of an ELF file in two small reads, or a few more where only section headers tell.

    Files that hold nothing but symbols keep the program headers of the file they were made from, so those may point at
    other bytes: the sections are asked then. Raises ParseError.
    """
    head = read_at(0, _HEADER_BYTES)
    if head[:4] != b"\x7fELF":
        raise ParseError(f"{source} is not an ELF file")
    if len(head) < 64 or head[4] not in (1, 2) or head[5] not in (1, 2):
        raise ParseError(f"{source} has a damaged ELF header")
    order, wide = "<" if head[5] == 1 else ">", head[4] == 2

    def table(offset: int, entry_bytes: int, entries: int) -> bytes:
        length = min(entry_bytes * entries, _LARGEST_TABLE_BYTES)
        return head[offset : offset + length] if offset + length <= len(head) else read_at(offset, length)

    if wide:
        programs_at, sections_at = struct.unpack_from(order + "QQ", head, 0x20)
        program_bytes, programs, section_bytes, sections = struct.unpack_from(order + "HHHH", head, 0x36)
        program_form, section_form = order + "IIQQQQQQ", order + "IIQQQQIIQQ"
    else:
        programs_at, sections_at = struct.unpack_from(order + "II", head, 0x1C)
        program_bytes, programs, section_bytes, sections = struct.unpack_from(order + "HHHH", head, 0x2A)
        program_form, section_form = order + "IIIIIIII", order + "IIIIIIIIII"

    places: list[tuple[int, int, int]] = []
    if programs and program_bytes >= struct.calcsize(program_form):
        for fields in _entries(table(programs_at, program_bytes, programs), program_bytes, program_form):
            if fields[0] == _PT_NOTE:
                places.append((fields[2], fields[5], fields[7]) if wide else (fields[1], fields[4], fields[7]))
    found = _first_build_id(read_at, places, order)
    if found is None and sections and section_bytes >= struct.calcsize(section_form):
        rows = _entries(table(sections_at, section_bytes, sections), section_bytes, section_form)
        found = _first_build_id(
            read_at, [(fields[4], fields[5], fields[8]) for fields in rows if fields[1] == _SHT_NOTE], order
        )
    if found is None:
        raise ParseError(f"{source} holds no GNU build id")
    return found


def _entries(table: bytes, entry_bytes: int, form: str) -> Iterator[tuple[int, ...]]:
    size = struct.calcsize(form)
    for at in range(0, len(table) - size + 1, entry_bytes):
        yield struct.unpack_from(form, table, at)


def _first_build_id(read_at: ReadAt, places: list[tuple[int, int, int]], order: str) -> str | None:
    for offset, length, alignment in places[:64]:
        if not 0 < length <= _LARGEST_NOTES_BYTES:
            continue
        try:
            found = _build_id_in(read_at(offset, length), order, 8 if alignment == 8 else 4)
        except ParseError:
            continue
        if found is not None:
            return found
    return None


def kernel_build_id_from(files: Files) -> KernelBuildId | Unknown:
    """The running kernel's build id out of files that were read."""
    return from_file(files, NOTES, lambda data: parse_kernel_notes(data, record_numbers(files[NOTES].record)))


def read_file_build_id(host: Host, path: str) -> KernelBuildId | Unknown:
    """The build id of an ELF file on the host, by small reads of it: no readelf is needed there."""
    records: list[int] = []
    refusals: list[Unknown] = []

    def read_at(offset: int, length: int) -> bytes:
        if refusals:
            return b""
        argv = ("dd", f"if={path}", "bs=64K", "iflag=skip_bytes,count_bytes", f"skip={offset}", f"count={length}")
        result = ask(
            host, Command((*argv, "status=none"), timeout_s=30, as_root=True, title=f"read {path} at {offset}")
        )
        if isinstance(result, Unknown):
            refusals.append(result)
            return b""
        records.append(result.record)
        return result.stdout

    try:
        build_id = find_build_id(read_at, path)
    except ParseError as error:
        numbers = record_numbers(*records, *(number for refusal in refusals for number in refusal.records))
        if refusals:
            return Unknown(path, refusals[0].why, refusals[0].detail, numbers)
        return Unknown(path, Why.NOT_UNDERSTOOD, error.message, numbers)
    return KernelBuildId(path, build_id, record_numbers(*records))
