"""A dump that is no file here, opened by drgn: its notes as a core without memory, its memory by our own reader.

drgn then translates virtual addresses by the page tables in the dump, as it does for an ELF core; libkdumpfile, which
wants a file, has no part in it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kdumpkit.errors import HostError, NotAVmcore, VmcoreError
from kdumpkit.hosts.ranges import TalkingHost
from kdumpkit.vmcore import elf
from kdumpkit.vmcore.format import VmcoreHeader, dump_of, read_header, require_vmcore
from kdumpkit.vmcore.memory import DumpMemory, memory_of
from kdumpkit.vmcore.pages import open_physical
from kdumpkit.vmcore.remote_dump import open_remote_dump
from kdumpkit.vmcore.view import ByteView
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo

if TYPE_CHECKING:
    import drgn

_MOST_NOTE_BYTES = 64 << 20
#: physical addresses have 52 bits at most on x86_64 and aarch64, 57 on ppc64le, 64 on s390x in theory
_ALL_MEMORY_BYTES = (1 << 64) - 1


def open_program_in_place(view: ByteView, header: VmcoreHeader, name: str) -> drgn.Program:
    """A saved dump as drgn sees it, with no symbols loaded, read through ``view`` alone.

    ``header`` is what :func:`~kdumpkit.vmcore.format.read_header` said of it. Raises NotAVmcore where it is no dump
    that can be read, and VmcoreError where drgn refuses it. Of a dump that is cut off, what is there can be read.
    """
    require_vmcore(header, name)
    if header.vmcoreinfo is None:
        raise NotAVmcore(
            f"{name} holds no VMCOREINFO, so its kernel's memory cannot be found in it",
            "the file is cut off, or was not written by makedumpfile, kdump or QEMU with -device vmcoreinfo",
        )
    dump = dump_of(view, header)
    memory = open_physical(dump, header)
    import drgn

    def read(address: int, count: int, offset: int, physical: bool) -> bytes:
        try:
            return memory.read(address, count)
        except HostError:
            raise
        except VmcoreError as error:
            raise drgn.FaultError(error.message, address) from error

    program = drgn.Program()
    descriptor = os.memfd_create("notes of the dump")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(notes_core(dump, header))
        program.set_core_dump(f"/proc/self/fd/{descriptor}")
        program.add_memory_segment(0, _ALL_MEMORY_BYTES, read, physical=True)
    except Exception as error:  # whatever drgn finds wrong; it raises ValueError, OSError and its own
        raise VmcoreError(
            f"drgn {drgn.__version__} cannot open {name} where it lies: {error}",
            "copy it here: dump_reading: copy",
        ) from error
    finally:
        os.close(descriptor)
    if program.flags & drgn.ProgramFlags.IS_LIVE or not program.flags & drgn.ProgramFlags.IS_LINUX_KERNEL:
        raise NotAVmcore(f"drgn does not take {name} for the saved memory of a Linux kernel")
    return program


@contextmanager
def open_memory_in_place(connect: Callable[[], TalkingHost], path: str) -> Iterator[tuple[Vmcoreinfo, DumpMemory]]:
    """VMCOREINFO and memory of a dump on a host; see open_program_in_place and open_remote_dump for what they raise."""
    name = path.rsplit("/", 1)[-1]
    with open_remote_dump(connect, path) as view:
        # not whether it is whole: that would take its whole table of pages
        header = read_header(view)
        yield header.vmcoreinfo or Vmcoreinfo(), memory_of(open_program_in_place(view, header, name))


def notes_core(dump: ByteView, header: VmcoreHeader) -> bytes:
    """An ELF core with the notes of a dump (registers of each CPU, VMCOREINFO) and no memory.

    ``dump`` is the dump itself, not the flattened file around it. Raises NotAVmcore for an architecture that ELF does
    not name here.
    """
    kdump = header.kdump
    if kdump is not None:
        bits, byte_order = kdump.bits, kdump.byte_order
        raw = b""
        if kdump.notes_offset and kdump.notes_bytes:
            raw = dump.read_at(kdump.notes_offset, min(kdump.notes_bytes, _MOST_NOTE_BYTES))
    elif header.elf is not None:
        bits, byte_order = header.elf.bits, "little" if header.elf.byte_order == "little" else "big"
        raw = elf.read_notes(dump, header.elf)
    else:
        raise NotAVmcore("this is no dump, so there are no notes in it")
    order = "<" if byte_order == "little" else ">"
    if elf.vmcoreinfo_note(raw, order) is None and header.vmcoreinfo is not None:
        raw = raw[: len(raw) // 4 * 4] + _note(b"VMCOREINFO", "\n".join(header.vmcoreinfo.lines).encode(), order)
    machine = _machine(header.machine)
    if machine is None or bits != 64:
        raise NotAVmcore(
            f"a dump of {header.machine or 'an unknown architecture'} cannot be read where it lies",
            "copy it here: dump_reading: copy",
        )
    identity = elf.MAGIC + bytes((2, 1 if order == "<" else 2, 1)) + bytes(9)
    # the second version of the ABI, without which ppc64le is not known for what it is
    flags = 2 if header.machine == "ppc64le" else 0
    head = struct.pack(order + "HHIQQQIHHHHHH", elf.ET_CORE, machine, 1, 0, 64, 0, flags, 64, 56, 1, 0, 0, 0)
    segment = struct.pack(order + "IIQQQQQQ", elf.PT_NOTE, 0, 64 + 56, 0, 0, len(raw), len(raw), 4)
    return identity + head + segment + raw


def _note(name: bytes, content: bytes, order: str) -> bytes:
    named = name + b"\0"
    head = struct.pack(order + "III", len(named), len(content), 0)
    return head + named + b"\0" * (-len(named) % 4) + content + b"\0" * (-len(content) % 4)


def _machine(name: str | None) -> int | None:
    plain = "ppc64" if name == "ppc64le" else name
    return next((number for number, known in elf.MACHINES.items() if known == plain), None)
