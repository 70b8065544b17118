"""Files that are given as a log and are none, and logs that are packed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from pathlib import Path

import pytest

from kdumpkit.analysis.log import read_crash_file
from kdumpkit.analysis.log.foreign import describe_foreign
from kdumpkit.analysis.log.paths import seekable
from kdumpkit.errors import UsageError

PANIC = b"[   12.345678] Kernel panic - not syncing: widget\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"KDUMP   " + bytes(99), "is a dump and not a log"),
        (b"makedumpfile\0" + bytes(99), "is a dump and not a log"),
        (b"\x7fELF" + bytes(99), "is an ELF file"),
        (bytes(4096), "holds no text"),
        (random.Random(1).randbytes(4096), "holds no text"),
        # a console that lost some bytes, has colours, and a name in another encoding
        (PANIC * 9 + b"\0\0\0\x1b[0m caf\xe9\n", ""),
        ("Umlaute: äöüß\n".encode() * 9, ""),
    ],
)
def test_what_a_file_is_that_is_no_log(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_bytes(content)
    said = describe_foreign(path)
    assert words in said
    assert bool(words) == bool(said)


def test_a_file_that_cannot_be_read_is_not_described(tmp_path: Path) -> None:
    assert describe_foreign(tmp_path / "nothere") == ""


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_log_that_logrotate_packed(pack: object, tmp_path: Path) -> None:
    path = tmp_path / "messages-20240101.packed"
    path.write_bytes(pack(PANIC))  # type: ignore[operator]
    with seekable(path) as plain:
        found = read_crash_file(plain)
        assert plain != path
    assert not plain.exists()
    assert found.fatal is not None
    assert found.fatal.panic_reason == "widget"


def test_a_packed_log_that_is_damaged_is_wrong_use(tmp_path: Path) -> None:
    path = tmp_path / "messages.gz"
    path.write_bytes(b"\x1f\x8bgarbage")
    with pytest.raises(UsageError) as caught, seekable(path):
        pass
    assert "cannot be unpacked" in caught.value.message


def test_a_plain_log_is_read_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_bytes(PANIC)
    with seekable(path) as plain:
        assert plain == path
