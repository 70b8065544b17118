"""Sizes of memory, from ``/proc/meminfo``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, from_file, record_numbers
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown

PATH = "/proc/meminfo"


@dataclass(frozen=True)
class Meminfo:
    """``total_bytes`` is MemTotal: RAM without the crash reservation and the kernel's own image.

    ``available_bytes``, ``swap_total_bytes`` and ``cma_total_bytes`` are None where this kernel has no such line.
    """

    total_bytes: int
    available_bytes: int | None
    swap_total_bytes: int | None
    cma_total_bytes: int | None
    #: what the kernel holds for itself at least: slab, page tables, per-CPU and vmalloc memory, and 64 bytes for each
    #: page; None where there is no line for slab. Kernels without Percpu (before 4.20) count address space as vmalloc,
    #: so there that is left out. KernelStack is in VmallocUsed already (CONFIG_VMAP_STACK).
    kernel_bytes: int | None = None
    records: tuple[int, ...] = ()


_PAGE_STRUCTURE_BYTES = 64
_LINE = re.compile(r"([A-Za-z0-9_()]+):\s+([0-9]{1,18}) kB")


def parse_meminfo(data: bytes, records: tuple[int, ...] = ()) -> Meminfo:
    """Sizes in bytes. Raises ParseError where there is no MemTotal."""
    sizes: dict[str, int] = {}
    for line in decoded(data, PATH).split("\n"):
        found = _LINE.fullmatch(line.strip())
        if found:
            sizes.setdefault(found[1], int(found[2]) * 1024)
    if "MemTotal" not in sizes:
        raise ParseError(f"{PATH} has no MemTotal in kB")
    names = ("Slab", "PageTables", "Percpu", "VmallocUsed") if "Percpu" in sizes else ("Slab", "PageTables")
    # 64 KiB pages on aarch64 have huge pages of 512 MiB; on ppc64le nothing here tells a page's size
    page_bytes = 65536 if sizes.get("Hugepagesize") == 512 << 20 else 4096
    kernel_bytes = sum(sizes.get(name, 0) for name in names) + sizes["MemTotal"] // page_bytes * _PAGE_STRUCTURE_BYTES
    return Meminfo(
        total_bytes=sizes["MemTotal"],
        available_bytes=sizes.get("MemAvailable"),
        swap_total_bytes=sizes.get("SwapTotal"),
        cma_total_bytes=sizes.get("CmaTotal"),
        kernel_bytes=kernel_bytes if "Slab" in sizes else None,
        records=records,
    )


def meminfo_from(files: Files) -> Meminfo | Unknown:
    """Sizes of memory out of files that were read."""
    return from_file(files, PATH, lambda data: parse_meminfo(data, record_numbers(files[PATH].record)))
