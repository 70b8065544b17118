"""A log as a file that can be read twice: piped ones are kept, and those that logrotate packed are unpacked."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kdumpkit.analysis.log.paths import seekable
from kdumpkit.errors import NotAVmcore, UsageError


@contextmanager
def readable_log(path: Path | str) -> Iterator[Path]:
    """The file itself, or a copy that ends here: of what comes from a pipe, or of what is packed as a whole.

    What is packed shows by content, as with dumps. Raises UsageError where the log cannot be read or unpacked, or is a
    device, which may have no end, and what :func:`kdumpkit.vmcore.unpack.unpack` raises for a program that is not there
    or a disk that is full.
    """
    _refuse_device(path)
    with seekable(path) as file, _unpacked(file) as plain:
        yield plain


def _refuse_device(path: Path | str) -> None:
    # a terminal is somebody who types or pastes, and /dev/null is empty
    device = Path(path)
    if str(path) in ("-", os.devnull) or not (device.is_char_device() or device.is_block_device()):
        return
    if not _is_terminal(device):
        raise UsageError(f"The log {path} cannot be read: it is a device.", f"ls -l {shlex.quote(str(path))}")


def _is_terminal(device: Path) -> bool:
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    # most logs are not packed, and what unpacks them takes longer to import than to read them
    from kdumpkit.vmcore.format import wrapper_of

    try:
        with open(path, "rb") as file:
            packed = wrapper_of(file.read(32)) is not None
    except OSError:
        # whoever reads it says so
        packed = False
    if not packed:
        yield path
        return
    from kdumpkit.vmcore.unpack import unpack

    with tempfile.TemporaryDirectory(prefix="kdumpkit-log-") as folder:
        out = Path(folder) / path.name
        try:
            unpack(path, out)
        except NotAVmcore as error:
            raise UsageError(
                f"The log {path} cannot be unpacked: {error.message}.", f"file {shlex.quote(str(path))}"
            ) from error
        yield out
