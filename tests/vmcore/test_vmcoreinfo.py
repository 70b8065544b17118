from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo, parse_vmcoreinfo
from tests.vmcore import dumps


def test_all_that_it_says() -> None:
    info = parse_vmcoreinfo((dumps.VMCOREINFO_HEAD + dumps.RINGBUFFER_LAYOUT).encode() + b"\0\0")
    assert (info.release, info.build_id) == (dumps.RELEASE, dumps.BUILD_ID)
    assert (info.crash_time, info.page_size_bytes, info.kaslr_offset) == (1795412064, 4096, 0)
    assert info.symbols["prb"] == 0xFFFFFFFF80100000
    assert info.sizes["prb_desc"] == 24
    assert info.offsets["printk_info.text_len"] == 16
    assert info.lengths["mem_section"] == 2048
    assert info.numbers["KERNEL_IMAGE_SIZE"] == 1 << 30
    assert info.lines[0] == f"OSRELEASE={dumps.RELEASE}"


def test_kaslr_offset_is_hexadecimal() -> None:
    assert parse_vmcoreinfo(b"KERNELOFFSET=2ac00000\n").kaslr_offset == 0x2AC00000


def test_negative_and_hexadecimal_numbers() -> None:
    info = parse_vmcoreinfo(b"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\nNUMBER(VA_BITS)=0x30\n")
    assert info.numbers == {"PAGE_BUDDY_MAPCOUNT_VALUE": -129, "VA_BITS": 48}


def test_absent_is_none() -> None:
    info = parse_vmcoreinfo(b"OSRELEASE=4.19.0\n")
    assert (info.build_id, info.crash_time, info.kaslr_offset) == (None, None, None)
    assert parse_vmcoreinfo(b"") == Vmcoreinfo()


def test_what_is_not_understood_gives_nothing() -> None:
    raw = b"BUILD-ID=../../etc\nCRASHTIME=1_000\nSYMBOL(x)=zz\nSIZE(y)=\nno equals sign\nSIZE(z)=" + b"9" * 5000
    info = parse_vmcoreinfo(raw)
    assert (info.build_id, info.crash_time, info.symbols, info.sizes) == (None, None, {}, {})
    assert "no equals sign" in info.lines


@given(st.binary())
def test_no_bytes_break_it(raw: bytes) -> None:
    parse_vmcoreinfo(raw)
