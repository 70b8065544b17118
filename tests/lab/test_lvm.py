"""LVM metadata as bytes: against the format's own rules, and read by LVM itself where it is installed."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from kdumpkit.lab import lvm
from kdumpkit.lab.process import search_path

GROUP = lvm.VolumeGroup("lab-vg", "root", 256 << 20, "/dev/vda2", "lab", 1_700_000_000)
IDS = ("AAAAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGGGG", "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg", lvm.new_id())


def slow_crc(data: bytes) -> int:
    # Source: calc_crc of LVM2's lib/misc/crc.c, bit by bit
    crc = 0xF597A6CF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xEDB88320 if crc & 1 else 0)
    return crc


@pytest.mark.parametrize("data", [b"", b"\0", b"LABELONE", bytes(range(256)) * 3])
def test_checksum_is_the_one_of_the_format(data: bytes) -> None:
    assert lvm.lvm_crc(data) == slow_crc(data)


def test_identifiers_have_their_form_and_differ() -> None:
    assert re.fullmatch(r"\w{6}(-\w{4}){5}-\w{6}", lvm.new_id())
    assert lvm.new_id() != lvm.new_id()


def test_label_points_to_the_metadata_and_both_are_checked() -> None:
    header = lvm.volume_header(GROUP, *IDS)
    assert len(header) == lvm.DATA_OFFSET_BYTES
    label = header[512:1024]
    magic, sector, crc, offset, kind = struct.unpack_from("<8sQII8s", label)
    assert (magic, sector, offset, kind) == (b"LABELONE", 1, 32, b"LVM2 001")
    assert crc == slow_crc(label[20:])
    assert label[32:64] == IDS[0].replace("-", "").encode()
    size, data_at, data_size, zero, _, at, length = struct.unpack_from("<7Q", label, 64)
    assert (size, data_at, data_size, zero) == (256 << 20, 1 << 20, 0, 0)
    area = header[at : at + 512]
    assert struct.unpack_from("<I", area)[0] == slow_crc(area[4:])
    assert area[4:20] == b" LVM2 x[5A%r0N*>"
    assert struct.unpack_from("<IQQ", area, 20) == (1, at, length)
    text_at, text_size, text_crc = struct.unpack_from("<QQI", area, 40)
    text = header[at + text_at : at + text_at + text_size]
    assert text.startswith(b"lab-vg {\n")
    assert text.endswith(b"\0")
    assert text_crc == slow_crc(text)


def test_the_volume_fits_into_the_partition_in_whole_extents() -> None:
    assert GROUP.extents == 63
    assert GROUP.logical_bytes + lvm.DATA_OFFSET_BYTES <= GROUP.device_bytes
    text = lvm.volume_header(GROUP, *IDS)[4096 + 512 :].split(b"\0", 1)[0].decode()
    assert "pe_count = 63\n" in text
    assert f"dev_size = {GROUP.device_bytes // 512}\n" in text
    assert text.count("extent_count = 63\n") == 1


@pytest.mark.skipif(shutil.which("pvck", path=search_path()) is None, reason="not on this machine: pvck of lvm2")
def test_lvm_itself_finds_nothing_wrong(tmp_path: Path) -> None:
    disk = tmp_path / "pv"
    with disk.open("wb") as file:
        file.write(lvm.volume_header(GROUP, *IDS))
        file.truncate(GROUP.device_bytes)
    pvck = ["pvck", "--dump"]
    headers = subprocess.run(
        [*pvck, "headers", disk], capture_output=True, text=True, env={"PATH": search_path()}, check=False
    )
    assert headers.returncode == 0, headers.stdout + headers.stderr
    assert "label_header at 512" in headers.stdout
    assert "pv_header.pv_uuid AAAAAA" in headers.stdout
    assert "mda_header_1.raw_locn[0].size" in headers.stdout
    # the words that pvck begins its complaints with
    assert not re.search(r"CHECK:|WARNING:", headers.stdout + headers.stderr)
    text = subprocess.run(
        [*pvck, "metadata", disk], capture_output=True, text=True, env={"PATH": search_path()}, check=False
    )
    assert text.returncode == 0, text.stderr
    assert "lab-vg {" in text.stdout
    assert IDS[1] in text.stdout
