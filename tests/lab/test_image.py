"""The disk image, written by the real tools from a small tree, and how a built image is found again."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from kdumpkit.errors import LabError
from kdumpkit.lab import image
from kdumpkit.lab.process import search_path
from kdumpkit.lab.recipe import load_flavour
from kdumpkit.lab.tree import Tree

UUID = "0c2bd6a6-7f31-4a3f-a4a0-2f6f5c1f6a01"
DEBIAN = load_flavour()


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if shutil.which(name, path=search_path()) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not on this machine: {', '.join(missing)}")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    grub = tmp_path / "tree/boot/grub/i386-pc"
    grub.mkdir(parents=True)
    (grub / "boot.img").write_bytes(b"\xeb\x63" + b"B" * 508 + b"\x55\xaa")
    (grub / "core.img").write_bytes(b"C" * 1000)
    (tmp_path / "tree/hello").write_text("hello from the root\n")
    return Tree(tmp_path / "tree", UUID, ("6.1.0-1-cloud-amd64",))


@needs("sfdisk", "mke2fs", "debugfs")
def test_disk_has_partition_boot_code_and_files(tree: Tree, tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    size = 32 * 2**20
    image.write_disk(tree, disk, size, tmp_path / "log")
    assert disk.stat().st_size == size
    with disk.open("rb") as file:
        first = file.read(512)
        after = file.read(1000)
    # 440 bytes of code, then the partition table that sfdisk wrote
    assert first[:440] == b"\xeb\x63" + b"B" * 438
    assert first[510:] == b"\x55\xaa"
    assert after == b"C" * 1000
    active, kind = first[446], first[450]
    assert (active, kind) == (0x80, 0x83)
    assert int.from_bytes(first[454:458], "little") == image.FIRST_SECTOR
    offset = image.FIRST_SECTOR * image.SECTOR_BYTES
    root = f"{disk}?offset={offset}"
    said = subprocess.run(
        ["debugfs", "-R", "cat /hello", root], capture_output=True, check=True, env={"PATH": search_path()}
    ).stdout
    assert said == b"hello from the root\n"
    header = subprocess.run(
        ["debugfs", "-R", "show_super_stats -h", root],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": search_path()},
    ).stdout
    assert UUID in header


@needs("sfdisk", "mke2fs")
def test_a_core_that_would_run_into_the_partition_is_refused(tree: Tree, tmp_path: Path) -> None:
    (tree.path / "boot/grub/i386-pc/core.img").write_bytes(b"C" * 2**20)
    with pytest.raises(LabError, match="only 1048064 fit"):
        image.write_disk(tree, tmp_path / "disk.raw", 32 * 2**20, tmp_path / "log")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kdumpkit"


def test_an_image_is_found_by_its_recipe_alone(cache: Path) -> None:
    assert image.find_image(DEBIAN) is None
    folder = image.image_folder(DEBIAN)
    assert folder == cache / f"lab/images/debian-{DEBIAN.digest()}"
    described = {
        "flavour": "debian",
        "digest": DEBIAN.digest(),
        "root_uuid": UUID,
        "kernels": ["6.1.0-1-cloud-amd64", "6.1.0-2-cloud-amd64"],
        "build_seconds": 51.0,
    }
    other = folder.with_name("debian-0000000000000000")
    for target in (other,):
        target.mkdir(parents=True)
        (target / "image.json").write_text(json.dumps(described))
    assert image.find_image(DEBIAN) is None
    other.rename(folder)
    found = image.find_image(DEBIAN)
    assert found is not None
    assert found.kernels == ("6.1.0-1-cloud-amd64", "6.1.0-2-cloud-amd64")
    assert found.disk == folder / "disk.raw"


def test_building_without_root_is_one_message_with_a_way_out(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LabError) as caught:
        image.build_image(DEBIAN, lambda _: None)
    assert "needs root" in caught.value.message
    assert "make demo-replay" in caught.value.hint
    assert not cache.exists()


def test_a_tree_with_something_mounted_in_it_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tree"
    (folder / "dev").mkdir(parents=True)
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 25 0:32 / {folder}/dev rw - tmpfs lab-dev rw\n")
    monkeypatch.setattr(image, "_MOUNTS", mounts)
    with pytest.raises(LabError, match="still mounted"):
        image.remove_tree(folder)
    assert (folder / "dev").is_dir()
    mounts.write_text(f"36 25 0:32 / {folder}2/dev rw - tmpfs lab-dev rw\n")
    image.remove_tree(folder)
    assert not folder.exists()
