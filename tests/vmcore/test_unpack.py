from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kdumpkit.errors import DiskFull, NotAVmcore, VmcoreError
from kdumpkit.vmcore import unpack as unpack_module
from kdumpkit.vmcore.completeness import DumpState, completeness_of_unpacked, read_completeness
from kdumpkit.vmcore.dmesg import dump_log_command
from kdumpkit.vmcore.format import Wrapper
from kdumpkit.vmcore.plain import openable_dump, unpacked_dump
from kdumpkit.vmcore.report import describe
from kdumpkit.vmcore.unpack import first_bytes, put_together, unpack
from tests.vmcore import dumps

LOG = [(1_000_000_000, b"boot"), (2_000_000_000, b"Kernel panic - not syncing: sysrq triggered crash")]
INFO = (dumps.VMCOREINFO_HEAD + dumps.RINGBUFFER_LAYOUT).encode()
PLAIN = dumps.kdump(dumps.pages(dumps.ringbuffer(LOG)), INFO)
#: as kexec-tools writes over ssh, which is what ``vmcore.flat`` holds
FLAT = dumps.flattened(PLAIN)


def _by_program(program: str) -> Callable[[bytes], bytes]:
    def pack(content: bytes) -> bytes:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
        return subprocess.run([program, "-c"], input=content, capture_output=True, check=True).stdout

    return pack


PACKERS = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "lz4": _by_program("lz4"),
    "zstd": _by_program("zstd"),
}


@pytest.mark.parametrize("content", [PLAIN, FLAT], ids=["kdump", "flattened"])
@pytest.mark.parametrize("packer", list(PACKERS))
def test_packed_dump_is_unpacked_by_content(tmp_path: Path, packer: str, content: bytes) -> None:
    # a name says nothing
    path = tmp_path / "vmcore.flat"
    path.write_bytes(PACKERS[packer](content))
    with unpacked_dump(path) as (plain, unpacked):
        assert plain.read_bytes() == content
        assert unpacked is not None
        assert (unpacked.packer, unpacked.whole, unpacked.size_bytes) == (packer, True, len(content))
        assert plain.name == path.name
        assert stat.S_IMODE(plain.stat().st_mode) == 0o600
        assert read_completeness(plain).state is DumpState.WHOLE
    assert not plain.exists()
    assert not plain.parent.exists()


@pytest.mark.parametrize("packer", list(PACKERS))
def test_cut_off_packed_dump_gives_what_it_has(tmp_path: Path, packer: str) -> None:
    # what does not pack, as the pages of a dump: the packed file is about as long as the dump. Two thirds of it must
    # hold a whole block: those of lz4 have 4 MiB, those of the others less than 1
    content = PLAIN[:20_480] + os.urandom((9 if packer == "lz4" else 2) << 20)
    packed = PACKERS[packer](content)
    path = tmp_path / "dump.202611230534"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    with unpacked_dump(path) as (plain, unpacked):
        assert unpacked is not None
        assert not unpacked.whole
        assert "is cut off or damaged" in unpacked.reason
        assert "\n" not in unpacked.reason
        given = plain.read_bytes()
        assert 0 < len(given) < len(content)
        assert content.startswith(given)


@pytest.mark.parametrize("step", [7, 3000, 1 << 20])
def test_flattened_dump_is_put_together(tmp_path: Path, step: int) -> None:
    path, out = tmp_path / "vmcore.flat", tmp_path / "vmcore"
    path.write_bytes(dumps.flattened(PLAIN, step))
    put_together(path, out)
    assert out.read_bytes() == PLAIN
    with pytest.raises(FileExistsError):
        put_together(path, out)


def far_segment(start: int) -> bytes:
    """A flattened dump that is cut off, with one segment that belongs far beyond the others."""
    return FLAT[:-16] + struct.pack(">qq", start, 4) + b"far."


def test_what_no_segment_wrote_takes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = tmp_path / "vmcore.flat", tmp_path / "vmcore"
    path.write_bytes(far_segment(1 << 33))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, 0, 1 << 30))
    put_together(path, out)
    assert out.stat().st_size == (1 << 33) + 4
    assert out.stat().st_blocks * 512 < 1 << 20


def test_a_segment_beyond_the_end_of_files_is_an_error_in_words(tmp_path: Path) -> None:
    path = tmp_path / "vmcore.flat"
    path.write_bytes(far_segment(1 << 61))
    with pytest.raises(VmcoreError, match=r"vmcore\.flat cannot be put together: "):
        put_together(path, tmp_path / "vmcore")


