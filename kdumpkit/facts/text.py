"""Bytes from a host as text, lines and numbers, without the surprises of str.splitlines and int."""

from __future__ import annotations

import re

from kdumpkit.errors import ParseError

_DECIMAL = re.compile(r"-?[0-9]{1,20}")


def decoded(data: bytes, source: str) -> str:
    """Text; bytes that are not UTF-8 become U+FFFD. Raises ParseError where there is nothing or a NUL in it."""
    if not data.strip():
        raise ParseError(f"{source} is empty")
    if b"\0" in data:
        raise ParseError(f"{source} is not text: it has a NUL byte at offset {data.index(bytes(1))}")
    return data.decode("utf-8", "replace")


def decimal(text: str, source: str) -> int:
    """A whole number in plain ASCII digits. Raises ParseError."""
    text = text.strip()
    if not _DECIMAL.fullmatch(text):
        raise ParseError(f"{source}: {excerpt(text)} is not a whole number")
    return int(text)


def excerpt(text: str, limit: int = 80) -> str:
    """The text quoted for a message: printable, and not longer than ``limit``."""
    return repr(text if len(text) <= limit else text[:limit] + "…")


def parse_number(data: bytes, source: str) -> int:
    """The one number of a sysfs or /proc/sys file. Raises ParseError."""
    return decimal(decoded(data, source), source)


def parse_switch(data: bytes, source: str) -> bool:
    """A file that holds 0 or 1. Raises ParseError for anything else."""
    number = parse_number(data, source)
    if number not in (0, 1):
        raise ParseError(f"{source}: {number} is neither 0 nor 1")
    return number == 1


def size_text(size_bytes: int) -> str:
    """A size for a person: ``192 MiB``, ``1.9 GiB``, ``512 bytes``."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if abs(size_bytes) >= unit:
            return f"{size_bytes / unit:.4g}".rstrip(".") + f" {name}"
    return f"{size_bytes} bytes"


def transfer_text(done_bytes: int, total_bytes: int, bytes_per_s: float | None, left_s: float | None) -> str:
    """How far a transfer is: ``1.2 GiB of 26 GiB, 110 MiB/s, about 4 min left``; what is not known is left out.

    ``total_bytes`` 0, ``bytes_per_s`` None, ``left_s`` None: not known.
    """
    words = size_text(done_bytes) + (f" of {size_text(total_bytes)}" if total_bytes else "")
    if bytes_per_s is not None:
        words += f", {size_text(round(bytes_per_s))}/s"
    if left_s is not None:
        minutes = round(left_s / 60)
        words += f", about {minutes} min left" if left_s >= 120 else f", about {left_s:.0f} s left"
    return words
