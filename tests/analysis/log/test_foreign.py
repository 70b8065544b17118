"""Files that are given as a log and are none."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from kdumpkit.analysis.log.foreign import describe_foreign

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
