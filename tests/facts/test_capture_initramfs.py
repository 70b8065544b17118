"""capture_initramfs: which file it is, for which kernel, and what is newer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kdumpkit.facts.capture_initramfs import (
    BuildInput,
    CaptureInitramfs,
    capture_initramfs_from,
    read_build_inputs,
    release_in_name,
)
from kdumpkit.facts.directory_tree import DirectoryTree, FoundFile
from kdumpkit.facts.unknown import Unknown, Why

from .conftest import TreeHost

RUNNING = "6.1.0-56-cloud-amd64"
BUILT = f"/var/lib/kdump/initrd.img-{RUNNING}"
#: as the lab's Debian 12 has it
FILES = (
    FoundFile(f"/boot/vmlinuz-{RUNNING}", "f", 14186432, 1000.0, None),
    FoundFile("/var/lib/kdump/initrd.img", "f", 46, 2000.0, BUILT),
    FoundFile(BUILT, "f", 5879512, 1997.0, None),
    FoundFile("/var/lib/kdump/vmlinuz", "f", 34, 2000.0, f"/boot/vmlinuz-{RUNNING}"),
)
TREE = DirectoryTree(FILES, (4,))
LINKS = ("/var/lib/kdump/initrd.img", "/var/lib/kdump/vmlinuz")


@pytest.mark.parametrize(
    ("path", "release"),
    [
        (BUILT, RUNNING),
        ("/boot/initramfs-3.10.0-1160.el7.x86_64kdump.img", "3.10.0-1160.el7.x86_64"),
        ("/var/lib/kdump/initramfs-5.14.0-503.el9.aarch64kdump.img", "5.14.0-503.el9.aarch64"),
        ("/boot/initrd-6.4.0-150600.23-default-kdump", "6.4.0-150600.23-default"),
        (f"/boot/vmlinuz-{RUNNING}", RUNNING),
        ("/boot/vmlinux-6.4.0-default.gz", "6.4.0-default"),
        ("/boot/Image-6.4.0-default", "6.4.0-default"),
        ("/var/lib/kdump/initrd", None),
        ("/var/lib/kdump/initrd.img", None),
        ("/boot/initramfs-3.10.0.img", None),
    ],
)
def test_release_in_names(path: str, release: str | None) -> None:
    assert release_in_name(path) == release


def test_links_lead_to_the_file_that_counts() -> None:
    found = capture_initramfs_from(TREE, *LINKS, ((BuildInput("/etc/fstab", 5.0),), (6,)))
    assert isinstance(found, CaptureInitramfs)
    assert found.file is not None
    assert (found.file.path, found.release, found.kernel_release) == (BUILT, RUNNING, RUNNING)
    assert [other.path for other in found.inputs] == ["/etc/fstab", f"/boot/vmlinuz-{RUNNING}"]
    assert found.records == (4, 6)
    assert found.newer_inputs == ()


def test_what_is_newer() -> None:
    times = tuple(BuildInput(path, at) for path, at in (("/a", 1996.0), ("/b", 1997.0), ("/c", 1998.0), ("/d", 3000.0)))
    found = capture_initramfs_from(TREE, *LINKS, (times, ()))
    assert isinstance(found, CaptureInitramfs)
    assert [other.path for other in found.newer_inputs] == ["/d", "/c"]


def test_a_kernel_that_was_installed_anew_is_newer() -> None:
    anew = (FoundFile(f"/boot/vmlinuz-{RUNNING}", "f", 1, 2500.0, None), *FILES[1:])
    found = capture_initramfs_from(DirectoryTree(anew), *LINKS, ((), ()))
    assert isinstance(found, CaptureInitramfs)
    assert [other.path for other in found.newer_inputs] == [f"/boot/vmlinuz-{RUNNING}"]


@pytest.mark.parametrize(
    "files",
    [
        (),
        FILES[:2],
        (FoundFile("/var/lib/kdump/initrd.img", "N", 46, 2000.0, BUILT),),
        (FoundFile("/var/lib/kdump/initrd.img", "d", 46, 2000.0, None),),
        (FoundFile("/var/lib/kdump/initrd.img", "f", 46, 2000.0, "initrd.img"),),
    ],
)
def test_absent_dangling_and_circular(files: tuple[FoundFile, ...]) -> None:
    found = capture_initramfs_from(DirectoryTree(files), *LINKS, ((BuildInput("/etc/fstab", 9999.0),), ()))
    assert isinstance(found, CaptureInitramfs)
    assert found.file is None
    assert found.newer_inputs == ()


def test_a_relative_link() -> None:
    files = (FoundFile("/var/lib/kdump/initrd.img", "f", 46, 2000.0, f"initrd.img-{RUNNING}"), FILES[2])
    found = capture_initramfs_from(DirectoryTree(files), *LINKS, ((), ()))
    assert isinstance(found, CaptureInitramfs)
    assert found.release == RUNNING


def test_unknown_stays_unknown() -> None:
    denied = Unknown("find", Why.NOT_PERMITTED, "", (7,))
    assert capture_initramfs_from(denied, *LINKS, ((), ())) is denied
    assert capture_initramfs_from(TREE, *LINKS, denied) is denied
    # what lies where nobody looked is not absent
    elsewhere = capture_initramfs_from(TREE, "/srv/kdump/initrd.img", LINKS[1], ((), ()))
    assert isinstance(elsewhere, Unknown)
    assert not elsewhere.absent


def test_reading_the_inputs(tree: TreeHost, tmp_path: Path) -> None:
    tree.write("/etc/fstab", b"x")
    tree.write("/etc/kdump/hooks/one", b"x")
    os.utime(tmp_path / "etc/fstab", (50, 50))
    os.utime(tmp_path / "etc/kdump/hooks/one", (60, 60))
    os.utime(tmp_path / "etc/kdump/hooks", (70, 70))
    found = read_build_inputs(tree, ["/etc/fstab", "/etc/kdump/hooks", "/etc/none"])
    assert not isinstance(found, Unknown)
    assert found[0] == (
        BuildInput("/etc/fstab", 50.0),
        BuildInput("/etc/kdump/hooks", 70.0),
        BuildInput("/etc/kdump/hooks/one", 60.0),
    )
    assert found[1] == (0,)
    tree.answers["find"] = (127, b"", b"find: not found\n")
    missing = read_build_inputs(tree, ["/etc/fstab"])
    assert isinstance(missing, Unknown)
    assert missing.why is Why.ABSENT
