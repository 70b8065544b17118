"""The memory of the kernel that died, by virtual address, without its debug symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kdumpkit.errors import HostError, NotAVmcore, VmcoreError, VmcoreIncomplete
from kdumpkit.vmcore.completeness import Completeness, read_completeness
from kdumpkit.vmcore.format import require_vmcore
from kdumpkit.vmcore.kdump_header import KdumpHeader
from kdumpkit.vmcore.plain import openable_dump, unpacked_dump
from kdumpkit.vmcore.view import refuse_live_kernel
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo

if TYPE_CHECKING:
    import drgn

_PAGE_BYTES = 4096
_FETCH_AGAIN = "compare its size and checksum with the file on the host that crashed, and fetch it again"


class MemoryFault(VmcoreError):
    """An address whose bytes are not in the dump: left out on purpose, or cut off with the end of the file."""


@dataclass(frozen=True)
class Partial:
    """Bytes of a range of memory; pages that are not in the dump are zeros."""

    content: bytes
    #: offsets in ``content`` of missing pages, each with its end
    gaps: tuple[tuple[int, int], ...]

    def intact(self, start: int, end: int) -> bool:
        """Whether all bytes from ``start`` to ``end`` came from the dump."""
        return not any(start < gap_end and gap_start < end for gap_start, gap_end in self.gaps)


@dataclass(frozen=True)
class DumpMemory:
    """Reads memory. ``read_bytes(address, size)`` gives exactly ``size`` bytes or raises MemoryFault."""

    read_bytes: Callable[[int, int], bytes]
    word_bytes: int
    byte_order: Literal["little", "big"]

    def number(self, address: int, size: int) -> int:
        """An unsigned number at an address."""
        return int.from_bytes(self.read_bytes(address, size), self.byte_order)

    def word(self, address: int) -> int:
        """An ``unsigned long`` or a pointer at an address."""
        return self.number(address, self.word_bytes)

    def partial(self, address: int, size: int) -> Partial:
        """A range of which pages may be missing. Raises MemoryFault where none of it is there."""
        try:
            return Partial(self.read_bytes(address, size), ())
        except MemoryFault:
            pass
        content, gaps = bytearray(size), []
        place = 0
        while place < size:
            step = min(size - place, _PAGE_BYTES - (address + place) % _PAGE_BYTES)
            try:
                content[place : place + step] = self.read_bytes(address + place, step)
            except MemoryFault:
                gaps.append((place, place + step))
            place += step
        if sum(end - start for start, end in gaps) == size:
            raise MemoryFault(f"none of the {size} bytes at {address:#x} are in the dump")
        return Partial(bytes(content), tuple(gaps))


def open_program(path: Path, found: Completeness | None = None) -> drgn.Program:
    """A saved dump as drgn sees it, with no symbols loaded.

    ``found``: what :func:`read_completeness` said of this file, where that was asked already. drgn reads the dump in
    this process, by C code: call it where a death of the process does no harm. Raises NotAVmcore where the file is no
    dump, by kdumpkit's own reading of it, VmcoreIncomplete where no page of it is there, and VmcoreError where drgn
    refuses it.
    """
    refuse_live_kernel(path)
    found = read_completeness(path) if found is None else found
    header = found.header
    require_vmcore(header, path.name)
    if header.kdump is not None and not found.pages_there:
        # libkdumpfile in drgn 0.3.0 dies of SIGBUS on a file that ends within its tables
        raise VmcoreIncomplete(found.reason, _FETCH_AGAIN)
    if header.vmcoreinfo is None:
        raise NotAVmcore(
            f"{path.name} holds no VMCOREINFO, so its kernel's memory cannot be found in it",
            "the file is cut off, or was not written by makedumpfile, kdump or QEMU with -device vmcoreinfo",
        )
    import drgn

    program = drgn.Program(_platform(header.kdump))
    try:
        program.set_core_dump(str(path))
    except Exception as error:  # whatever drgn finds wrong; it raises ValueError, OSError and its own
        if not found.whole:
            raise VmcoreIncomplete(
                f"{found.reason}; drgn does not open it ({_said(error, path)})", _FETCH_AGAIN
            ) from error
        raise VmcoreError(
            f"drgn {drgn.__version__} cannot open {path.name}: {_said(error, path)}",
            f"read it by another tool: crash --osrelease {path.name}",
        ) from error
    if program.flags & drgn.ProgramFlags.IS_LIVE or not program.flags & drgn.ProgramFlags.IS_LINUX_KERNEL:
        raise NotAVmcore(f"drgn does not take {path.name} for the saved memory of a Linux kernel")
    return program


def _platform(kdump: KdumpHeader | None) -> Any:
    """The architecture, where the dump's header names it in a way that drgn does not read; None: drgn finds it."""
    if kdump is None or kdump.utsname["system"]:
        return None
    # QEMU's dump-guest-memory -z fills in the machine and nothing else of utsname
    import drgn

    architecture = getattr(drgn.Architecture, kdump.utsname["machine"].upper(), None)
    if architecture is None:
        return None
    flags = drgn.PlatformFlags.IS_64_BIT if kdump.bits == 64 else drgn.PlatformFlags(0)
    if kdump.byte_order == "little":
        flags |= drgn.PlatformFlags.IS_LITTLE_ENDIAN
    return drgn.Platform(architecture, flags)


@contextmanager
def open_memory(path: Path) -> Iterator[tuple[Vmcoreinfo, DumpMemory]]:
    """VMCOREINFO and memory of a dump, which may be packed; see open_program and unpack for what they raise."""
    with unpacked_dump(path) as (plain, _):
        found = read_completeness(plain)
        with openable_dump(plain, found) as openable:
            program = open_program(openable, found)
            yield found.header.vmcoreinfo or Vmcoreinfo(), memory_of(program)


def memory_of(program: drgn.Program) -> DumpMemory:
    """Memory through a drgn program that has its core."""
    import drgn

    platform: Any = program.platform
    is_64_bit = platform is None or bool(platform.flags & drgn.PlatformFlags.IS_64_BIT)
    is_little = platform is None or bool(platform.flags & drgn.PlatformFlags.IS_LITTLE_ENDIAN)

    def read_bytes(address: int, size: int) -> bytes:
        try:
            return bytes(program.read(address, size))
        except HostError:  # of a dump that is read where it lies: that says nothing of what is in it
            raise
        except Exception as error:  # FaultError; ValueError and OverflowError for damaged addresses
            raise MemoryFault(f"{size} bytes at {address:#x} are not in the dump: {error}") from error

    return DumpMemory(read_bytes, 8 if is_64_bit else 4, "little" if is_little else "big")


def _said(error: Exception, path: Path) -> str:
    return str(error).replace(str(path), path.name)
