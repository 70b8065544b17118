"""``crashkernel=``: its grammar, and what the kernel would reserve for it.

**Source**: ``kernel/crash_reserve.c`` and ``Documentation/admin-guide/kdump/kdump.rst`` (Linux 6.18).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kdumpkit.errors import ParseError
from kdumpkit.facts.text import excerpt, size_text


class CrashkernelKind(StrEnum):
    """Which form of ``crashkernel=`` a value has."""

    SIZE = "size"
    RANGES = "ranges"
    HIGH = "high"
    LOW = "low"
    CMA = "cma"
    AUTO = "auto"


@dataclass(frozen=True)
class CrashkernelRange:
    """``size_bytes`` is reserved where RAM is at least ``start_bytes`` and less than ``end_bytes`` (None: no end)."""

    start_bytes: int
    end_bytes: int | None
    size_bytes: int


@dataclass(frozen=True)
class Crashkernel:
    """One ``crashkernel=`` value. ``size_bytes`` is None for RANGES and AUTO; ``ranges`` is () for all but RANGES."""

    text: str
    kind: CrashkernelKind
    size_bytes: int | None
    ranges: tuple[CrashkernelRange, ...] = ()
    #: the address after @; None where the kernel chooses
    offset: int | None = None


@dataclass(frozen=True)
class ReservationRequest:
    """What the kernel would try to reserve for a whole command line.

    ``size_bytes`` is the main part (0: nothing is reserved, ``why`` says for what reason), ``low_bytes`` the part
    below 4 GiB that goes with a high one, ``cma_bytes`` memory that user space may use meanwhile and that is not
    protected. ``winner`` is the value that decided; None where there is none.
    """

    size_bytes: int
    low_bytes: int
    cma_bytes: int
    winner: str | None
    why: str

    @property
    def total_bytes(self) -> int:
        """The protected part: main and low, without CMA."""
        return self.size_bytes + self.low_bytes


MIB = 1 << 20
_SUFFIXES = {",high": CrashkernelKind.HIGH, ",low": CrashkernelKind.LOW, ",cma": CrashkernelKind.CMA}
_MEMORY = re.compile(r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)([KMGTPEkmgtpe]?)")
_POWER = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50, "e": 60}


def parse_crashkernel(text: str) -> Crashkernel:
    """One value of ``crashkernel=``. Raises ParseError where the kernel would refuse it, with the kernel's reason."""
    for suffix, kind in _SUFFIXES.items():
        if text.endswith(suffix):
            size, at = _memory(text, 0)
            if text[at:] != suffix:
                raise _bad(text, f"{excerpt(text[at:])} was not expected after the size")
            return Crashkernel(text, kind, size)
    if text == "auto":
        return Crashkernel(text, CrashkernelKind.AUTO, None)
    if ":" in text:
        ranges, fault, at = _ranges(text)
        if fault is not None:
            raise fault
        return Crashkernel(text, CrashkernelKind.RANGES, None, ranges, _offset(text, at))
    size, at = _memory(text, 0)
    return Crashkernel(text, CrashkernelKind.SIZE, size, (), _offset(text, at))


def requested_reservation(
    values: Sequence[str], system_ram_bytes: int, machine: str = "x86_64", auto: str = ""
) -> ReservationRequest:
    """What the kernel would reserve for these ``crashkernel=`` values on a machine with this much System RAM.

    The last value without suffix wins; ``,high`` and ``,low`` count only where there is none without suffix.
    RAM is rounded up to 128 MiB before it is compared with ranges (Linux 5.2 and later). A ``,high`` part brings a
    default ``,low`` part of 256 MiB on x86_64 and 128 MiB elsewhere, which is taken only where the high part really
    lies above 4 GiB. ``auto`` are the ranges that crashkernel=auto stands for in this kernel; "" where it does not know
    it. Source: parse_crashkernel() of Linux 6.18.
    """
    if not values:
        return ReservationRequest(0, 0, 0, None, "there is no crashkernel= on the command line")
    cma_text = next((value for value in reversed(values) if value.endswith(",cma")), None)
    cma_bytes = _size_or_zero(cma_text)
    plain = next((value for value in reversed(values) if not value.endswith(tuple(_SUFFIXES))), None)
    if plain is not None:
        known = plain == "auto" and auto != ""
        size, why = _evaluate_plain(auto if known else plain, system_ram_bytes)
        why = f"crashkernel=auto stands for {auto} in this kernel; {why}" if known else why
        return ReservationRequest(size, 0, cma_bytes, plain, why)
    high = next((value for value in reversed(values) if value.endswith(",high")), None)
    if high is None:
        return ReservationRequest(0, 0, cma_bytes, None, "only ,low or ,cma is given, and neither reserves alone")
    try:
        high_bytes = parse_crashkernel(high).size_bytes or 0
        low = next((value for value in reversed(values) if value.endswith(",low")), None)
        default_low = (256 if machine == "x86_64" else 128) * MIB
        low_bytes = default_low if low is None else parse_crashkernel(low).size_bytes or 0
    except ParseError as error:
        return ReservationRequest(0, 0, cma_bytes, high, error.message)
    if high_bytes == 0 or high_bytes >= system_ram_bytes:
        return ReservationRequest(0, 0, cma_bytes, high, _no_fit(high, high_bytes, system_ram_bytes))
    low_text = f"{size_text(low_bytes)} {'by default' if low is None else f'from crashkernel={low}'}"
    why = f"crashkernel={high} asks for {size_text(high_bytes)} above 4 GiB and {low_text} below it"
    return ReservationRequest(high_bytes, low_bytes, cma_bytes, high, why)


