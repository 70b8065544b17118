"""A dump as a file that is not packed, whichever way it lies on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kdumpkit.vmcore.completeness import Completeness
from kdumpkit.vmcore.format import VmcoreHeader, VmcoreKind, kind_of, require_vmcore, wrapper_of
from kdumpkit.vmcore.view import FileView

if TYPE_CHECKING:
    from kdumpkit.vmcore.unpack import Unpacked


@contextmanager
def unpacked_dump(path: Path) -> Iterator[tuple[Path, Unpacked | None]]:
    """The dump as a file that is not packed, and what came of unpacking it; None where it was not packed.

    The unpacked file lies in a folder that only this user can read, below ``$TMPDIR``, and is removed at the end of
    the ``with``. Raises what :func:`kdumpkit.vmcore.unpack.unpack` raises, and NotAVmcore where there is no file to be
    read, or where what is packed does not begin like a dump.
    """
    with FileView(path) as view:
        packer, size_bytes = wrapper_of(view.read_at(0, 32)), view.size_bytes
    if packer is None:
        yield path, None
        return
    # most dumps are not packed, and the libraries take a tenth of the time in which one is read
    import tempfile

    from kdumpkit.vmcore.unpack import first_bytes, unpack

    # before gigabytes of something else are unpacked to find out
    kind = kind_of(first_bytes(path, packer, 32))
    if kind is VmcoreKind.UNKNOWN:
        require_vmcore(VmcoreHeader(kind, size_bytes), path.name)
    with tempfile.TemporaryDirectory(prefix="kdumpkit-dump-") as folder:
        # the same name, so that what is said of it is said of the file that was given
        out = Path(folder) / path.name
        yield out, unpack(path, out)


@contextmanager
def openable_dump(path: Path, found: Completeness) -> Iterator[Path]:
    """A file that drgn opens where this one is a flattened dump that is cut off: libkdumpfile refuses it as a whole.

    Put together it is a dump of which pages are missing, and mostly the log and much else can still be read. The file
    is removed at the end of the ``with``. Every other dump is given back as it is. Raises DiskFull.
    """
    end = found.header.flattened_end
    if end is None or end.marked or not found.pages_there:
        yield path
        return
    import tempfile

    from kdumpkit.vmcore.unpack import put_together

    with tempfile.TemporaryDirectory(prefix="kdumpkit-dump-") as folder:
        out = Path(folder) / path.name
        put_together(path, out)
        yield out