@pytest.mark.parametrize("packer", list(PACKERS))
def test_what_is_packed_and_no_dump_is_told_by_its_beginning(
    tmp_path: Path, packer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "backup"
    path.write_bytes(PACKERS[packer](b"hello\n" * 1_000_000))
    assert first_bytes(path, Wrapper(packer), 32) == b"hello\nhello\nhello\nhello\nhello\nhe"
    monkeypatch.setattr("kdumpkit.vmcore.unpack.unpack", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(NotAVmcore, match="backup is not a dump"), unpacked_dump(path):
        pass


def test_what_came_out_of_a_damaged_packed_file_is_not_taken_for_whole(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(PLAIN))
    # the checksum before the length; all bytes come out nevertheless
    content[-8] ^= 1
    path = tmp_path / "dump.gz"
    path.write_bytes(content)
    with unpacked_dump(path) as (plain, unpacked):
        assert plain.read_bytes() == PLAIN
        assert read_completeness(plain).whole
        found = completeness_of_unpacked(plain, unpacked)
    assert found.state is DumpState.TRUNCATED
    assert found.reason.startswith("dump.gz is cut off or damaged: gzip gave")
    assert describe(path)["state"] == "truncated"


def test_only_a_flattened_dump_that_is_cut_off_is_put_together(tmp_path: Path) -> None:
    path = tmp_path / "vmcore"
    for content, copied in ((PLAIN, False), (FLAT, False), (FLAT[:-16], True), (PLAIN[:-100], False)):
        path.write_bytes(content)
        with openable_dump(path, read_completeness(path)) as openable:
            assert (openable != path) is copied
            assert read_completeness(openable).header.kdump is not None
        assert openable.exists() is not copied


def test_plain_dump_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(PLAIN)
    with unpacked_dump(path) as (plain, unpacked):
        assert (plain, unpacked) == (path, None)
    assert path.exists()


@pytest.mark.parametrize("magic", [b"\x28\xb5\x2f\xfd", b"\x1f\x8b", b"\xfd7zXZ\0", b"\x04\x22\x4d\x18", b"BZh9"])
def test_what_only_starts_as_if_packed(tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(magic + b"\xff" * 100)
    with pytest.raises(NotAVmcore, match="nothing can be unpacked") as caught:
        unpack(path, tmp_path / "out")
    assert "\n" not in caught.value.message
    assert not (tmp_path / "out").exists()


def test_what_is_not_packed(tmp_path: Path) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(PLAIN)
    with pytest.raises(NotAVmcore, match="is not packed"):
        unpack(path, tmp_path / "out")


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    path, out = tmp_path / "vmcore.gz", tmp_path / "vmcore"
    path.write_bytes(gzip.compress(PLAIN))
    out.write_bytes(b"mine")
    with pytest.raises(VmcoreError, match="File exists"):
        unpack(path, out)
    assert out.read_bytes() == b"mine"


def test_no_room_is_refused_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vmcore.gz"
    path.write_bytes(gzip.compress(PLAIN))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(1 << 40, 1 << 40, 100 << 20))
    with pytest.raises(DiskFull, match="100 MiB are free"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("packer", ["gzip", "xz", "zstd"])
def test_a_dump_that_fits_only_packed_is_refused_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packer: str
) -> None:
    path, content = tmp_path / "vmcore", bytes(64 << 20)
    path.write_bytes(content)
    if packer == "zstd":
        subprocess.run(["zstd", "-q", path, "-o", tmp_path / "packed"], check=True)
    else:
        (tmp_path / "packed").write_bytes(PACKERS[packer](content))
    free = 256 << 20
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, 0, free + (63 << 20)))
    begun: list[Path] = []
    monkeypatch.setattr(unpack_module, "_copy", lambda path, *_: begun.append(path))
    with pytest.raises(DiskFull, match="64 MiB more are to be written, 319 MiB are free") as caught:
        unpack(tmp_path / "packed", tmp_path / "out")
    assert "TMPDIR" in caught.value.hint
    assert begun == []
    assert not (tmp_path / "out").exists()


def test_a_disk_that_fills_up_meanwhile_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a few bytes of zeros that become 64 MiB, and bzip2 does not tell
    path = tmp_path / "vmcore.bz2"
    path.write_bytes(bz2.compress(bytes(64 << 20)))
    room = [300 << 20]

    def usage(folder: Path) -> shutil._ntuple_diskusage:
        room[0] -= 8 << 20
        return shutil._ntuple_diskusage(1 << 40, 0, room[0])

    monkeypatch.setattr(shutil, "disk_usage", usage)
    with pytest.raises(DiskFull, match="left alone"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vmcore"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(VmcoreError, match="zstd is not installed here") as caught:
        unpack(path, tmp_path / "out")
    assert "zstd" in caught.value.hint
    assert unpack_module._PACKAGES["lz4"] == "lz4"


def test_live_kernel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAVmcore, match="own running kernel"):
        unpack(Path("/proc/self/mem"), tmp_path / "out")


def test_log_of_a_packed_dump(tmp_path: Path) -> None:
    path = tmp_path / "dump.202611230534.gz"
    path.write_bytes(gzip.compress(FLAT))
    done = subprocess.run(dump_log_command(path, sys.executable).argv, capture_output=True, check=False, timeout=60)
    assert done.stdout.endswith(b"Kernel panic - not syncing: sysrq triggered crash\n")
    assert done.returncode == 0
