"""What kind of file a dump is and what its headers say, by content: never by its name or by file(1)'s wording."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from kdumpkit.errors import NotAVmcore
from kdumpkit.vmcore import elf, flattened, kdump_header
from kdumpkit.vmcore.flattened import FlattenedEnd, open_inside
from kdumpkit.vmcore.kdump_header import KdumpHeader, parse_kdump_header
from kdumpkit.vmcore.view import ByteView
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo, parse_vmcoreinfo

_MOST_VMCOREINFO_BYTES = 1 << 20


class VmcoreKind(StrEnum):
    """Kinds, in the words that messages use."""

    KDUMP_COMPRESSED = "kdump-compressed"
    DISKDUMP = "diskdump"
    FLATTENED = "flattened"
    ELF = "ELF core"
    #: packed as a whole by gzip, lz4, xz, zstd or bzip2; what is inside shows only unpacked
    WRAPPED = "packed"
    EMPTY = "empty"
    UNKNOWN = "unknown"


class Wrapper(StrEnum):
    """Packers, in the name of the command that unpacks with ``-dc``."""

    GZIP = "gzip"
    LZ4 = "lz4"
    XZ = "xz"
    ZSTD = "zstd"
    BZIP2 = "bzip2"


WRAPPER_MAGIC = {
    b"\x1f\x8b": Wrapper.GZIP,
    b"\x04\x22\x4d\x18": Wrapper.LZ4,
    b"\x02\x21\x4c\x18": Wrapper.LZ4,
    b"\xfd7zXZ\0": Wrapper.XZ,
    b"\x28\xb5\x2f\xfd": Wrapper.ZSTD,
    b"BZh": Wrapper.BZIP2,
}


@dataclass(frozen=True)
class VmcoreHeader:
    """What the headers say; None for what this kind of file does not have, or what is cut off."""

    kind: VmcoreKind
    #: of the file as it lies on disk
    size_bytes: int
    #: kind of the dump inside a flattened file; None otherwise, or where it is cut off
    inner: VmcoreKind | None = None
    wrapper: Wrapper | None = None
    #: both headers of a kdump-compressed dump or diskdump
    kdump: KdumpHeader | None = None
    #: header of an ELF core
    elf: elf.ElfHeader | None = None
    #: how a flattened file ends
    flattened_end: FlattenedEnd | None = None
    #: None: not there, or cut off
    vmcoreinfo: Vmcoreinfo | None = None
    #: why the headers could not be read in full; empty where they could
    problem: str = ""

    @property
    def is_vmcore(self) -> bool:
        """A dump whose headers were read; false for packed, empty, unknown and damaged files."""
        return self.kdump is not None or self.elf is not None

    @property
    def machine(self) -> str | None:
        """Architecture of the kernel that died, as uname calls it."""
        if self.elf is not None:
            return self.elf.machine
        return (self.kdump.utsname["machine"] or None) if self.kdump is not None else None

    @property
    def release(self) -> str | None:
        """Kernel release: VMCOREINFO's word, or else the header's, which is wrong in some dumps."""
        if self.vmcoreinfo is not None and self.vmcoreinfo.release:
            return self.vmcoreinfo.release
        return (self.kdump.utsname["release"] or None) if self.kdump is not None else None

    def described(self) -> str:
        """The file in a few words, such as ``flattened kdump-compressed dump, version 6, zlib``."""
        if self.kind is VmcoreKind.WRAPPED:
            return f"file packed by {self.wrapper}"
        if self.kind in (VmcoreKind.EMPTY, VmcoreKind.UNKNOWN):
            return "empty file" if self.kind is VmcoreKind.EMPTY else "file of an unknown kind"
        words = self.kind.value if self.inner is None else f"{self.kind.value} {self.inner.value}"
        if self.kdump is not None:
            return f"{words} dump, version {self.kdump.version}, {self.kdump.compression}"
        return f"{words} dump"


def kind_of(start: bytes) -> VmcoreKind:
    """The kind, by the first 18 bytes of a file. An ELF file that is no core is UNKNOWN."""
    if not start:
        return VmcoreKind.EMPTY
    if start.startswith(kdump_header.KDUMP_MAGIC):
        return VmcoreKind.KDUMP_COMPRESSED
    if start.startswith(kdump_header.DISKDUMP_MAGIC):
        return VmcoreKind.DISKDUMP
    if start.startswith(flattened.MAGIC):
        return VmcoreKind.FLATTENED
    if start.startswith(elf.MAGIC) and len(start) >= 18 and start[5] in (1, 2):
        kind = int.from_bytes(start[16:18], "little" if start[5] == 1 else "big")
        return VmcoreKind.ELF if kind == elf.ET_CORE else VmcoreKind.UNKNOWN
    return VmcoreKind.WRAPPED if wrapper_of(start) is not None else VmcoreKind.UNKNOWN


def wrapper_of(start: bytes) -> Wrapper | None:
    """The packer, by the first bytes of a file; None where it is not packed."""
    return next((wrapper for magic, wrapper in WRAPPER_MAGIC.items() if start.startswith(magic)), None)


def read_header(view: ByteView) -> VmcoreHeader:
    """What a file is. Reads headers, VMCOREINFO and, of a flattened file, its index; never the pages.

    An empty, packed, unknown or damaged file is an answer, not an error.
    """
    start = view.read_at(0, 32)
    header = VmcoreHeader(kind_of(start), view.size_bytes, wrapper=wrapper_of(start))
    try:
        if header.kind is VmcoreKind.FLATTENED:
            dump = open_inside(view)
            header = replace(header, flattened_end=dump.end)
            inner = kind_of(dump.read_at(0, 32))
            if inner not in (VmcoreKind.KDUMP_COMPRESSED, VmcoreKind.DISKDUMP, VmcoreKind.ELF):
                cut = "" if dump.end.marked else f"; {dump.end.reason}"
                return replace(header, problem=f"no dump is found inside the flattened file{cut}")
            return _with_headers(replace(header, inner=inner), inner, dump)
        return _with_headers(header, header.kind, view)
    except NotAVmcore as error:
        return replace(header, problem=error.message)


def dump_of(view: ByteView, header: VmcoreHeader) -> ByteView:
    """The dump as one run of bytes, given the file's own bytes and what :func:`read_header` said of them."""
    return open_inside(view) if header.kind is VmcoreKind.FLATTENED else view


