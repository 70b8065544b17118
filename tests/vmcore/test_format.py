from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdumpkit.errors import NotAVmcore
from kdumpkit.vmcore import flattened
from kdumpkit.vmcore.format import (
    VmcoreHeader,
    VmcoreKind,
    Wrapper,
    dump_of,
    read_header,
    require_vmcore,
)
from kdumpkit.vmcore.view import FileView, _on_kernel_file_system
from tests.vmcore import dumps

MEMORY = dumps.pages({})


def write(folder: Path, content: bytes, name: str = "vmcore") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def read_format(path: Path) -> VmcoreHeader:
    with FileView(path) as view:
        return read_header(view)


def header_of(content: bytes) -> VmcoreHeader:
    return read_header(dumps.BytesView(content))


def test_kdump_compressed(tmp_path: Path) -> None:
    header = read_format(write(tmp_path, dumps.kdump(MEMORY)))
    assert header.kind is VmcoreKind.KDUMP_COMPRESSED
    assert header.described() == "kdump-compressed dump, version 6, zlib"
    assert (header.machine, header.release) == ("x86_64", dumps.RELEASE)
    assert header.kdump is not None
    assert header.kdump.utsname["node"] == "web01"
    assert (header.kdump.cpus, header.kdump.dump_level, header.kdump.split) == (2, 31, False)
    assert header.kdump.max_mapnr == max(MEMORY) + 1
    assert header.kdump.written_at == 1795412064
    assert not header.kdump.incomplete
    assert header.vmcoreinfo is not None
    assert (header.vmcoreinfo.build_id, header.vmcoreinfo.crash_time) == (dumps.BUILD_ID, 1795412064)
    assert header.problem == ""


def test_flattened_is_read_without_being_unpacked(tmp_path: Path) -> None:
    plain = dumps.kdump(MEMORY)
    header = read_format(write(tmp_path, dumps.flattened(plain)))
    assert (header.kind, header.inner) == (VmcoreKind.FLATTENED, VmcoreKind.KDUMP_COMPRESSED)
    assert header.kdump == header_of(plain).kdump
    assert header.vmcoreinfo == header_of(plain).vmcoreinfo
    assert header.flattened_end is not None
    assert header.flattened_end.marked


@pytest.mark.parametrize("step", [7, 100, 4096, 1_000_000])
@pytest.mark.parametrize("sorted_at_a_time", [3, 100_000])
def test_flattened_gives_back_every_byte(
    tmp_path: Path, step: int, sorted_at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flattened, "_SORTED_SEGMENTS", sorted_at_a_time)
    plain = dumps.kdump(MEMORY)
    with FileView(write(tmp_path, dumps.flattened(plain, step))) as file:
        view = dump_of(file, read_header(file))
        assert view.size_bytes == len(plain)
        assert view.read_at(0, len(plain) + 5) == plain
        assert view.read_at(5000, 9000) == plain[5000:14000]
        assert view.read_at(len(plain), 10) == view.read_at(-1, 10) == view.read_at(5, 0) == b""


def test_flattened_of_an_unknown_version(tmp_path: Path) -> None:
    content = bytearray(dumps.flattened(dumps.kdump(MEMORY)))
    content[24:32] = struct.pack(">q", 2)
    header = read_format(write(tmp_path, bytes(content)))
    assert "version 2" in header.problem
    assert not header.is_vmcore


@pytest.mark.parametrize(("order", "machine"), [(">", b"s390x"), (">", b"ppc64"), ("<", b"aarch64")])
def test_foreign_architecture(order: str, machine: bytes) -> None:
    info = dumps.VMCOREINFO_HEAD.encode()
    header = header_of(dumps.kdump(MEMORY, info, order=order, machine=machine))
    assert header.machine == machine.decode()
    assert header.kdump is not None
    assert header.kdump.byte_order == ("big" if order == ">" else "little")
    assert header.kdump.max_mapnr == max(MEMORY) + 1
    assert header.vmcoreinfo is not None
    assert header.vmcoreinfo.release == dumps.RELEASE


@pytest.mark.parametrize(
    ("status", "compression", "incomplete"),
    [
        (0, "none", False),
        (1, "zlib", False),
        (2, "lzo", False),
        (4, "snappy", False),
        (0x20, "zstd", False),
        (1 | 8, "zlib", True),
    ],
)
def test_status_bits(status: int, compression: str, incomplete: bool) -> None:
    kdump = header_of(dumps.kdump(MEMORY, status=status)).kdump
    assert kdump is not None
    assert (kdump.compression, kdump.incomplete) == (compression, incomplete)


def test_old_version_has_no_vmcoreinfo() -> None:
    header = header_of(dumps.kdump(MEMORY, version=2))
    assert header.kdump is not None
    assert header.kdump.dump_level == 31
    assert header.kdump.vmcoreinfo_offset is None
    assert header.vmcoreinfo is None


