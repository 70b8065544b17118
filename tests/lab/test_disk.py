"""The disk in each layout, written by the real tools from a small tree and read back by others."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kdumpkit.errors import LabError
from kdumpkit.lab import disk as disk_module
from kdumpkit.lab.disk import Layout, Volumes, new_volumes, plan_layout, write_disk
from kdumpkit.lab.lvm import DATA_OFFSET_BYTES
from kdumpkit.lab.process import search_path
from kdumpkit.lab.recipe import load_flavour

MIB = 1 << 20
VOLUMES = Volumes("0c2bd6a6-7f31-4a3f-a4a0-2f6f5c1f6a01", "5d0f3a52-7b8e-4e5a-9c53-3c0f1c2d3e4f", "1A2B-3C4D")
DEBIAN = replace(load_flavour("debian"), disk_bytes=40 * MIB)
DEBIAN_UEFI = replace(load_flavour("debian-uefi"), disk_bytes=128 * MIB)
DEBIAN_LVM = replace(load_flavour("debian-lvm"), disk_bytes=384 * MIB)


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if shutil.which(name, path=search_path()) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not on this machine: {', '.join(missing)}")


def said_by(*argv: object, **variables: str) -> str:
    environment = {"PATH": search_path(), **variables}
    return subprocess.run([*map(str, argv)], capture_output=True, text=True, check=True, env=environment).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree/boot/grub").mkdir(parents=True)
    (tmp_path / "tree/hello").write_text("hello from the root\n")
    (tmp_path / "tree/boot/vmlinuz").write_text("a kernel\n")
    return tmp_path / "tree"


@pytest.fixture
def grub(tmp_path: Path) -> Path:
    folder = tmp_path / "grub"
    folder.mkdir()
    (folder / "boot.img").write_bytes(b"\xeb\x63" + b"B" * 508 + b"\x55\xaa")
    (folder / "core.img").write_bytes(b"C" * 1000)
    (folder / "BOOTX64.EFI").write_bytes(b"MZ" + b"E" * 5000)
    return folder


def written(layout: Layout, tree: Path, grub: Path, size: int) -> Path:
    disk = tree.with_name("disk.raw")
    write_disk(layout, VOLUMES, tree, grub, disk, size, tree.with_name("log"))
    assert disk.stat().st_size == size
    return disk


def table(disk: Path) -> list[dict[str, object]]:
    partitions: list[dict[str, object]] = json.loads(said_by("sfdisk", "--json", disk))["partitiontable"]["partitions"]
    return partitions


@needs("sfdisk", "mke2fs", "debugfs")
def test_bios_disk_has_partition_boot_code_and_files(tree: Path, grub: Path) -> None:
    layout = plan_layout(DEBIAN)
    disk = written(layout, tree, grub, DEBIAN.disk_bytes)
    with disk.open("rb") as file:
        first = file.read(512)
        after = file.read(1000)
    # 440 bytes of code, then the partition table that sfdisk wrote
    assert first[:440] == b"\xeb\x63" + b"B" * 438
    assert first[510:] == b"\x55\xaa"
    assert after == b"C" * 1000
    active, kind = first[446], first[450]
    assert (active, kind) == (0x80, 0x83)
    assert int.from_bytes(first[454:458], "little") == disk_module.FIRST_SECTOR
    root = f"{disk}?offset={disk_module.FIRST_SECTOR * 512}"
    assert said_by("debugfs", "-R", "cat /hello", root) == "hello from the root\n"
    assert VOLUMES.root_uuid in said_by("debugfs", "-R", "show_super_stats -h", root)
    assert (layout.root_device, layout.boot.device, layout.has_boot_partition) == ("/dev/vda1", "/dev/vda1", False)


@needs("sfdisk", "mke2fs")
def test_a_core_that_would_run_into_the_partition_is_refused(tree: Path, grub: Path) -> None:
    (grub / "core.img").write_bytes(b"C" * MIB)
    with pytest.raises(LabError, match="only 1048064 fit"):
        written(plan_layout(DEBIAN), tree, grub, DEBIAN.disk_bytes)


@needs("sfdisk", "mke2fs", "debugfs", "mformat", "mtype")
def test_uefi_disk_has_a_program_for_the_firmware_that_finds_the_root(tree: Path, grub: Path) -> None:
    layout = plan_layout(DEBIAN_UEFI)
    disk = written(layout, tree, grub, DEBIAN_UEFI.disk_bytes)
    esp, root = table(disk)
    assert esp["type"] == "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
    assert int(str(root["start"])) == int(str(esp["start"])) + int(str(esp["size"]))
    image = f"{disk}@@{layout.partitions[0].start_bytes}"
    assert said_by("mtype", "-i", image, "::/EFI/BOOT/BOOTX64.EFI").startswith("MZEEE")
    stub = said_by("mtype", "-i", image, "::/EFI/debian/grub.cfg")
    assert f"search.fs_uuid {VOLUMES.root_uuid} root" in stub
    assert "prefix=($root)'/boot/grub'" in stub
    assert "1A2B-3C4D" in said_by("mdir", "-i", image, "::")
    at = layout.partitions[1].start_bytes
    assert said_by("debugfs", "-R", "cat /hello", f"{disk}?offset={at}") == "hello from the root\n"
    # no boot code of a BIOS
    assert disk.read_bytes()[:440] == bytes(440)
    assert (layout.root_device, layout.boot.number, layout.grub_table) == ("/dev/vda2", 2, "gpt")


@needs("sfdisk", "mke2fs", "debugfs")
def test_lvm_disk_has_boot_apart_and_the_root_inside_of_the_volume(tree: Path, grub: Path) -> None:
    layout = plan_layout(DEBIAN_LVM)
    disk = written(layout, tree, grub, DEBIAN_LVM.disk_bytes)
    boot, volume = table(disk)
    assert (boot["type"], boot["bootable"], volume["type"]) == ("83", True, "8e")
    start = int(str(boot["start"])) * 512
    assert said_by("debugfs", "-R", "cat /vmlinuz", f"{disk}?offset={start}") == "a kernel\n"
    start = int(str(volume["start"])) * 512
    assert disk.read_bytes()[start + 512 : start + 520] == b"LABELONE"
    root = f"{disk}?offset={start + DATA_OFFSET_BYTES}"
    assert said_by("debugfs", "-R", "cat /hello", root) == "hello from the root\n"
    assert "vmlinuz" not in said_by("debugfs", "-R", "ls /boot", root)
    blocks = re.search(r"Block count: +(\d+)", said_by("debugfs", "-R", "show_super_stats -h", root))
    size = re.search(r"Block size: +(\d+)", said_by("debugfs", "-R", "show_super_stats -h", root))
    assert blocks is not None
    assert size is not None
    assert layout.group is not None
    assert int(blocks[1]) * int(size[1]) == layout.group.logical_bytes
    assert layout.root_device == "/dev/mapper/kdumpkit--lab--vg-root"
    assert (layout.boot.device, layout.has_boot_partition) == ("/dev/vda1", True)


@pytest.mark.parametrize("flavour", [DEBIAN, DEBIAN_UEFI, DEBIAN_LVM])
def test_partitions_follow_each_other_and_stay_on_the_disk(flavour: object) -> None:
    layout = plan_layout(flavour)  # type: ignore[arg-type]
    at = disk_module.FIRST_SECTOR * 512
    for partition in layout.partitions:
        assert partition.start_bytes == at
        assert partition.size_bytes % MIB == 0
        at += partition.size_bytes
    assert at <= flavour.disk_bytes  # type: ignore[attr-defined]


def test_names_of_file_systems_are_new_for_each_image_and_filled_in() -> None:
    first, second = new_volumes(), new_volumes()
    assert {first.root_uuid, first.boot_uuid} & {second.root_uuid, second.boot_uuid} == set()
    assert re.fullmatch(r"[0-9A-F]{4}-[0-9A-F]{4}", first.esp_id)
    assert VOLUMES.fill_in("UUID={root_uuid} {boot_uuid} {esp_id} ${kept}") == (
        f"UUID={VOLUMES.root_uuid} {VOLUMES.boot_uuid} 1A2B-3C4D ${{kept}}"
    )
