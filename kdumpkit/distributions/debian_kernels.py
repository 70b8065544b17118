"""Kernels of Debian and Ubuntu: how the entry of one is named, which packages it is from, and how they are removed.

Read from grub2-common 2.06 (grub-set-default, grub-reboot) and apt 2.6.
"""

from __future__ import annotations

import re

from kdumpkit.command import Command, command
from kdumpkit.distributions.grub_kernels import GrubPrograms
from kdumpkit.facts.grub import ENVIRONMENTS

PROGRAMS = GrubPrograms("grub-set-default", "grub-reboot", ENVIRONMENTS[0])


def kernel_owner_command(release: str) -> Command:
    """A read-only command that tells which packages a kernel's files are from."""
    # status 1: one of the files is from no package
    paths = (f"/boot/vmlinuz-{release}", f"/lib/modules/{release}")
    return Command(("dpkg-query", "--search", "--", *paths), timeout_s=60, accepted=(0, 1))


_OWNER = re.compile(r"([a-z0-9][a-z0-9+.:, -]*): (/\S+)")
_REMOVED = re.compile(r"Remv ([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9]+)? .*")


def parse_kernel_owners(text: str, release: str) -> tuple[str, ...]:
    """The packages that carry this release's kernel and modules, by :func:`kernel_owner_command`'s answer."""
    found: list[str] = []
    for line in text.split("\n"):
        owner = _OWNER.fullmatch(line.strip())
        if owner:
            found += [name.strip().partition(":")[0] for name in owner[1].split(",")]
    # a directory of modules may be shared with packages of drivers; those of the kernel have its release in the name
    return tuple(dict.fromkeys(name for name in found if name.endswith(release) and name.startswith("linux-")))


def simulated_removal_command(packages: tuple[str, ...]) -> Command:
    """A read-only command that tells what removing these would take along."""
    return command("apt-get", "--simulate", "--quiet", "remove", "--", *packages, timeout_s=120)


def parse_simulated_removal(text: str) -> tuple[str, ...]:
    """The packages that would be removed."""
    lines = (_REMOVED.fullmatch(line.strip()) for line in text.split("\n"))
    return tuple(dict.fromkeys(found[1] for found in lines if found))


def remove_kernel_command(packages: tuple[str, ...]) -> Command:
    """Removes kernel packages; their own scripts make the boot menu anew."""
    options = ("--yes", "-o", "DPkg::Lock::Timeout=120")
    argv = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "remove", *options, "--", *packages)
    return command(*argv, timeout_s=900, as_root=True)
