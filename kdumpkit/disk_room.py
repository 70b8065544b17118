"""Room on this machine's disks: looked at before bytes are written, and never used up."""

from __future__ import annotations

import shutil
from pathlib import Path

from kdumpkit.errors import DiskFull

#: after so many bytes the room is looked at again
LOOK_EVERY_BYTES = 4 << 20
#: what is left free for everybody else on that disk
_RESERVE_BYTES = 256 << 20


def require_room(folder: Path, size_bytes: int, failed: str) -> None:
    """Raises DiskFull, which begins with ``failed``, where so many bytes more would fill the disk of ``folder``."""
    free = shutil.disk_usage(folder).free
    if free - size_bytes < _RESERVE_BYTES:
        raise DiskFull(
            f"{failed}: {size_bytes >> 20} MiB more are to be written, {free >> 20} MiB are free, and "
            f"{_RESERVE_BYTES >> 20} MiB of them are left alone",
            "name a folder with more room: TMPDIR=/folder",
        )
