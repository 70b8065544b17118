"""Kernels in ``/boot`` with what belongs to each of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from kdumpkit.facts.directory_tree import DirectoryTree
from kdumpkit.facts.reading import record_numbers


@dataclass(frozen=True)
class InstalledKernel:
    """One ``/boot/vmlinuz-<release>``; ``initrd_path`` and ``modules_directory`` are None where they are missing.

    A unified kernel image has its initrd in itself: both paths are its own.
    """

    release: str
    path: str
    initrd_path: str | None
    modules_directory: str | None
    running: bool

    @property
    def bootable(self) -> bool:
        """Has an initrd and modules of its own."""
        return self.initrd_path is not None and self.modules_directory is not None


@dataclass(frozen=True)
class InstalledKernels:
    """Oldest first, by the distribution's version order (``6.1.0-9`` before ``6.1.0-55``)."""

    kernels: tuple[InstalledKernel, ...]
    running_release: str
    records: tuple[int, ...] = ()

    @property
    def newest(self) -> InstalledKernel | None:
        return self.kernels[-1] if self.kernels else None

    @property
    def running(self) -> InstalledKernel | None:
        """The running kernel's files; None where they are not in /boot (removed, or started from elsewhere)."""
        return next((kernel for kernel in self.kernels if kernel.running), None)


_END = ((0,), 0)
_DIGITS = re.compile(r"([0-9]+)")


def _weight(character: str) -> int:
    # deb-version(7): a tilde sorts before the end, letters before everything else
    if character == "~":
        return -1
    if character == "":
        return 0
    return ord(character) if character.isascii() and character.isalpha() else ord(character) + 0x110000


def version_key(version: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    """A key that sorts releases as dpkg sorts versions: runs of digits as numbers, the rest by deb-version(7).

    A hyphen is a character like others here, since a release has no revision.
    """
    parts = _DIGITS.split(version)
    pairs = zip_longest(parts[0::2], parts[1::2], fillvalue="0")
    key = [(tuple(_weight(c) for c in (*text, "")), int(number[-400:])) for text, number in pairs]
    # what ends is as if zeros followed for ever: "1." equals "1.0" and comes after "1.0~rc1"
    while key and key[-1] == _END:
        key.pop()
    return (*key, _END)


def installed_kernels_from(
    tree: DirectoryTree,
    running_release: str,
    records: tuple[int, ...] = (),
    order: Callable[[str], Any] = version_key,
) -> InstalledKernels:
    """Each ``/boot/vmlinuz-<release>`` with the initrd and the modules that belong to it.

    SUSE's kernels are named ``Image-`` on arm64 and ``image-`` on s390x. A unified kernel image counts where its
    package put it, ``/lib/modules/<release>/vmlinuz-<variant>.efi``, unless the same release has a kernel in /boot.
    ``order`` is a key by which the distribution's package manager sorts versions.
    """
    kernels: list[InstalledKernel] = []
    for file in tree.under("/boot"):
        prefix, _, release = file.name.partition("-")
        if prefix not in ("vmlinuz", "Image", "image"):
            continue
        if file.kind != "f" or not release or release.startswith("0-rescue"):
            continue
        names = (f"initrd.img-{release}", f"initramfs-{release}.img", f"initrd-{release}")
        initrds = [found.path for name in names if (found := tree.get(f"/boot/{name}")) and found.kind == "f"]
        modules = tree.get(f"/lib/modules/{release}")
        kernels.append(
            InstalledKernel(
                release=release,
                path=file.path,
                initrd_path=initrds[0] if initrds else None,
                modules_directory=modules.path if modules and modules.kind == "d" else None,
                running=release == running_release,
            )
        )
    in_boot = {kernel.release for kernel in kernels}
    for directory in tree.under("/lib/modules"):
        image = next((file for file in tree.under(directory.path, "vmlinuz-") if file.name.endswith(".efi")), None)
        if image is not None and directory.name not in in_boot:
            running = directory.name == running_release
            kernels.append(InstalledKernel(directory.name, image.path, image.path, directory.path, running))
    kernels.sort(key=lambda kernel: order(kernel.release))
    return InstalledKernels(tuple(kernels), running_release, record_numbers(*tree.records, *records))