def _evaluate_plain(text: str, system_ram_bytes: int) -> tuple[int, str]:
    if text == "auto":
        return 0, "crashkernel=auto is understood only by Red Hat's kernels before RHEL 9"
    if ":" not in text:
        try:
            size = parse_crashkernel(text).size_bytes or 0
        except ParseError as error:
            return 0, error.message
        if size == 0 or size >= system_ram_bytes:
            return 0, _no_fit(text, size, system_ram_bytes)
        return size, f"crashkernel={text} asks for {size_text(size)}"
    rounded = -(-system_ram_bytes // (128 * MIB)) * 128 * MIB
    ranges, fault, _ = _ranges(text)
    for found in ranges:
        if found.size_bytes >= rounded:
            return 0, _no_fit(text, found.size_bytes, system_ram_bytes)
        if rounded >= found.start_bytes and (found.end_bytes is None or rounded < found.end_bytes):
            try:
                # the kernel looks for an offset only after a match, and wherever it stands
                _offset(text, text.find("@") if "@" in text else len(text))
            except ParseError as bad:
                return 0, bad.message
            if found.size_bytes == 0 or found.size_bytes >= system_ram_bytes:
                return 0, _no_fit(text, found.size_bytes, system_ram_bytes)
            upper = "" if found.end_bytes is None else size_text(found.end_bytes)
            matched = f"{size_text(found.start_bytes)}-{upper}"
            return found.size_bytes, f"crashkernel={text}: range {matched} matches {size_text(rounded)} of RAM"
    if fault is not None:
        return 0, fault.message
    return 0, f"crashkernel={text}: no range matches {size_text(rounded)} of RAM, so nothing is reserved"


def _size_or_zero(text: str | None) -> int:
    if text is None:
        return 0
    try:
        return parse_crashkernel(text).size_bytes or 0
    except ParseError:
        return 0


def _no_fit(text: str, size_bytes: int, system_ram_bytes: int) -> str:
    if size_bytes == 0:
        return f"crashkernel={text} asks for zero bytes"
    return f"crashkernel={text}: {size_text(size_bytes)} is not less than the {size_text(system_ram_bytes)} of RAM"


def _memory(text: str, at: int) -> tuple[int, int]:
    # the kernel's memparse(): hex, octal or decimal, then one letter for a power of 1024
    found = _MEMORY.match(text, at)
    if found is None:
        raise _bad(text, f"a size was expected at {excerpt(text[at:])}")
    digits = found[1]
    if len(digits) > 24:
        raise _bad(text, "the number is too large")
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
    value = int(digits, base) << _POWER[found[2].lower()]
    if value >= 1 << 64:
        raise _bad(text, "the number is too large")
    return value, found.end()


def _ranges(text: str) -> tuple[tuple[CrashkernelRange, ...], ParseError | None, int]:
    # the ranges before the first fault, the fault, and where reading stopped
    ranges: list[CrashkernelRange] = []
    at = 0
    try:
        while True:
            start, at = _memory(text, at)
            if text[at : at + 1] != "-":
                raise _bad(text, f"'-' was expected at {excerpt(text[at:])}")
            at += 1
            end: int | None = None
            if text[at : at + 1] != ":":
                end, at = _memory(text, at)
                if end <= start:
                    raise _bad(text, "a range ends before it starts")
            if text[at : at + 1] != ":":
                raise _bad(text, f"':' was expected at {excerpt(text[at:])}")
            size, at = _memory(text, at + 1)
            ranges.append(CrashkernelRange(start, end, size))
            if text[at : at + 1] != ",":
                return tuple(ranges), None, at
            at += 1
    except ParseError as error:
        return tuple(ranges), error, at


def _offset(text: str, at: int) -> int | None:
    if at == len(text):
        return None
    if text[at] != "@":
        raise _bad(text, f"{excerpt(text[at:])} was not expected after the size")
    offset, end = _memory(text, at + 1)
    if end != len(text):
        raise _bad(text, f"{excerpt(text[end:])} was not expected after the offset")
    return offset


def _bad(text: str, why: str) -> ParseError:
    return ParseError(f"crashkernel={text[:200]} is not understood by the kernel: {why}")
