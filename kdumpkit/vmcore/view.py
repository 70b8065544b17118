"""Random-access reading of bytes that may be larger than memory."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from kdumpkit.errors import NotAVmcore

_KERNEL_FILE_SYSTEMS = ("proc", "sysfs", "devtmpfs", "debugfs", "tracefs")


class ByteView(ABC):
    """Bytes that are read by offset. ``size_bytes`` is what can be read, not what ought to be there."""

    size_bytes: int
    #: where these are a flattened file and the dump inside it was opened: that dump
    inside: ByteView | None = None

    @abstractmethod
    def read_at(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``, or fewer where the view ends before; b"" outside of it."""

    def read_many(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """As :meth:`read_at` for each (offset, size): in one question where each question costs time."""
        return [self.read_at(offset, size) for offset, size in ranges]

    def segment_headers(self) -> Iterator[bytes] | None:
        """Of a flattened file the 16 bytes before each segment, in its order; None: read them by :meth:`read_at`."""
        return None

    def close(self) -> None:  # noqa: B027 - bytes in hand need none
        """Let go of the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FileView(ByteView):
    """A file on this machine. Only what is asked for is read.

    Raises NotAVmcore where there is no regular file to be read, and for anything under /proc, /sys and /dev:
    /proc/kcore and /dev/mem look like dumps and are the memory of the machine that runs kdumpkit.
    """

    def __init__(self, path: Path) -> None:
        refuse_live_kernel(path)
        try:
            # O_NONBLOCK: a FIFO put where a dump was expected would hold up the open for ever
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise NotAVmcore(
                f"{path.name} cannot be opened: {error.strerror}", f"look at it: ls -lL {path.name}, in its folder"
            ) from error
        status = os.fstat(self._descriptor)
        if not os.path.isfile(path):
            self.close()
            raise NotAVmcore(f"{path.name or path} is not a regular file", "give the dump file itself, not its folder")
        self.size_bytes = status.st_size

    def read_at(self, offset: int, size: int) -> bytes:
        if offset < 0 or size <= 0 or offset >= self.size_bytes:
            return b""
        size = min(size, self.size_bytes - offset)
        first = os.pread(self._descriptor, size, offset)
        if len(first) == size or not first:
            return first
        # one pread ends at 2 GiB, and before that on some network file systems
        parts, done = [first], len(first)
        while done < size and (part := os.pread(self._descriptor, size - done, offset + done)):
            parts.append(part)
            done += len(part)
        return b"".join(parts)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def refuse_live_kernel(path: Path) -> None:
    """Raises NotAVmcore where the path leads, by whatever links or mounts, into /proc, /sys or /dev."""
    resolved = path.resolve()
    if (len(resolved.parts) > 1 and resolved.parts[1] in ("proc", "sys", "dev")) or _on_kernel_file_system(resolved):
        raise NotAVmcore(
            f"{path.name} leads to {resolved}, which is no saved file: a device, or this machine's own running kernel",
            "give the file that makedumpfile wrote, such as /var/crash/<stamp>/dump.<stamp>",
        )


def _on_kernel_file_system(path: Path) -> bool:
    # in containers the host's /proc is often mounted elsewhere, and its kcore is a regular file that looks like a dump
    try:
        device = path.stat().st_dev
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    name = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts:
        fields, _, after = line.partition(" - ")
        if fields.split(" ")[2:3] == [name] and after.split(" ", 1)[0] in _KERNEL_FILE_SYSTEMS:
            return True
    return False
