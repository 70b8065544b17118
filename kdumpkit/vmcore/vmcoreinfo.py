"""VMCOREINFO: what the kernel that died says of itself, in lines of ``KEY=value``.

Source: Documentation/admin-guide/kdump/vmcoreinfo.rst; kernel/vmcore_info.c. ``BUILD-ID`` is there since 5.9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: the kernel gives it one page; Xen's is of the same size
_MOST_BYTES = 1 << 20
_NAMED = re.compile(r"(SYMBOL|SIZE|OFFSET|LENGTH|NUMBER)\((\S+)\)")


@dataclass(frozen=True)
class Vmcoreinfo:
    """What VMCOREINFO says; None for what it does not say."""

    #: such as ``6.1.0-56-cloud-amd64``
    release: str | None = None
    #: GNU build id of the kernel, in hex
    build_id: str | None = None
    #: seconds since the epoch at which the kernel died, by its own clock
    crash_time: int | None = None
    #: by how many bytes KASLR moved the kernel; 0: not moved
    kaslr_offset: int | None = None
    page_size_bytes: int | None = None
    #: addresses, by name
    symbols: dict[str, int] = field(default_factory=dict)
    #: of structures, in bytes
    sizes: dict[str, int] = field(default_factory=dict)
    #: of members, in bytes from the start of their structure, by ``structure.member``
    offsets: dict[str, int] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    #: of all lines, as they stand
    lines: tuple[str, ...] = ()


def parse_vmcoreinfo(content: bytes) -> Vmcoreinfo:
    """What the text says. Lines that are not understood are kept in ``lines`` and give nothing else."""
    lines = content[:_MOST_BYTES].rstrip(b"\0").decode("utf-8", "replace").splitlines()
    plain: dict[str, str] = {}
    tables: dict[str, dict[str, int]] = {kind: {} for kind in ("SYMBOL", "SIZE", "OFFSET", "LENGTH", "NUMBER")}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals:
            continue
        if named := _NAMED.fullmatch(key):
            number = _number(value, 16 if named[1] == "SYMBOL" else 10)
            if number is not None:
                tables[named[1]][named[2]] = number
        else:
            plain.setdefault(key, value)
    build_id = plain.get("BUILD-ID", "").lower()
    return Vmcoreinfo(
        release=plain.get("OSRELEASE") or None,
        build_id=build_id if re.fullmatch(r"(?:[0-9a-f]{2}){2,64}", build_id) else None,
        crash_time=_number(plain.get("CRASHTIME", ""), 10),
        kaslr_offset=_number(plain.get("KERNELOFFSET", ""), 16),
        page_size_bytes=_number(plain.get("PAGESIZE", ""), 10),
        symbols=tables["SYMBOL"],
        sizes=tables["SIZE"],
        offsets=tables["OFFSET"],
        lengths=tables["LENGTH"],
        numbers=tables["NUMBER"],
        lines=tuple(lines),
    )


def _number(text: str, base: int) -> int | None:
    # int() takes underscores and blanks too, and is quadratic in the number of digits
    pattern = r"-?[0-9]{1,24}" if base == 10 else r"(?:0x)?[0-9a-fA-F]{1,16}"
    if re.fullmatch(pattern, text):
        return int(text, base)
    # NUMBER(...) of some architectures is written as 0x...
    return int(text, 16) if base == 10 and re.fullmatch(r"0x[0-9a-fA-F]{1,16}", text) else None
