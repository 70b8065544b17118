from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kdumpkit.errors import NotAVmcore
from kdumpkit.vmcore.report import describe
from tests.vmcore import dumps

DUMP = dumps.kdump(dumps.pages({}))


def write(folder: Path, content: bytes) -> Path:
    path = folder / "vmcore"
    path.write_bytes(content)
    return path


def test_plain_dump(tmp_path: Path) -> None:
    found = describe(write(tmp_path, DUMP))
    assert (found["state"], found["machine"], found["build_id"]) == ("whole", "x86_64", dumps.BUILD_ID)
    assert found["unpacked"] is None


def test_packed_dump_is_looked_into(tmp_path: Path) -> None:
    found = describe(write(tmp_path, gzip.compress(DUMP)))
    assert (found["state"], found["release"]) == ("whole", dumps.RELEASE)
    assert str(found["unpacked"]).startswith("vmcore was unpacked by gzip")


def test_truncated_is_told_from_incomplete_in_a_packed_dump(tmp_path: Path) -> None:
    assert describe(write(tmp_path, gzip.compress(DUMP[:-100])))["state"] == "truncated"
    # the header's bit that makedumpfile sets when it runs out of room
    incomplete = dumps.kdump(dumps.pages({}), status=9)
    assert describe(write(tmp_path, gzip.compress(incomplete)))["state"] == "incomplete"


def test_no_room_to_unpack_says_nothing_against_the_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, gzip.compress(DUMP))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(1 << 40, 1 << 40, 1 << 20))
    found = describe(path)
    assert found["state"] == "packed"
    assert "1 MiB are free" in str(found["reason"])


def test_what_only_looks_packed(tmp_path: Path) -> None:
    with pytest.raises(NotAVmcore, match="nothing can be unpacked"):
        describe(write(tmp_path, b"\x1f\x8b" + b"\xff" * 50))


@pytest.mark.parametrize(("content", "state"), [(b"", "empty"), (b"x" * 500, "not a dump"), (DUMP[:5000], "truncated")])
def test_one_sentence_for_what_is_no_dump(tmp_path: Path, content: bytes, state: str) -> None:
    found = describe(write(tmp_path, content))
    assert found["state"] == state
    assert "\n" not in str(found["reason"])


def test_as_a_command_an_error_is_json(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "kdumpkit.vmcore.report", str(tmp_path / "absent")]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=60)
    assert done.returncode == 1
    assert json.loads(done.stdout)["type"] == "NotAVmcore"
