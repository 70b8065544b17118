from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdumpkit.analysis.cause.pointers import PointerKind, explain_pointer


@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        (0x0, PointerKind.NULL, "NULL"),
        (0x5EC, PointerKind.NULL, "1516 bytes behind it"),
        (0x6B6B6B6B6B6B6B6B, PointerKind.FREED, "0x6b"),
        (0x5A5A5A5A5A5A5A62, PointerKind.UNINITIALISED, "0x5a"),
        (0xDEAD000000000100, PointerKind.LIST, "LIST_POISON1"),
        (0xDEAD000000000122, PointerKind.LIST, "LIST_POISON2"),
        (0xDEAD000000000200, PointerKind.LIST, "LIST_POISON2"),
        # a member before the entry: container_of() subtracts
        (0x5DEADBEEF0000100, PointerKind.LIST, "LIST_POISON1"),
        (0xFFFFFFFFFFFFFFF4, PointerKind.ERROR, "-ENOMEM"),
        (0xFFFFFFFFFFFFFE00, PointerKind.ERROR, "-512"),
        (0x0A646C726F77206F, PointerKind.PLAIN, ""),
        (0x6C646C726F77206F, PointerKind.TEXT, "'o worldl'"),
        (0x7FFF888012345678, PointerKind.ONE_BIT, "bit 63"),
        (0xFFFF088012345678, PointerKind.ONE_BIT, "bit 47"),
        (0xFFF7888012345678, PointerKind.ONE_BIT, "bit 51"),
        (0x0000040000000000, PointerKind.ONE_BIT, "bit 42"),
        (0x00007F1234567890, PointerKind.USER, "user space"),
        (0x132B47D38499FD58, PointerKind.NON_CANONICAL, "no valid address"),
        (0xFFFF88002BDE1E40, PointerKind.PLAIN, "nothing is mapped"),
        # powerpc maps its memory from 0xc000... on, which is no flipped bit
        (0xC000000001234567, PointerKind.PLAIN, "nothing is mapped"),
        # KASAN's shadow: of NULL and 0x18, of a user address, of a kernel address; arm64's of tags
        (0xDFFFFC0000000003, PointerKind.NULL, "KASAN's mark for 0x18"),
        (0xDFFFFC000EEEEEF0, PointerKind.USER, "KASAN's mark for 0x77777780"),
        (0xDFFF800000000003, PointerKind.NULL, "KASAN's mark"),
        (0xEFFF800000000137, PointerKind.USER, "KASAN's mark"),
    ],
)
def test_address(address: int, kind: PointerKind, words: str) -> None:
    sense = explain_pointer(address)
    if words:
        assert (sense.kind, words in sense.words) == (kind, True), sense
    else:
        assert sense.kind in (kind, PointerKind.NON_CANONICAL), sense


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (0x8, PointerKind.NULL),
        (0x6B6B6B73, PointerKind.FREED),
        (0xFFFFFFF4, PointerKind.ERROR),
        (0x80B0F484, PointerKind.PLAIN),
    ],
)
def test_32_bit(address: int, kind: PointerKind) -> None:
    assert explain_pointer(address, 32).kind is kind


@given(st.integers(0, (1 << 64) - 1))
def test_every_address_has_a_story(address: int) -> None:
    sense = explain_pointer(address)
    assert sense.words
    assert len(sense.words) < 200


@given(st.integers(0, 16).filter(lambda bit: bit not in (12, 13, 14)), st.integers(1 << 40, (1 << 47) - 1))
def test_one_cleared_bit_of_a_kernel_pointer_is_seen(bit: int, low: int) -> None:
    # bits 12 to 14 make 0xd... and 0xe..., where KASAN and its like keep their data
    sense = explain_pointer(((0x1FFFF ^ (1 << bit)) << 47) | low)
    assert sense.kind in (PointerKind.ONE_BIT, PointerKind.TEXT)
