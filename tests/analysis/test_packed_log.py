"""Logs that logrotate packed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kdumpkit.analysis.log import read_crash_file
from kdumpkit.analysis.packed_log import readable_log
from kdumpkit.errors import UsageError

PANIC = b"[   12.345678] Kernel panic - not syncing: widget\n"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_log_that_logrotate_packed(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "messages-20240101.packed"
    path.write_bytes(pack(PANIC))
    with readable_log(path) as plain:
        found = read_crash_file(plain)
        assert plain != path
    assert not plain.exists()
    assert found.fatal is not None
    assert found.fatal.panic_reason == "widget"


def test_a_packed_log_that_is_damaged_is_wrong_use(tmp_path: Path) -> None:
    path = tmp_path / "messages.gz"
    path.write_bytes(b"\x1f\x8bgarbage")
    with pytest.raises(UsageError) as caught, readable_log(path):
        pass
    assert "cannot be unpacked" in caught.value.message


def test_a_plain_log_is_read_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_bytes(PANIC)
    with readable_log(path) as plain:
        assert plain == path


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_without_an_end_is_refused(device: str) -> None:
    with pytest.raises(UsageError, match="it is a device"), readable_log(device):
        pass


def test_what_comes_from_a_terminal_or_from_nowhere_is_read(tmp_path: Path) -> None:
    with readable_log("/dev/null") as empty:
        assert empty.read_bytes() == b""
    ours, theirs = os.openpty()
    try:
        # the end twice: the first time what there is so far is taken
        os.write(ours, b"no crash\n\x04\x04")
        with readable_log(os.ttyname(theirs)) as typed:
            assert typed.read_bytes() == b"no crash\n"
    finally:
        os.close(ours)
        os.close(theirs)
