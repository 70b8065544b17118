"""The lab's public face on a machine where nothing is built and nothing runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kdumpkit import lab
from kdumpkit.errors import LabError
from kdumpkit.lab import lab as lab_module
from kdumpkit.lab import paths
from kdumpkit.lab import requirements as requirements_module
from kdumpkit.lab.image import Image, image_folder
from kdumpkit.lab.machine import Machine
from kdumpkit.lab.recipe import load_flavour


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kdumpkit"


def test_status_of_a_lab_that_was_never_up(cache: Path) -> None:
    now = lab.status()
    assert not now.running
    assert not now.answers
    assert (now.pid, now.ssh_port, now.image_digest, now.accelerator) == (None, None, None, None)
    assert not now.image_is_current
    assert now.ssh_destination == "kdumpkit-lab"
    assert now.ssh_config == cache / "lab/ssh_config"
    assert now.console == cache / "lab/console.log"
    # a status changes nothing
    assert not cache.exists()


def test_status_tells_of_the_flavour_that_runs_else_of_the_one_asked_for(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = image_folder(load_flavour("el"))
    image.mkdir(parents=True)
    described = {
        "flavour": "el",
        "digest": load_flavour("el").digest(),
        "root_uuid": "",
        "kernels": [],
        "build_seconds": 1.0,
    }
    (image / "image.json").write_text(json.dumps(described))
    assert lab.status("debian").image_digest is None
    assert lab.status("el").image_is_current
    assert lab.status("el").flavour is None
    running = Machine(1, 1, 1, "tcg", "el", "0" * 16)
    monkeypatch.setattr(lab_module, "find_machine", lambda _: running)
    now = lab.status("debian")
    assert (now.flavour, now.image_digest, now.image_is_current) == ("el", "0" * 16, False)


def test_a_fresh_machine_gets_nothing_of_an_earlier_ones_files(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = cache / "lab/run"
    run.mkdir(parents=True)
    for name in ("debian-uefi-00.qcow2", "efi-variables.fd"):
        (run / name).write_text("of another machine")

    class Stop(Exception):
        pass

    def stop(*_: object, **__: object) -> None:
        raise Stop(sorted(path.name for path in run.iterdir()))

    image = Image(cache / "lab/images/el-1", "el", "1", "", (), 1.0)
    monkeypatch.setattr(lab_module, "run_here", stop)
    with pytest.raises(Stop) as caught:
        lab_module._start(load_flavour("el"), image, True, 1.0, lambda _: None)
    assert caught.value.args == ([],)


def test_down_of_a_lab_that_is_not_up_leaves_no_file_but_the_cache(cache: Path) -> None:
    run = cache / "lab/run"
    run.mkdir(parents=True)
    for path in (run / "disk.qcow2", cache / "lab/ssh_config", cache / "lab/console.log"):
        path.write_text("left over")
    image = cache / "lab/images/debian-0123456789abcdef/disk.raw"
    image.parent.mkdir(parents=True)
    image.write_text("image")
    assert lab.down() is False
    assert image.read_text() == "image"
    assert sorted(path.name for path in (cache / "lab").iterdir()) == ["images"]


def test_up_without_its_programs_is_one_message(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(requirements_module, "missing_packages", lambda flavour: ["mmdebstrap", "qemu-system-x86"])
    with pytest.raises(LabError) as caught:
        lab.up(lambda _: None)
    assert "mmdebstrap, qemu-system-x86" in caught.value.message
    assert "make demo-replay" in caught.value.hint
    assert not cache.exists()


def test_ssh_argv_names_the_configuration(cache: Path) -> None:
    assert lab.ssh_argv() == ["ssh", "-F", str(cache / "lab/ssh_config"), "kdumpkit-lab"]
    assert lab.ssh_argv(second_login=True)[-1] == "kdumpkit-lab-ops"


def test_kernel_release_of_an_image_that_is_not_built() -> None:
    with pytest.raises(LabError, match="is not built"):
        lab.kernel_release()


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_a_cache_home_that_is_not_absolute_is_ignored(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    monkeypatch.setenv("HOME", "/home/someone")
    assert paths.cache_root() == Path("/home/someone/.cache/kdumpkit")
