from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.analysis.module_symbols import find_module_files, module_folders
from tests.vmcore import dumps

RELEASE = "6.1.0-56-cloud-amd64"
OURS, OTHER = "11" * 20, "22" * 20


def place(path: Path, build_id: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dumps.vmlinux(build_id))
    return path


@pytest.mark.parametrize(
    ("vmlinux", "module"),
    [
        # Debian's linux-image-<release>-dbg
        (f"boot/vmlinux-{RELEASE}", f"lib/modules/{RELEASE}/kernel/fs/xfs/xfs.ko"),
        # kernel-debuginfo of the Red Hat family; kmod packages beside it
        (f"lib/modules/{RELEASE}/vmlinux", f"lib/modules/{RELEASE}/kernel/fs/xfs/xfs.ko.debug"),
        (f"lib/modules/{RELEASE}/vmlinux", f"lib/modules/{RELEASE}/extra/xfs.ko.debug"),
        # kernel-default-debuginfo of SUSE
        (f"usr/lib/modules/{RELEASE}/vmlinux.debug", f"usr/lib/modules/{RELEASE}/kernel/fs/xfs/xfs.ko.debug"),
    ],
)
def test_found_beside_vmlinux(tmp_path: Path, vmlinux: str, module: str) -> None:
    kernel, path = place(tmp_path / vmlinux, OTHER), place(tmp_path / module, OURS)
    found, other = find_module_files({"xfs": OURS}, module_folders(kernel, RELEASE))
    assert found == {"xfs": path}
    assert other == ()


def test_only_the_build_that_was_loaded_is_taken(tmp_path: Path) -> None:
    place(tmp_path / "kernel/a.ko.debug", OTHER)
    right = place(tmp_path / "kernel/sub/a.ko", OURS)
    place(tmp_path / "kernel/b.ko", OTHER)
    place(tmp_path / "kernel/not-asked.ko", OURS)
    place(tmp_path / "kernel/c.txt", OURS)
    found, other = find_module_files({"a": OURS, "b": OURS, "c": OURS}, [tmp_path / "kernel"])
    assert found == {"a": right}
    assert other == ("b",)


def test_dashes_and_underscores_are_one(tmp_path: Path) -> None:
    path = place(tmp_path / "crc32c-intel.ko.debug", OURS)
    assert find_module_files({"crc32c_intel": OURS}, [tmp_path])[0] == {"crc32c_intel": path}


def test_a_module_without_build_id_gets_no_file(tmp_path: Path) -> None:
    place(tmp_path / "a.ko", OURS)
    (tmp_path / "b.ko").write_bytes(b"no ELF file")
    assert find_module_files({"a": "", "b": OURS}, [tmp_path]) == ({}, ("a", "b"))


@pytest.mark.parametrize("release", [None, "", "../../etc", "..", "."])
def test_release_that_is_no_folder_name(tmp_path: Path, release: str | None) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "lib/modules").mkdir(parents=True)
    assert module_folders(tmp_path / "boot" / "vmlinux", release) == ()
