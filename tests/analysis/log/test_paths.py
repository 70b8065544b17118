"""Logs that come through a pipe."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path

import pytest

from kdumpkit.analysis.log.paths import seekable
from kdumpkit.errors import DiskFull


def feed(fifo: Path, size_bytes: int) -> threading.Thread:
    def write() -> None:
        with contextlib.suppress(BrokenPipeError), open(fifo, "wb") as pipe:
            pipe.write(b"x" * size_bytes)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def test_a_pipe_is_copied_to_a_file_that_is_gone_afterwards(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    writer = feed(tmp_path / "log", 5 << 20)
    with seekable(tmp_path / "log") as copy:
        assert copy.stat().st_size == 5 << 20
    writer.join(5)
    assert not copy.exists()


def test_a_pipe_without_end_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([300 << 20, 280 << 20, 100 << 20])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, 0, next(free)))
    os.mkfifo(tmp_path / "log")
    feed(tmp_path / "log", 64 << 20)
    with pytest.raises(DiskFull, match="cannot be read from a copy: 4 MiB more"), seekable(tmp_path / "log"):
        pass
    assert next(free, "none left") == "none left"
