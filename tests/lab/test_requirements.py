"""What is missing on the building machine, and what is said before anything is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from kdumpkit.errors import LabError
from kdumpkit.lab.recipe import load_flavour
from kdumpkit.lab.requirements import PROGRAMS, find_program, install_requirements, missing_packages


def without(*names: str) -> Callable[[str], str | None]:
    return lambda name: None if name in names else f"/usr/bin/{name}"


def never(argv: Sequence[str]) -> int:
    raise AssertionError(f"nothing may be run: {argv}")


def test_each_missing_program_names_its_package_once() -> None:
    assert missing_packages(without()) == []
    assert missing_packages(without("ssh", "ssh-keygen")) == ["openssh-client"]
    assert missing_packages(without(*PROGRAMS)) == sorted(set(PROGRAMS.values()))


def test_nothing_missing_runs_and_says_nothing() -> None:
    said: list[str] = []
    assert install_requirements(said.append, never, find=without(), is_root=False) == []
    assert said == []


def test_without_root_one_message_with_a_way_out() -> None:
    with pytest.raises(LabError) as caught:
        install_requirements(lambda _: None, never, find=without("mmdebstrap", "qemu-img"), is_root=False)
    assert "needs root" in caught.value.message
    assert "mmdebstrap, qemu-utils" in caught.value.message
    assert "sudo apt-get install mmdebstrap qemu-utils" in caught.value.hint
    assert "make demo-replay" in caught.value.hint


def test_without_apt_one_message_with_the_programs() -> None:
    with pytest.raises(LabError) as caught:
        install_requirements(lambda _: None, never, find=without("apt-get", "qemu-img"), is_root=True)
    assert "no apt-get" in caught.value.message
    assert "qemu-img" in caught.value.hint
    assert "make demo-replay" in caught.value.hint


def test_says_what_it_installs_before_it_does() -> None:
    events: list[str] = []
    installed: set[str] = set()

    def run(argv: Sequence[str]) -> int:
        events.append("run " + " ".join(argv))
        installed.update(argv)
        return 0

    def find(name: str) -> str | None:
        return None if name == "mmdebstrap" and "mmdebstrap" not in installed else "/usr/bin/x"

    assert install_requirements(lambda line: events.append("say " + line), run, find=find, is_root=True) == [
        "mmdebstrap"
    ]
    assert events[0] == "say will install with apt-get: mmdebstrap"
    runs = [event for event in events if event.startswith("run ")]
    assert runs == ["run apt-get update", "run apt-get install --yes --no-install-recommends mmdebstrap"]
    assert events.index(runs[0]) > 0


def test_a_failed_install_is_told_with_its_status() -> None:
    with pytest.raises(LabError, match="`apt-get update` ended with status 100"):
        install_requirements(lambda _: None, lambda _: 100, find=without("mmdebstrap"), is_root=True)


def test_success_that_brought_nothing_is_not_believed() -> None:
    with pytest.raises(LabError, match="still not there: mmdebstrap"):
        install_requirements(lambda _: None, lambda _: 0, find=without("mmdebstrap"), is_root=True)


def test_a_flavour_with_uefi_needs_firmware_and_a_writer_of_fat() -> None:
    code = "/usr/share/OVMF/OVMF_CODE_4M.fd"
    find = without(code, "mcopy")
    assert missing_packages(find) == []
    assert missing_packages(find, load_flavour("debian")) == []
    assert missing_packages(find, load_flavour("el-bls")) == []
    assert missing_packages(find, load_flavour("debian-uefi")) == ["mtools", "ovmf"]


def test_what_a_flavour_needs_is_said_before_it_is_installed() -> None:
    said: list[str] = []
    with pytest.raises(LabError):
        install_requirements(
            said.append, lambda _: 100, find=without("mformat"), is_root=True, flavour=load_flavour("debian-uefi")
        )
    assert said == ["will install with apt-get: mtools", "+ apt-get update"]


def test_a_file_is_found_by_its_path(tmp_path: Path) -> None:
    firmware = tmp_path / "code.fd"
    assert find_program(str(firmware)) is None
    firmware.write_bytes(b"")
    # not a program: nobody may execute it
    firmware.chmod(0o644)
    assert find_program(str(firmware)) == str(firmware)
