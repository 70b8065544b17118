"""How a built image is found again, and what is refused before one is built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kdumpkit.errors import LabError
from kdumpkit.lab import image
from kdumpkit.lab.recipe import load_flavour

UUID = "0c2bd6a6-7f31-4a3f-a4a0-2f6f5c1f6a01"
DEBIAN = load_flavour()


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


def test_the_initrd_is_found_under_either_name(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no initial RAM disk for 6\\.1"):
        image.find_initrd(tmp_path, "6.1")
    (tmp_path / "initramfs-6.1.img").write_text("")
    assert image.find_initrd(tmp_path, "6.1").name == "initramfs-6.1.img"
    (tmp_path / "initrd.img-6.1").write_text("")
    assert image.find_initrd(tmp_path, "6.1").name == "initrd.img-6.1"
