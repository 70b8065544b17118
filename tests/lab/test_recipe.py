"""The recipe as data: what changes its digest, and what the Debian flavour promises."""

from __future__ import annotations

import dataclasses
import re

import pytest

from kdumpkit.errors import LabError
from kdumpkit.lab.recipe import BUILDERS, GuestFile, flavour_names, load_flavour, recipe_digest

DEBIAN = load_flavour("debian")


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
    assert {"tree.py", "image.py", "package_source.py"} <= set(BUILDERS)


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
