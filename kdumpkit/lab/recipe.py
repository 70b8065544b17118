"""What a lab image is made of, as data: its digest decides whether an image has to be built again."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kdumpkit.errors import LabError

MIB = 1024 * 1024

#: the files whose code decides what is in an image: a change in one of them is a change of the recipe
BUILDERS = ("sources.py", "tree.py", "boot.py", "image.py", "disk.py", "lvm.py", "package_source.py")

BIOS = "bios"
UEFI = "uefi"
PARTITION = "partition"
LVM = "lvm"


@dataclass(frozen=True)
class GuestFile:
    """A file that is written into the guest's root tree.

    ``{root_uuid}``, ``{boot_uuid}`` and ``{esp_id}`` in the text stand for the file systems of this very image.
    """

    path: str
    text: str
    mode: int = 0o644


@dataclass(frozen=True)
class Flavour:
    """One kind of lab machine. A new one is a module in ``kdumpkit/lab/flavours`` with a constant ``FLAVOUR``."""

    name: str
    #: code name of the release, as apt's Release files give it
    suite: str
    #: hostname of the guest and its name in the ssh configuration
    hostname: str
    #: installed with the base system
    packages: tuple[str, ...]
    #: a regular expression over package names; its groups are compared as numbers and the newest are taken
    kernel_package: str
    kernel_count: int
    #: installed after the kernels, whose scripts they would break in an unfinished tree
    late_packages: tuple[str, ...]
    #: not installed, but in the guest's own apt source with whatever they depend on; without any it has no such source
    offered_packages: tuple[str, ...]
    #: lines for debconf-set-selections
    preseed: tuple[str, ...]
    #: written before any of ``packages`` is configured
    early_files: tuple[GuestFile, ...]
    #: written when all packages are installed
    files: tuple[GuestFile, ...]
    #: text appended to files that a package made: (path, text)
    appended: tuple[tuple[str, str], ...]
    #: systemd units that a test machine has no use for
    masked_units: tuple[str, ...]
    #: programs of /lib/systemd/system-generators that it has no use for
    masked_generators: tuple[str, ...]
    #: a login beside root, with sudo and no password
    second_login: str
    disk_bytes: int
    memory_bytes: int
    cpus: int
    #: shell commands that write the first boot-loader configuration, inside the tree
    first_boot_config: str
    #: shell commands for what the distribution does to a finished system, inside the tree, after everything else
    finish: str
    #: ``bios`` or ``uefi``
    firmware: str = BIOS
    #: what holds the root file system: ``partition``, or ``lvm`` with a /boot partition beside it
    root_on: str = PARTITION
    #: where GRUB has its configuration and modules
    grub_folder: str = "/boot/grub"
    #: Debian packages that are not installed: their files lie below /usr/src/lab/<package> while ``finish`` runs
    unpacked_packages: tuple[str, ...] = ()
    #: more words for QEMU's command line
    qemu_options: tuple[str, ...] = ()

    def digest(self) -> str:
        """Sixteen hexadecimal digits over this data and the code that builds from it."""
        return recipe_digest(self, _builder_sources())


def recipe_digest(flavour: Flavour, builder_sources: Sequence[bytes]) -> str:
    """Sixteen hexadecimal digits that change whenever the flavour or a builder's code changes."""
    digest = hashlib.sha256(json.dumps(dataclasses.asdict(flavour), sort_keys=True).encode())
    for source in builder_sources:
        digest.update(hashlib.sha256(source).digest())
    return digest.hexdigest()[:16]


@cache
def _builder_sources() -> tuple[bytes, ...]:
    here = Path(__file__).parent
    return tuple((here / name).read_bytes() for name in BUILDERS)


def flavour_names() -> list[str]:
    """Names of the flavours that there are, sorted."""
    from kdumpkit.lab import flavours

    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(flavours.__path__))


def load_flavour(name: str = "debian") -> Flavour:
    """The flavour of that name. Raises LabError where there is none."""
    if name not in flavour_names():
        raise LabError(
            f"there is no lab flavour {name!r}: a lab machine of that kind cannot be built",
            f"use one of: {', '.join(flavour_names())}",
        )
    module = importlib.import_module(f"kdumpkit.lab.flavours.{name.replace('-', '_')}")
    flavour: Flavour = module.FLAVOUR
    return flavour
