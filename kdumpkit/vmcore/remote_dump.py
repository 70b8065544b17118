"""A dump on a host, opened where it lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kdumpkit.errors import NotAVmcore, VmcoreError
from kdumpkit.hosts.ranges import RemoteRanges, TalkingHost
from kdumpkit.vmcore.flattened import HEADER_BYTES
from kdumpkit.vmcore.ranged import RangedView


@contextmanager
def open_remote_dump(connect: Callable[[], TalkingHost], path: str) -> Iterator[RangedView]:
    """The file's bytes, read as they are asked for, over connections that end with the ``with``.

    A fork of the process may read on; it ends its own connection by ``view.close()``. Raises CommandFailed where the
    file cannot be read there, and HostError and its kinds where the host does not answer.
    """
    if path.startswith(("/proc/", "/sys/", "/dev/")):
        raise NotAVmcore(f"{path} is not a saved dump but the host's own running kernel", "give a dump's path")
    ranges = RemoteRanges(connect, path)

    def headers() -> Iterator[bytes]:
        found = ranges.segment_headers(HEADER_BYTES)
        if found is None:
            raise VmcoreError(
                f"{path} is a flattened dump, and the host has neither perl nor Python to find its parts by",
                "install perl there, or copy the dump here: dump_reading: copy",
            )
        return found

    view = RangedView(ranges.read, ranges.size_bytes, segment_headers=headers, ended=ranges.close)
    try:
        yield view
    finally:
        view.close()
