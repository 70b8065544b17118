"""Pages of a dump, unpacked: zlib by Python, the others by the libraries that drgn's libkdumpfile brings along.

Source: makedumpfile 1.7.2, diskdump_mod.h (flags of struct page_desc); the C functions are those of lzo/lzo1x.h,
snappy-c.h and zstd.h.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import zlib
from functools import cache
from pathlib import Path

from kdumpkit.errors import VmcoreError
from kdumpkit.vmcore.kdump_header import DumpStatus

_SNAPPY_OK = 0
_LZO_OK = 0


def unpack_page(packed: bytes, flags: int, page_bytes: int) -> bytes:
    """The page, ``page_bytes`` long. Raises VmcoreError where the bytes are damaged or their packer is not here."""
    try:
        if flags & DumpStatus.ZLIB:
            page = zlib.decompressobj().decompress(packed, page_bytes)
        elif flags & DumpStatus.LZO:
            page = _by_lzo(packed, page_bytes)
        elif flags & DumpStatus.SNAPPY:
            page = _by_snappy(packed, page_bytes)
        elif flags & DumpStatus.ZSTD:
            page = _by_zstd(packed, page_bytes)
        else:
            page = packed
    except zlib.error as error:
        raise VmcoreError(f"a page of the dump is damaged: {error}") from error
    if len(page) != page_bytes:
        raise VmcoreError(f"a page of the dump is damaged: {len(page)} of its {page_bytes} bytes came out")
    return page


def _by_lzo(packed: bytes, page_bytes: int) -> bytes:
    out, size = ctypes.create_string_buffer(page_bytes), ctypes.c_size_t(page_bytes)
    unpack = _library("lzo2").lzo1x_decompress_safe
    status = unpack(packed, ctypes.c_size_t(len(packed)), out, ctypes.byref(size), None)
    return out.raw[: size.value] if status == _LZO_OK else b""


def _by_snappy(packed: bytes, page_bytes: int) -> bytes:
    out, size = ctypes.create_string_buffer(page_bytes), ctypes.c_size_t(page_bytes)
    status = _library("snappy").snappy_uncompress(packed, ctypes.c_size_t(len(packed)), out, ctypes.byref(size))
    return out.raw[: size.value] if status == _SNAPPY_OK else b""


def _by_zstd(packed: bytes, page_bytes: int) -> bytes:
    library, out = _library("zstd"), ctypes.create_string_buffer(page_bytes)
    library.ZSTD_decompress.restype = ctypes.c_size_t
    size = library.ZSTD_decompress(out, ctypes.c_size_t(page_bytes), packed, ctypes.c_size_t(len(packed)))
    # an error is a size beyond all sizes
    return out.raw[:size] if size <= page_bytes else b""


@cache
def _library(name: str) -> ctypes.CDLL:
    found = [*_beside_drgn(name), *filter(None, [ctypes.util.find_library(name)])]
    for path in found:
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    raise VmcoreError(
        f"the pages of this dump are packed by {name}, and its library is not on this machine",
        f"install lib{name}, or copy the dump here: dump_reading: copy",
    )


def _beside_drgn(name: str) -> list[str]:
    # a wheel keeps the libraries that it brings in a folder beside the package
    spec = importlib.util.find_spec("drgn")
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent.parent / "drgn.libs"
    return [str(path) for path in sorted(folder.glob(f"lib{name}[-.]*so*"))]