def test_version_from_the_future_is_not_guessed_at() -> None:
    header = header_of(dumps.kdump(MEMORY, version=7))
    assert not header.is_vmcore
    assert "version 7" in header.problem


@pytest.mark.parametrize(("order", "machine", "name"), [("<", 62, "x86_64"), ("<", 183, "aarch64"), (">", 22, "s390x")])
def test_elf_core(order: str, machine: int, name: str) -> None:
    header = header_of(dumps.elf_core(vmcoreinfo=dumps.VMCOREINFO_HEAD.encode(), machine=machine, order=order))
    assert (header.kind, header.machine) == (VmcoreKind.ELF, name)
    assert header.vmcoreinfo is not None
    assert header.vmcoreinfo.build_id == dumps.BUILD_ID


def test_elf_core_without_vmcoreinfo() -> None:
    header = header_of(dumps.elf_core())
    assert header.is_vmcore
    assert header.vmcoreinfo is None


@pytest.mark.parametrize(
    ("start", "wrapper"),
    [
        (gzip.compress(b"x", mtime=0), Wrapper.GZIP),
        (b"\x04\x22\x4d\x18rest", Wrapper.LZ4),
        (b"\xfd7zXZ\0rest", Wrapper.XZ),
        (b"\x28\xb5\x2f\xfdrest", Wrapper.ZSTD),
        (b"BZh91AY", Wrapper.BZIP2),
    ],
)
def test_packed(start: bytes, wrapper: Wrapper) -> None:
    header = header_of(start)
    assert (header.kind, header.wrapper) == (VmcoreKind.WRAPPED, wrapper)
    with pytest.raises(NotAVmcore, match=f"packed by {wrapper}") as caught:
        require_vmcore(header, "dump.gz")
    assert f"{wrapper} -dc dump.gz" in caught.value.hint


@pytest.mark.parametrize("content", [dumps.vmlinux(dumps.BUILD_ID), b"#!/bin/sh\n", b"\0" * 5000, b"K", b"\x7fELF"])
def test_something_else(content: bytes) -> None:
    header = header_of(content)
    assert header.kind is VmcoreKind.UNKNOWN
    with pytest.raises(NotAVmcore, match="x is not a dump"):
        require_vmcore(header, "x")


def test_empty(tmp_path: Path) -> None:
    header = read_format(write(tmp_path, b""))
    assert header.kind is VmcoreKind.EMPTY
    with pytest.raises(NotAVmcore, match="dump is empty"):
        require_vmcore(header, "dump")


@pytest.mark.parametrize("size", [20, 463, 464, 4000])
def test_cut_within_the_headers(size: int) -> None:
    header = header_of(dumps.kdump(MEMORY)[:size])
    assert header.kind is VmcoreKind.KDUMP_COMPRESSED
    assert header.is_vmcore == (size >= 464)
    assert header.vmcoreinfo is None


@pytest.mark.parametrize("place", ["/proc/kcore", "/dev/mem", "/dev/zero", "/proc/self/maps", "/sys/kernel/notes"])
def test_live_kernel_is_refused(tmp_path: Path, place: str) -> None:
    link = tmp_path / "vmcore"
    link.symlink_to(place)
    for path in (Path(place), link):
        with pytest.raises(NotAVmcore, match="own running kernel"):
            read_format(path)


def test_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, message in (("absent", "No such file"), ("fifo", "not a regular file"), (".", "not a regular file")):
        with pytest.raises(NotAVmcore, match=message):
            read_format(tmp_path / name)


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = write(tmp_path, dumps.kdump(MEMORY))
    os.truncate(path, 40 << 30)  # sparse
    tracemalloc.start()
    header = read_format(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert header.size_bytes == 40 << 30
    assert peak < 1 << 20


@given(st.binary(max_size=200), st.integers(0, 20000), st.booleans())
def test_no_bytes_break_it(noise: bytes, place: int, flat: bool) -> None:
    content = bytearray(dumps.kdump(MEMORY))
    content[place : place + len(noise)] = noise
    header = header_of(dumps.flattened(bytes(content)) if flat else bytes(content))
    assert header.described()


@given(st.sampled_from([b"KDUMP   ", b"DISKDUMP", b"makedumpfile\0\0\0\0", b"\x7fELF\x02\x01\x01", b""]), st.binary())
def test_no_tail_breaks_it(magic: bytes, tail: bytes) -> None:
    assert header_of(magic + tail).size_bytes == len(magic + tail)


def test_kernel_file_systems_are_known_wherever_they_are_mounted(tmp_path: Path) -> None:
    # a container's bind mount of the host's /proc has another path and the same file system
    assert _on_kernel_file_system(Path("/proc/self/status"))
    assert _on_kernel_file_system(Path("/sys/kernel"))
    assert not _on_kernel_file_system(write(tmp_path, dumps.kdump(MEMORY)))
    assert not _on_kernel_file_system(tmp_path / "absent")
