"""Sizes of memory, from ``/proc/meminfo``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, from_file, record_numbers
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import read_files

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
    #: what the kernel holds for itself: slab, page tables, per-CPU and vmalloc memory, and 64 bytes for each page of
    #: 4 KiB; None where one of the lines is missing
    kernel_bytes: int | None = None
    records: tuple[int, ...] = ()


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
    parts = [sizes.get(name) for name in ("Slab", "PageTables", "Percpu", "VmallocUsed")]
    kernel_bytes = sum(part or 0 for part in parts) + sizes["MemTotal"] // 64
    return Meminfo(
        total_bytes=sizes["MemTotal"],
        available_bytes=sizes.get("MemAvailable"),
        swap_total_bytes=sizes.get("SwapTotal"),
        cma_total_bytes=sizes.get("CmaTotal"),
        kernel_bytes=None if None in parts else kernel_bytes,
        records=records,
    )


def meminfo_from(files: Files) -> Meminfo | Unknown:
    """Sizes of memory out of files that were read."""
    return from_file(files, PATH, lambda data: parse_meminfo(data, record_numbers(files[PATH].record)))


def read_meminfo(host: Host) -> Meminfo | Unknown:
    return meminfo_from(read_files(host, [PATH], max_bytes=65536, as_root=False))
