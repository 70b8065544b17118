"""What a bad address says of how it came about: poison, an error code, text, one flipped bit.

Source: include/linux/poison.h, lib/Kconfig.debug (slab poison), include/linux/err.h, asm-generic/errno-base.h,
Documentation/arch/x86/x86_64/mm.rst (canonical addresses).
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import StrEnum

_FIRST_PAGE = 4096
_WORD = (1 << 64) - 1
#: CONFIG_ILLEGAL_POINTER_VALUE of x86_64, arm64 and others; powerpc has another one
_DELTAS = (0xDEAD000000000000, 0x5DEADBEEF0000000)
#: a member of a structure, or an element of an array, lies so far behind the pointer at most
_OFFSET = 0x2000
#: where KASAN keeps its shadow: start, and by how many bits addresses are shifted; x86_64, arm64 (of several ages and
#: sizes of address space), arm64 with tags
_SHADOWS = (
    (0xDFFFFC0000000000, 3),
    (0xDFFFA00000000000, 3),
    (0xDFFF800000000000, 3),
    (0xDFFF200000000000, 3),
    (0xEFFF800000000000, 4),
)
_SHADOW_BYTES = 1 << 44


class PointerKind(StrEnum):
    """What the address looks like."""

    NULL = "null"
    FREED = "freed memory"
    UNINITIALISED = "memory that was never written"
    LIST = "removed list entry"
    ERROR = "error code"
    TEXT = "text"
    ONE_BIT = "one flipped bit"
    USER = "user space"
    NON_CANONICAL = "no address at all"
    PLAIN = "kernel address"


@dataclass(frozen=True)
class PointerSense:
    """What an address says."""

    kind: PointerKind
    #: goes on a sentence: "the address 0x... is ..."
    words: str


def explain_pointer(address: int, bits: int = 64) -> PointerSense:
    """The likeliest story behind a bad address.

    >>> explain_pointer(0x6b6b6b6b6b6b6b9b).kind
    <PointerKind.FREED: 'freed memory'>
    >>> explain_pointer(0xdead000000000108).words
    'the mark that the kernel leaves in an entry that was removed from a list (LIST_POISON1)'
    """
    if bits == 32:
        return _explain_32(address)
    if address < _FIRST_PAGE:
        return PointerSense(PointerKind.NULL, f"a NULL pointer and {address} bytes behind it" if address else "NULL")
    for start, shift in _SHADOWS:
        # an address of the shadow of what was meant; kernel pointers wrap around
        meant = ((address - start) << shift) & _WORD
        if start <= address < start + _SHADOW_BYTES:
            inner = explain_pointer(meant)
            if inner.kind is PointerKind.ONE_BIT:
                inner = PointerSense(PointerKind.USER, "a number taken for an address")
            return PointerSense(inner.kind, f"KASAN's mark for {meant:#x}, {inner.words}")
    for word, kind, words in (
        (0x6B6B6B6B6B6B6B6B, PointerKind.FREED, "the pattern that fills freed memory (0x6b): use after free"),
        (0x5A5A5A5A5A5A5A5A, PointerKind.UNINITIALISED, "the pattern of memory that was never written (0x5a)"),
        (0xA5A5A5A5A5A5A5A5, PointerKind.FREED, "the pattern at the end of freed memory (0xa5): use after free"),
        (0xCCCCCCCCCCCCCCCC, PointerKind.FREED, "the pattern of freed code or start-up memory (0xcc): used too late"),
    ):
        if abs(address - word) <= _OFFSET:
            return PointerSense(kind, words)
    for delta in _DELTAS:
        behind = address - delta
        if 0 <= behind <= _OFFSET:
            name = _list_name(behind)
            words = f"the mark that the kernel leaves in an entry that was removed from a list ({name})"
            return PointerSense(PointerKind.LIST, words)
    if address > _WORD - 4096:
        return PointerSense(PointerKind.ERROR, f"an error code used as a pointer ({_errno(_WORD + 1 - address)})")
    if (text := _text(address)) is not None:
        return PointerSense(PointerKind.TEXT, f"text ({text!r}): something wrote a string over a pointer")
    if (flip := _one_bit(address)) is not None:
        return PointerSense(PointerKind.ONE_BIT, flip)
    top = address >> 47
    if top == 0:
        return PointerSense(PointerKind.USER, "an address of user space, or a small number taken for an address")
    if top != 0x1FFFF and address >> 56 not in (0, 0xFF, 0xC0):
        return PointerSense(PointerKind.NON_CANONICAL, "no valid address: the pointer was overwritten or never set")
    return PointerSense(PointerKind.PLAIN, "an address of kernel space at which nothing is mapped")


def _explain_32(address: int) -> PointerSense:
    if address < _FIRST_PAGE:
        return PointerSense(PointerKind.NULL, f"a NULL pointer and {address} bytes behind it" if address else "NULL")
    if abs(address - 0x6B6B6B6B) <= _OFFSET:
        return PointerSense(PointerKind.FREED, "the pattern that fills freed memory (0x6b): use after free")
    if 0x100 <= address <= 0x300:
        return PointerSense(PointerKind.LIST, "the mark of an entry that was removed from a list")
    if address > 0xFFFFFFFF - 4096:
        return PointerSense(PointerKind.ERROR, f"an error code used as a pointer ({_errno((1 << 32) - address)})")
    return PointerSense(PointerKind.PLAIN, "an address at which nothing is mapped")


def _list_name(behind: int) -> str:
    # LIST_POISON2 was 0x200 until 4.x and is 0x122 since
    if behind < 0x100:
        return "a poisoned pointer"
    return "LIST_POISON1" if behind < 0x122 else "LIST_POISON2" if behind < 0x300 else "a poisoned pointer"


def _errno(number: int) -> str:
    name = errno.errorcode.get(number)
    return f"-{name}" if name else f"-{number}, or a small negative number"


def _text(address: int) -> str | None:
    raw = address.to_bytes(8, "little").rstrip(b"\0")
    if len(raw) >= 6 and all(32 <= byte < 127 for byte in raw):
        return raw.decode("ascii")
    return None


def _one_bit(address: int) -> str | None:
    top = address >> 47
    # a kernel pointer has all 17 upper bits set
    missing = 0x1FFFF ^ top
    rest = address & ((1 << 47) - 1)
    # 0xdfff... and 0xefff... are also where KASAN and its like keep their data
    if missing and missing & (missing - 1) == 0 and rest >> 32 and address >> 60 not in (0xD, 0xE):
        return (
            f"a kernel address but for one bit (bit {47 + missing.bit_length() - 1}): failing memory, or one bit that "
            "was cleared by mistake"
        )
    if address & (address - 1) == 0 and address > 1 << 32:
        return (
            f"NULL but for one bit (bit {address.bit_length() - 1}): failing memory, or one bit that was set by mistake"
        )
    return None
