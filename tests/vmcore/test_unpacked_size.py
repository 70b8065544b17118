"""What a packed file says of its size unpacked, against what the packers themselves wrote."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdumpkit.vmcore.format import WRAPPER_MAGIC, Wrapper
from kdumpkit.vmcore.unpacked_size import unpacked_bytes
from kdumpkit.vmcore.view import ByteView
from tests.vmcore.dumps import BytesView

SIZES = (0, 1, 200, 255, 256, 257, 65_791, 65_792, 300_000)


class Sparse(ByteView):
    """A file of any length of which only the end is written."""

    def __init__(self, size_bytes: int, end: bytes) -> None:
        self.size_bytes = size_bytes
        self._end = end

    def read_at(self, offset: int, size: int) -> bytes:
        start = self.size_bytes - len(self._end)
        return self._end[offset - start : offset - start + size]


@pytest.mark.parametrize("size", SIZES)
def test_gzip_and_xz(size: int) -> None:
    content = os.urandom(size)
    assert unpacked_bytes(BytesView(gzip.compress(content)), Wrapper.GZIP) == size
    assert unpacked_bytes(BytesView(lzma.compress(content)), Wrapper.XZ) == size


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("program", ["zstd", "lz4"])
def test_by_program(tmp_path: Path, program: str, size: int) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    (tmp_path / "vmcore").write_bytes(os.urandom(size))
    options = ["--content-size"] if program == "lz4" else []
    with (tmp_path / "packed").open("wb") as out:
        subprocess.run([program, "-q", "-c", *options, tmp_path / "vmcore"], stdout=out, check=True)
    packed = (tmp_path / "packed").read_bytes()
    told = unpacked_bytes(BytesView(packed), Wrapper(program))
    # lz4 leaves it out for an empty file
    assert told == size or (program == "lz4" and not size and told is None)


@pytest.mark.parametrize("program", ["zstd", "lz4"])
def test_from_a_pipe_there_is_no_size(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    packed = subprocess.run([program, "-c"], input=os.urandom(300_000), capture_output=True, check=True).stdout
    assert unpacked_bytes(BytesView(packed), Wrapper(program)) is None


def test_bzip2_does_not_tell() -> None:
    assert unpacked_bytes(BytesView(bz2.compress(b"x" * 1000)), Wrapper.BZIP2) is None


@pytest.mark.parametrize(("real", "packed"), [(5 << 30, 5 << 30), (4 << 30, (4 << 30) + 1000), (9 << 30, 6 << 30)])
def test_gzip_tells_the_length_modulo_4_gib(real: int, packed: int) -> None:
    told = unpacked_bytes(Sparse(packed, struct.pack("<I", real & 0xFFFFFFFF)), Wrapper.GZIP)
    assert told is not None
    assert told <= real
    assert told % (1 << 32) == real % (1 << 32)
    assert told >= packed - packed // 100 - 8192


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(WRAPPER_MAGIC.items())), st.binary(max_size=60), st.booleans())
def test_any_bytes(packer: tuple[bytes, Wrapper], rest: bytes, footer: bool) -> None:
    magic, wrapper = packer
    content = magic + rest + (b"\0\0\1YZ" if footer else b"")
    told = unpacked_bytes(BytesView(content), wrapper)
    assert told is None or 0 <= told <= len(content) * 100_000 + (1 << 20)