def require_vmcore(header: VmcoreHeader, name: str) -> None:
    """Raises NotAVmcore, with one sentence on what the file is instead, where it is not a readable dump."""
    if header.is_vmcore:
        return
    if header.kind is VmcoreKind.EMPTY:
        raise NotAVmcore(
            f"{name} is empty: the capture kernel made the file and wrote nothing into it",
            "look for a full disk or a capture kernel out of memory on the serial console",
        )
    if header.kind is VmcoreKind.WRAPPED:
        raise NotAVmcore(
            f"{name} is packed by {header.wrapper} as a whole, so the dump inside it cannot be read yet",
            f"unpack it first: {header.wrapper} -dc {name} > vmcore",
        )
    if header.kind is VmcoreKind.UNKNOWN:
        raise NotAVmcore(
            f"{name} is not a dump: it starts neither with KDUMP, DISKDUMP nor makedumpfile, and is no ELF core",
            "give the file that makedumpfile wrote, such as /var/crash/<stamp>/dump.<stamp>; kdumpkit oops reads logs",
        )
    raise NotAVmcore(
        f"{name} starts like a {header.described()}, and its headers cannot be read: {header.problem}",
        "the file is damaged or cut off: compare its size and checksum with the one on the host that crashed",
    )


def _with_headers(header: VmcoreHeader, kind: VmcoreKind, view: ByteView) -> VmcoreHeader:
    if kind is VmcoreKind.ELF:
        head = elf.parse_elf_header(view)
        raw = elf.vmcoreinfo_note(elf.read_notes(view, head), head.order)
        return replace(header, elf=head, vmcoreinfo=None if raw is None else parse_vmcoreinfo(raw))
    if kind not in (VmcoreKind.KDUMP_COMPRESSED, VmcoreKind.DISKDUMP):
        return header
    kdump = parse_kdump_header(view)
    raw = b""
    if kdump.vmcoreinfo_offset and kdump.vmcoreinfo_bytes:
        raw = view.read_at(kdump.vmcoreinfo_offset, min(kdump.vmcoreinfo_bytes, _MOST_VMCOREINFO_BYTES))
    elif kdump.notes_offset and kdump.notes_bytes:
        # what `virsh dump` and QEMU write: VMCOREINFO only as one of the ELF notes
        order = "<" if kdump.byte_order == "little" else ">"
        raw = elf.vmcoreinfo_note(view.read_at(kdump.notes_offset, min(kdump.notes_bytes, 64 << 20)), order) or b""
    return replace(header, kdump=kdump, vmcoreinfo=parse_vmcoreinfo(raw) if raw.strip(b"\0") else None)
