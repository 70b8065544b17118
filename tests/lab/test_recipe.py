"""The recipe as data: what changes its digest, and what the Debian flavour promises."""

from __future__ import annotations

import dataclasses
import importlib
import re
import subprocess
from pathlib import Path

import pytest

import kdumpkit.lab
from kdumpkit.errors import LabError
from kdumpkit.lab.enterprise_linux import guest_text
from kdumpkit.lab.recipe import (
    BIOS,
    BUILDERS,
    LVM,
    PARTITION,
    UEFI,
    GuestFile,
    flavour_names,
    load_flavour,
    recipe_digest,
)

DEBIAN = load_flavour("debian")
GUEST = Path(kdumpkit.lab.__file__).parent / "guest"


def test_same_recipe_has_the_same_digest() -> None:
    again = dataclasses.replace(DEBIAN)
    assert recipe_digest(DEBIAN, [b"code"]) == recipe_digest(again, [b"code"])
    assert re.fullmatch(r"[0-9a-f]{16}", DEBIAN.digest())


@pytest.mark.parametrize(
    "changed",
    [
        {"packages": (*DEBIAN.packages, "strace")},
        {"memory_bytes": DEBIAN.memory_bytes * 2},
        {"files": (*DEBIAN.files, GuestFile("/etc/motd", "hello\n"))},
        {"masked_units": DEBIAN.masked_units[1:]},
        {"kernel_count": 1},
    ],
)
def test_any_change_of_the_data_changes_the_digest(changed: dict[str, object]) -> None:
    assert recipe_digest(dataclasses.replace(DEBIAN, **changed), [b""]) != recipe_digest(DEBIAN, [b""])


def test_a_changed_file_mode_changes_the_digest() -> None:
    first = dataclasses.replace(DEBIAN, files=(GuestFile("/x", "", 0o644),))
    second = dataclasses.replace(DEBIAN, files=(GuestFile("/x", "", 0o600),))
    assert recipe_digest(first, []) != recipe_digest(second, [])


def test_a_change_of_the_building_code_changes_the_digest() -> None:
    assert recipe_digest(DEBIAN, [b"a", b"b"]) != recipe_digest(DEBIAN, [b"a", b"c"])
    # moving bytes from one file to the next is a change too
    assert recipe_digest(DEBIAN, [b"ab", b""]) != recipe_digest(DEBIAN, [b"a", b"b"])


def test_the_digest_covers_the_code_that_writes_tree_and_image() -> None:
    assert {"tree.py", "boot.py", "disk.py", "lvm.py", "image.py", "package_source.py"} <= set(BUILDERS)


def test_unknown_flavour_names_those_that_there_are() -> None:
    with pytest.raises(LabError) as caught:
        load_flavour("gentoo")
    assert "gentoo" in caught.value.message
    assert "debian" in caught.value.hint
    assert "debian" in flavour_names()


def test_flavour_names_are_those_of_the_flavours() -> None:
    for name in flavour_names():
        assert load_flavour(name).name == name


def test_the_capture_command_line_keeps_the_words_of_the_distribution() -> None:
    (text,) = [text for path, text in DEBIAN.appended if path == "/etc/default/kdump-tools"]
    words = re.search(r'^KDUMP_CMDLINE_APPEND="(.*)"$', text, re.MULTILINE)
    assert words is not None
    # Source: kdump-config of kdump-tools 1:1.8.1, its default of KDUMP_CMDLINE_APPEND
    distribution = ["reset_devices", "systemd.unit=kdump-tools-dump.service", "nr_cpus=1", "irqpoll", "usbcore.nousb"]
    assert words[1].split()[: len(distribution)] == distribution
    assert all(word.startswith("systemd.mask=") for word in words[1].split()[len(distribution) :])
    # what the capture needs must not be among the masked
    for needed in ("kdump-tools", "systemd-remount-fs", "systemd-sysctl", "systemd-udevd.service"):
        assert needed not in " ".join(words[1].split()[len(distribution) :])


def test_the_capture_command_line_fits() -> None:
    # Source: COMMAND_LINE_SIZE of x86 is 2048; the running kernel's own line and root= come before it.
    (text,) = [text for path, text in DEBIAN.appended if path == "/etc/default/kdump-tools"]
    assert len(text) < 1400


