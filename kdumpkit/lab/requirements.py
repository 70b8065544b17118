"""What the lab needs from the building machine: programs and files, and the Debian packages that bring them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from kdumpkit.errors import LabError
from kdumpkit.lab.machine import FIRMWARE_CODE, FIRMWARE_VARIABLES
from kdumpkit.lab.process import search_path
from kdumpkit.lab.recipe import UEFI, Flavour

#: program → Debian package
PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "sfdisk": "fdisk",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "mount": "mount",
    "tar": "tar",
}

#: what a flavour with UEFI firmware needs beside these; a path is a file that has to be there
UEFI_PROGRAMS = {
    str(FIRMWARE_CODE): "ovmf",
    str(FIRMWARE_VARIABLES): "ovmf",
    "mformat": "mtools",
    "mcopy": "mtools",
}

_INSTEAD = "or see a recorded run without any of it: make demo-replay"


def find_program(name: str) -> str | None:
    """Full path of a program, sbin folders included, or of a file named by its path; None where it is not there."""
    if name.startswith("/"):
        return name if Path(name).is_file() else None
    return shutil.which(name, path=search_path())


def needed_by(flavour: Flavour) -> dict[str, str]:
    """Programs (or files) that building and running a flavour needs, each with the Debian package that brings it."""
    return {**PROGRAMS, **(UEFI_PROGRAMS if flavour.firmware == UEFI else {})}


def missing_packages(find: Callable[[str], str | None] = find_program, flavour: Flavour | None = None) -> list[str]:
    """Debian packages that have to be installed before the flavour can be built and run, sorted.

    Without a flavour: what every one of them needs.
    """
    needed = PROGRAMS if flavour is None else needed_by(flavour)
    return sorted({package for program, package in needed.items() if find(program) is None})


def check_requirements(flavour: Flavour | None = None) -> None:
    """Raises LabError, with the command that installs them, where packages are missing."""
    if missing := missing_packages(flavour=flavour):
        raise LabError(
            f"the lab cannot be started: not installed on this machine: {', '.join(missing)}",
            f"as root: apt-get install {' '.join(missing)}; {_INSTEAD}",
        )


def run_shown(argv: Sequence[str]) -> int:
    """Run a program with its output on the terminal; returns its exit status."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(argv, stdin=subprocess.DEVNULL, env=environment, check=False).returncode


def install_requirements(
    progress: Callable[[str], None],
    run: Callable[[Sequence[str]], int] = run_shown,
    *,
    find: Callable[[str], str | None] = find_program,
    is_root: bool | None = None,
    flavour: Flavour | None = None,
) -> list[str]:
    """Install what is missing after saying what that is; returns the packages that were installed.

    ``run`` runs one command and returns its exit status.
    Raises LabError, with nothing changed, where packages are missing and this is not root or not a machine with apt.
    """
    missing = missing_packages(find, flavour)
    if not missing:
        return []
    root = os.geteuid() == 0 if is_root is None else is_root
    if find("apt-get") is None:
        raise LabError(
            f"the lab needs these Debian packages, and this machine has no apt-get: {', '.join(missing)}",
            f"install the programs {', '.join(sorted(_programs_of(missing)))} by your own means; {_INSTEAD}",
        )
    if not root:
        raise LabError(
            f"the lab needs these packages, and installing them needs root: {', '.join(missing)}",
            f"sudo apt-get install {' '.join(missing)}; {_INSTEAD}",
        )
    progress(f"will install with apt-get: {', '.join(missing)}")
    # A machine that was never updated has no package lists, and an old list names files that are gone.
    for argv in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", *missing]):
        progress(f"+ {' '.join(argv)}")
        if status := run(argv):
            raise LabError(
                f"`{' '.join(argv)}` ended with status {status}: the lab's packages are not installed",
                f"run it by hand and read what it says; {_INSTEAD}",
            )
    if still := missing_packages(find, flavour):
        raise LabError(
            f"apt-get reported success and these packages' programs are still not there: {', '.join(still)}",
            f"look at: dpkg --status {' '.join(still)}; {_INSTEAD}",
        )
    return missing


def _programs_of(packages: Sequence[str]) -> set[str]:
    return {program for program, package in {**PROGRAMS, **UEFI_PROGRAMS}.items() if package in packages}
