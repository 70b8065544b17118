"""The disk image of a root tree: partition table, ext4 and GRUB, written without a loop device."""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from kdumpkit.errors import LabError
from kdumpkit.lab import paths
from kdumpkit.lab.keys import LabKeys, generate_keys
from kdumpkit.lab.process import Say, run_here
from kdumpkit.lab.recipe import MIB, Flavour
from kdumpkit.lab.tree import Tree, build_tree

SECTOR_BYTES = 512
#: first sector of the root partition; GRUB's core lies between the boot sector and here
FIRST_SECTOR = 2048
_BOOT_CODE_BYTES = 440
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
    tree = build_tree(flavour, work / "tree", str(uuid.uuid4()), keys, log, say)
    say(f"disk image: {flavour.disk_bytes // MIB} MiB, ext4, GRUB")
    write_disk(tree, work / "disk.raw", flavour.disk_bytes, log)
    newest = tree.kernels[-1]
    shutil.copyfile(tree.path / f"boot/vmlinuz-{newest}", work / "vmlinuz")
    shutil.copyfile(tree.path / f"boot/initrd.img-{newest}", work / "initrd.img")
    remove_tree(tree.path)
    final = image_folder(flavour)
    image = Image(final, flavour.name, flavour.digest(), tree.root_uuid, tree.kernels, 0.0)
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


def remove_tree(folder: Path) -> None:
    """Remove a root tree. Raises LabError, with nothing removed, where something is still mounted in it."""
    inside = f" {folder.resolve()}/"
    if inside in _MOUNTS.read_text():
        raise LabError(
            f"something is still mounted below {folder}: it is left alone", f"unmount it: umount -R {folder}/*"
        )
    shutil.rmtree(folder)


def write_disk(tree: Tree, disk: Path, size_bytes: int, log: Path) -> None:
    """Write a bootable disk with the tree as its only partition."""
    with disk.open("wb") as file:
        file.truncate(size_bytes)
    run_here(
        ["sfdisk", "--quiet", str(disk)],
        what="partitioning the disk image",
        timeout_s=30,
        stdin=f"label: dos\nstart={FIRST_SECTOR}, type=83, bootable\n".encode(),
        log=log,
    )
    offset = FIRST_SECTOR * SECTOR_BYTES
    run_here(
        [
            *("mke2fs", "-q", "-F", "-t", "ext4", "-L", "root", "-U", tree.root_uuid, "-d", str(tree.path)),
            # Tables left for later would be written by the guest, under emulation, while it is being timed.
            *("-E", f"offset={offset},lazy_itable_init=0,lazy_journal_init=0"),
            *(str(disk), f"{(size_bytes - offset) // 1024}k"),
        ],
        what="writing the root file system",
        timeout_s=300,
        log=log,
    )
    grub = tree.path / "boot/grub/i386-pc"
    core = (grub / "core.img").read_bytes()
    room = offset - SECTOR_BYTES
    if len(core) > room:
        raise LabError(f"GRUB's core has {len(core)} bytes and only {room} fit before the partition", "report it")
    with disk.open("r+b") as file:
        file.write((grub / "boot.img").read_bytes()[:_BOOT_CODE_BYTES])
        file.seek(SECTOR_BYTES)
        file.write(core)
