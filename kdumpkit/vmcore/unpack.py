"""A dump that was packed as a whole (``dump.<stamp>.gz``, ``.lz4``, ``.xz``, ``.zst``, ``.bz2``), unpacked to a file.

What is packed shows by content, as everywhere. gzip, xz and bzip2 are unpacked here, lz4 and zstd by the programs of
that name. Bytes go from file to file in pieces, so memory stays flat; room is looked at before each of them, and a disk
is never filled to the brim. A packed file that is cut off gives what it has: headers and log of such a dump can often
still be read.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from kdumpkit.disk_room import LOOK_EVERY_BYTES, require_room
from kdumpkit.errors import NotAVmcore, VmcoreError
from kdumpkit.vmcore.flattened import FlattenedView
from kdumpkit.vmcore.format import Wrapper, wrapper_of
from kdumpkit.vmcore.unpacked_size import unpacked_bytes
from kdumpkit.vmcore.view import FileView

_CHUNK_BYTES = 1 << 20
#: Debian packages, by program
_PACKAGES = {"zstd": "zstd", "lz4": "lz4"}


@dataclass(frozen=True)
class Unpacked:
    """What came out of a packed dump."""

    #: name of the packed file, without its folder
    name: str
    packer: str
    packed_bytes: int
    size_bytes: int
    #: false: the packed file ends, or is damaged, before its own end mark
    whole: bool
    #: one sentence
    reason: str


def unpack(path: Path, out: Path) -> Unpacked:
    """Unpacks one layer of packing into the new file ``out``.

    Raises NotAVmcore where ``path`` is not packed or not one byte comes out of it, DiskFull before the disk would be
    full, and VmcoreError where the program that unpacks it is not installed; ``out`` is then removed.
    """
    with FileView(path) as view:
        packer, packed_bytes = wrapper_of(view.read_at(0, 32)), view.size_bytes
        told = None if packer is None else unpacked_bytes(view, packer)
    if packer is None:
        raise NotAVmcore(f"{path.name} is not packed by gzip, lz4, xz, zstd or bzip2", "give the dump as it is")
    # a dump that makedumpfile compressed does not get smaller by packing it again; one that it did not, much
    require_room(out.parent, max(packed_bytes, told or 0), f"{path.name} cannot be unpacked")
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise VmcoreError(
            f"{path.name} cannot be unpacked: {out.name} cannot be written: {error.strerror}",
            "give a file that is not there yet, in a folder of yours",
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as target:
            size, problem = _copy(path, packer, target, out.parent)
        if not size:
            raise NotAVmcore(
                f"{path.name} starts as if packed by {packer}, and nothing can be unpacked: {problem or 'it is empty'}",
                "compare its size and checksum with the file on the host that crashed",
            )
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    reason = f"{path.name} was unpacked by {packer}: {size} bytes"
    if problem:
        reason = f"{path.name} is cut off or damaged: {packer} gave {size} bytes and then {problem}"
    return Unpacked(path.name, str(packer), packed_bytes, size, not problem, reason)


def put_together(path: Path, out: Path) -> None:
    """Puts a flattened dump together in the new file ``out``.

    Raises DiskFull before the disk would be full, and VmcoreError where it cannot be written.
    """
    failed = f"{path.name} cannot be put together"
    with FileView(path) as view, FlattenedView(view) as dump:
        # what no segment wrote is a hole, and takes no room
        require_room(out.parent, min(dump.size_bytes, view.size_bytes), failed)
        with out.open("xb") as target:
            try:
                dump.put_together(target)
            except OSError as error:
                # a segment that is damaged may belong farther out than files reach
                raise VmcoreError(f"{failed}: {error.strerror}", "fetch it again, and compare its checksum") from error


def first_bytes(path: Path, packer: Wrapper, size: int) -> bytes:
    """The first bytes of what is packed, or fewer where no more come out; nothing else of it is unpacked.

    Raises VmcoreError where the program that unpacks it is not installed.
    """
    start = b""
    with suppress(_Enough, *_DAMAGE, _PackerFailed), _opened(path, packer) as source:
        start = source.read(size)
        # what goes on to unpack is ended
        raise _Enough
    return start


def _copy(path: Path, packer: Wrapper, target: IO[bytes], folder: Path) -> tuple[int, str]:
    # bytes that came out, and why it stopped before the end; "" where it did not
    size = looked_at = 0
    try:
        with _opened(path, packer) as source:
            # read1 gives what is there before it says that the rest is missing
            while chunk := source.read1(_CHUNK_BYTES):
                if size >= looked_at:
                    require_room(folder, LOOK_EVERY_BYTES, f"{path.name} cannot be unpacked")
                    looked_at = size + LOOK_EVERY_BYTES
                target.write(chunk)
                size += len(chunk)
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno:
            raise VmcoreError(f"{path.name} cannot be unpacked: {error.strerror}", "df -h; dmesg") from error
        return size, f"stopped: {error}".rstrip(".")
    except _PackerFailed as error:
        return size, f"stopped: {error}"
    return size, ""


class _PackerFailed(Exception):
    pass


class _Enough(Exception):
    pass


#: what Python's libraries raise for packed bytes that are cut off or damaged
_DAMAGE = (EOFError, OSError, lzma.LZMAError, zlib.error)


@contextmanager
def _opened(path: Path, packer: Wrapper) -> Iterator[Any]:
    if packer is Wrapper.GZIP:
        with gzip.open(path) as source:
            yield source
    elif packer is Wrapper.XZ:
        with lzma.open(path) as source:
            yield source
    elif packer is Wrapper.BZIP2:
        with bz2.open(path) as source:
            yield source
    else:
        with _program(path, str(packer)) as source:
            yield source


@contextmanager
def _program(path: Path, program: str) -> Iterator[Any]:
    if shutil.which(program) is None:
        raise VmcoreError(
            f"{path.name} is packed by {program}, and {program} is not installed here",
            f"install it: {_PACKAGES[program]}",
        )
    with (
        path.open("rb") as packed,
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            [program, "-dc"], stdin=packed, stdout=subprocess.PIPE, stderr=said, env={**os.environ, "LC_ALL": "C"}
        ) as process,
    ):
        if process.stdout is None:
            raise VmcoreError(f"{program} could not be started")
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
        if process.wait():
            said.seek(0)
            lines = said.read(10_000).decode("utf-8", "replace").replace("\r", "\n").split("\n")
            words = next((line.strip() for line in reversed(lines) if line.strip()), "")
            raise _PackerFailed(words[:300] or f"exit status {process.returncode}")
