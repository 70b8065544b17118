"""The built image of a flavour: how it is made, and how it is found again."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from kdumpkit.errors import LabError
from kdumpkit.lab import paths
from kdumpkit.lab.boot import IMAGES
from kdumpkit.lab.disk import new_volumes, plan_layout, write_disk
from kdumpkit.lab.keys import LabKeys, generate_keys
from kdumpkit.lab.process import Say
from kdumpkit.lab.recipe import MIB, UEFI, Flavour
from kdumpkit.lab.tree import build_tree

_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class Image:
    """A built image: what it was made of and where its parts lie."""

    folder: Path
    flavour: str
    digest: str
    root_uuid: str
    #: releases of the installed kernels, oldest first
    kernels: tuple[str, ...]
    build_seconds: float

    @property
    def disk(self) -> Path:
        return self.folder / "disk.raw"

    @property
    def keys(self) -> LabKeys:
        return LabKeys(self.folder / "keys")

    @property
    def kernel(self) -> Path:
        """The newest kernel, for trying out an accelerator."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"


def image_folder(flavour: Flavour) -> Path:
    """Where the image of this recipe lies, or would lie."""
    return paths.images_root() / f"{flavour.name}-{flavour.digest()}"


def find_image(flavour: Flavour) -> Image | None:
    """The built image of exactly this recipe; None where it has not been built."""
    folder = image_folder(flavour)
    try:
        described = json.loads((folder / "image.json").read_text())
    except FileNotFoundError:
        return None
    return Image(folder=folder, **{**described, "kernels": tuple(described["kernels"])})


def build_image(flavour: Flavour, say: Say) -> Image:
    """Build the image of a recipe and drop older ones of the same flavour. Needs root.

    The folder appears under its name only when it is complete. Raises LabError.
    """
    if os.geteuid() != 0:
        raise LabError(
            "building the lab's image needs root: packages are installed into a root tree",
            "run it as root (sudo make demo), or see a recorded run: make demo-replay",
        )
    started = time.monotonic()
    images = paths.images_root()
    images.mkdir(parents=True, exist_ok=True)
    for leftover in images.glob(".building-*"):
        remove_tree(leftover)
    work = images / f".building-{flavour.name}-{flavour.digest()}"
    work.mkdir(mode=0o755)
    log = images / f"{flavour.name}-build.log"
    log.write_bytes(b"")
    keys = generate_keys(work / "keys")
    layout, volumes = plan_layout(flavour), new_volumes()
    tree = build_tree(flavour, work / "tree", layout, volumes, keys, log, say)
    grub = work / "grub"
    shutil.move(tree.path / IMAGES.lstrip("/"), grub)
    # what the packages and the boot files of the guest were made from is no part of it
    shutil.rmtree(tree.path / "usr/src/lab")
    newest = tree.kernels[-1]
    shutil.copyfile(tree.path / f"boot/vmlinuz-{newest}", work / "vmlinuz")
    shutil.copyfile(find_initrd(tree.path / "boot", newest), work / "initrd.img")
    kind = f"root on {flavour.root_on}, {'UEFI' if flavour.firmware == UEFI else 'BIOS'}, GRUB"
    say(f"disk image: {flavour.disk_bytes // MIB} MiB, ext4, {kind}")
    write_disk(layout, volumes, tree.path, grub, work / "disk.raw", flavour.disk_bytes, log)
    remove_tree(tree.path)
    for leftover in (grub, work / "boot"):
        shutil.rmtree(leftover, ignore_errors=True)
    final = image_folder(flavour)
    image = Image(final, flavour.name, flavour.digest(), volumes.root_uuid, tree.kernels, 0.0)
    described = {**asdict(image), "build_seconds": round(time.monotonic() - started, 1)}
    del described["folder"]
    (work / "image.json").write_text(json.dumps(described, indent=1) + "\n")
    shutil.rmtree(final, ignore_errors=True)
    work.rename(final)
    for other in images.glob(f"{flavour.name}-*"):
        if other.is_dir() and other != final and len(other.name) == len(final.name):
            shutil.rmtree(other)
    say(f"image built in {described['build_seconds']:.0f} s: {final}")
    built = find_image(flavour)
    if built is None:
        raise LabError(f"the image was built and is not at {final}", "build it again: kdumpkit lab up")
    return built


def find_initrd(boot: Path, release: str) -> Path:
    """The initial RAM disk of a kernel under the name that its distribution gives it. Raises LabError."""
    for name in (f"initrd.img-{release}", f"initramfs-{release}.img"):
        if (boot / name).is_file():
            return boot / name
    raise LabError(f"the tree has no initial RAM disk for {release}", "read the build's log and report it")


def remove_tree(folder: Path) -> None:
    """Remove a root tree. Raises LabError, with nothing removed, where something is still mounted in it."""
    inside = f" {folder.resolve()}/"
    if inside in _MOUNTS.read_text():
        raise LabError(
            f"something is still mounted below {folder}: it is left alone", f"unmount it: umount -R {folder}/*"
        )
    shutil.rmtree(folder)
