"""Kernels of SUSE in /boot: named Image on arm64 and image on s390x, and asked for only where they can be."""

from __future__ import annotations

import pytest

from kdumpkit.facts.directory_tree import DirectoryTree, read_directory_tree
from kdumpkit.facts.grub_cfg import parse_grub_cfg
from kdumpkit.facts.installed_kernels import installed_kernels_from
from kdumpkit.facts.rpm_versions import rpm_version_key

from .conftest import TreeHost

NEW, OLD = "6.4.0-150600.23.25-default", "6.4.0-150600.23.7-default"


@pytest.mark.parametrize("name", ["vmlinuz", "Image", "image"])
def test_kernels_by_each_of_their_names(tree: TreeHost, name: str) -> None:
    for release in (NEW, OLD):
        tree.write(f"/boot/{name}-{release}", b"kernel")
        tree.write(f"/boot/initrd-{release}", b"initrd")
        tree.write(f"/lib/modules/{release}/kernel/a.ko", b"")
    # a link that leads to the newest, the unpacked kernel, and what is no kernel
    (tree.root / "boot" / name).symlink_to(f"{name}-{NEW}")
    tree.write(f"/boot/vmlinux-{NEW}.xz", b"")
    tree.write(f"/boot/sysctl.conf-{NEW}", b"")
    found = read_directory_tree(tree, as_root=False, kernel_names=("[Ii]mage-*",))
    assert isinstance(found, DirectoryTree)
    kernels = installed_kernels_from(found, NEW, order=rpm_version_key)
    assert [(kernel.release, kernel.path, kernel.bootable, kernel.running) for kernel in kernels.kernels] == [
        (OLD, f"/boot/{name}-{OLD}", True, False),
        (NEW, f"/boot/{name}-{NEW}", True, True),
    ]


def test_a_menu_that_starts_such_a_kernel() -> None:
    menu = f"menuentry 'SLES' {{\n\tlinux /boot/Image-{NEW} root=/dev/sda2 crashkernel=320M\n}}\n"
    (entry,) = parse_grub_cfg(menu.encode()).entries
    assert entry.kernel_release == NEW


def test_others_are_asked_as_before(tree: TreeHost) -> None:
    read_directory_tree(tree, as_root=False)
    assert not [word for word in tree.commands[0].argv if "mage" in word]
