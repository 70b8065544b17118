"""The scripts that make GRUB's files in a tree: what they are told about a disk that does not exist yet."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kdumpkit.lab.boot import make_first_boot_files
from kdumpkit.lab.disk import Volumes, plan_layout
from kdumpkit.lab.recipe import flavour_names, load_flavour

VOLUMES = Volumes("ROOT-UUID", "BOOT-UUID", "1A2B-3C4D")


def scripts(name: str) -> tuple[str, str]:
    flavour = load_flavour(name)
    said: list[tuple[str, str]] = []
    make_first_boot_files(
        flavour, plan_layout(flavour), VOLUMES, lambda script, stdin: said.append((script, stdin.decode()))
    )
    (both,) = said
    return both


@pytest.mark.parametrize("name", flavour_names())
def test_every_placeholder_is_filled_and_the_shell_can_read_it(name: str) -> None:
    for script in scripts(name):
        assert "@ROOT" not in script
        assert "@BOOT" not in script
        assert "@FOLDER" not in script
        done = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "question", "answer"),
    [
        ("debian", "--target=device /", "/dev/vda1"),
        ("debian", "--target=device /boot", "/dev/vda1"),
        ("debian", "--device /dev/vda1 --target=fs_uuid", "ROOT-UUID"),
        ("debian", "--target=partmap /boot/grub", "msdos"),
        ("debian", "--device /dev/vda1 --target=abstraction", ""),
        ("debian-uefi", "--target=device /", "/dev/vda2"),
        ("debian-uefi", "--device /dev/vda2 -t partmap", "gpt"),
        (
            "debian-uefi",
            "--target=hints_string /boot",
            "--hint-bios=hd0,gpt2 --hint-efi=hd0,gpt2 --hint-baremetal=ahci0,gpt2",
        ),
        ("debian-lvm", "--target=device /", "/dev/mapper/kdumpkit--lab--vg-root"),
        ("debian-lvm", "--device /dev/mapper/kdumpkit--lab--vg-root --target=abstraction", "lvm"),
        ("debian-lvm", "--device /dev/mapper/kdumpkit--lab--vg-root --target=fs_uuid", "ROOT-UUID"),
        ("debian-lvm", "--target=device /boot/grub/locale", "/dev/vda1"),
        ("debian-lvm", "--device /dev/vda1 --target=fs_uuid", "BOOT-UUID"),
        ("debian-lvm", "--device /dev/vda1 --target=abstraction", ""),
        ("el", "--target=device /boot", "/dev/vda1"),
    ],
)
def test_what_grub_asks_about_the_disk_is_answered_for_its_layout(
    name: str, question: str, answer: str, tmp_path: Path
) -> None:
    probe = tmp_path / "grub-probe"
    probe.write_text(scripts(name)[1])
    done = subprocess.run(["sh", probe, *question.split()], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip("\n") == answer


def test_a_question_without_an_answer_fails(tmp_path: Path) -> None:
    probe = tmp_path / "grub-probe"
    probe.write_text(scripts("debian")[1])
    assert subprocess.run(["sh", probe, "--target=partuuid", "/"], check=False).returncode == 1


def test_grub_finds_its_folder_where_the_layout_has_it() -> None:
    assert "-p '(hd0,msdos1)/boot/grub' " in scripts("debian")[0]
    assert "-p '(hd0,msdos1)/grub' " in scripts("debian-lvm")[0]
    assert "-p '(hd0,msdos1)/boot/grub2' " in scripts("el")[0]
    assert "-p /EFI/debian " in scripts("debian-uefi")[0]
    assert "grub-mkrelpath" in scripts("debian-lvm")[0]
    assert "/run/grub-mkrelpath" not in scripts("debian")[0]