def test_stage_one_has_something_to_install() -> None:
    installed = {*DEBIAN.packages, *DEBIAN.late_packages}
    assert "makedumpfile" in DEBIAN.offered_packages
    assert not installed & set(DEBIAN.offered_packages)


def test_the_lab_adds_no_crashkernel_of_its_own() -> None:
    assert "crashkernel" not in "".join(file.text for file in (*DEBIAN.files, *DEBIAN.early_files))


def test_no_package_source_is_written_down() -> None:
    everything = repr(dataclasses.asdict(DEBIAN))
    assert "http" not in everything
    assert "deb " not in everything


@pytest.mark.parametrize("name", flavour_names())
def test_every_flavour_is_honest_about_what_is_the_labs_own(name: str) -> None:
    module = importlib.import_module(f"kdumpkit.lab.flavours.{name.replace('-', '_')}")
    assert "the lab's own" in " ".join((module.__doc__ or "").split()).lower()


@pytest.mark.parametrize("name", flavour_names())
def test_no_flavour_has_a_reservation_at_its_first_boot(name: str) -> None:
    flavour = load_flavour(name)
    for file in (*flavour.files, *flavour.early_files):
        if file.path in ("/etc/default/grub", "/etc/kernel/cmdline"):
            assert "crashkernel" not in file.text
    assert flavour.hostname == DEBIAN.hostname


def test_flavours_differ_in_what_they_are_named_after() -> None:
    uefi, lvm, el, bls = (load_flavour(name) for name in ("debian-uefi", "debian-lvm", "el", "el-bls"))
    assert (DEBIAN.firmware, DEBIAN.root_on) == (lvm.firmware, uefi.root_on) == (BIOS, PARTITION)
    assert (uefi.firmware, lvm.root_on) == (UEFI, LVM)
    assert "grub-pc" not in uefi.packages
    assert "lvm2" in lvm.packages
    assert len({flavour.digest() for flavour in (DEBIAN, uefi, lvm, el, bls)}) == 5
    for flavour in (el, bls):
        assert flavour.grub_folder == "/boot/grub2"
        assert "kdump-tools" not in (*flavour.packages, *flavour.late_packages, *flavour.offered_packages)
        assert "kexec-tools" in flavour.unpacked_packages


def test_capture_of_a_machine_with_more_than_a_root_looks_for_its_devices() -> None:
    # its fstab has file systems that a masked udev would never find: 90 s, the emergency shell, no dump
    for name in ("debian-uefi", "debian-lvm"):
        ((_, text),) = load_flavour(name).appended
        assert "systemd.mask=networking.service" in text
        assert "udev-trigger" not in text
    assert "udev-trigger" in DEBIAN.appended[0][1]


@pytest.mark.parametrize("name", ["el", "el-bls"])
def test_release_files_and_kdump_settings_are_those_of_the_family(name: str) -> None:
    files = {file.path: file.text for file in load_flavour(name).files}
    release = dict(line.split("=", 1) for line in files["/etc/os-release"].splitlines())
    assert "rhel" in release["ID_LIKE"].strip('"').split()
    assert release["VERSION_ID"] == {"el": '"7"', "el-bls": '"9.4"'}[name]
    assert files["/usr/lib/os-release"] == files["/etc/os-release"]
    assert "core_collector makedumpfile -l --message-level 7 -d 31" in files["/usr/src/lab/kdump.conf"]
    assert ("GRUB_ENABLE_BLSCFG=true" in files["/etc/default/grub"]) == (name == "el-bls")
    # Source: COMMAND_LINE_SIZE of x86 is 2048
    assert len(files["/usr/src/lab/kdump.sysconfig"]) < 1500


@pytest.mark.parametrize("script", sorted(path.stem for path in GUEST.glob("*.sh")))
def test_programs_of_the_guest_can_be_read_by_their_shell(script: str) -> None:
    text = guest_text(script)
    shell = "bash" if text.startswith("#!/bin/bash") else "sh"
    done = subprocess.run([shell, "-n"], input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_change_of_a_guest_program_changes_the_digest() -> None:
    flavour = load_flavour("el-bls")
    paths = {file.path for file in flavour.files}
    for name in ("kdumpctl", "mkdumprd", "capture-init", "grubby", "kernel-install", "bls-menu", "bls-mkconfig"):
        assert f"/usr/src/lab/{name}" in paths
    assert flavour.finish == guest_text("finish-el")
    assert flavour.first_boot_config == guest_text("first-boot-el")
