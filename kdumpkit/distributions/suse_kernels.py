"""Kernels of SUSE: which release a version of a package is, what is on offer, and which one is started.

Kernels are installed beside each other (``multiversion = provides:multiversion(kernel)`` in /etc/zypp/zypp.conf, the
default since SLES 12). ``purge-kernels.service`` removes at boot what ``multiversion.kernels`` does not keep, by
default all but ``latest,latest-1,running``.

**Source**: "Installing multiple kernel versions" of the SLES 12 and 15 administration guides; zypper(8);
kernel-binary.spec of kernel-source (the release of a kernel is the package's version without the last number, and the
flavour).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdumpkit.command import Command, command
from kdumpkit.distributions import grub_kernels
from kdumpkit.distributions.answers import BootLoaderEdit
from kdumpkit.distributions.suse_boot_loader import GRUB
from kdumpkit.errors import ParameterError, UnsupportedHost
from kdumpkit.facts.grub import ENVIRONMENTS
from kdumpkit.facts.rpm_versions import rpm_version_key
from kdumpkit.facts.suse_boot_loader import ENTRY_TYPES, SETTINGS, loader_type

#: grub2.spec of SUSE installs grub2-reboot and, beside it, grub2-once of its own; grub2-reboot takes the ids by which
#: the entry is found here, as on other families
PROGRAMS = grub_kernels.GrubPrograms("grub2-set-default", "grub2-reboot", ENVIRONMENTS[1])
#: the flavours that kernel packages are named for
FLAVOURS = ("default", "preempt", "rt", "azure", "64kb", "longterm", "vanilla")
RELEASE = re.compile(r"[0-9][A-Za-z0-9+.~_]*(?:-[A-Za-z0-9+.~_]+)*-[a-z0-9]+")
_VERSION = re.compile(r"[0-9][A-Za-z0-9+.~_]*-[A-Za-z0-9+.~_]+")


@dataclass(frozen=True)
class OfferedKernel:
    """A kernel package that the repositories have, or that is installed."""

    name: str
    version: str
    installed: bool

    @property
    def release(self) -> str:
        """What ``uname -r`` prints on it: 5.14.21-150500.55.52.1 of kernel-default is 5.14.21-150500.55.52-default."""
        return f"{self.version.rpartition('.')[0]}-{self.name.removeprefix('kernel-')}"

    @property
    def label(self) -> str:
        """How zypper is asked for this very version."""
        return f"{self.name}={self.version}"


def flavour_of(release: str) -> str:
    """``default`` of 6.4.0-150600.23.25-default. Raises ParameterError for what is no release."""
    if not RELEASE.fullmatch(release):
        raise ParameterError(f"{release!r} is not a kernel release", "give what `uname -r` prints")
    return release.rpartition("-")[2]


def search_command() -> Command:
    """Lists every version of every flavour's kernel package; status 104: none is on offer."""
    names = (f"kernel-{flavour}" for flavour in FLAVOURS)
    options = ("--non-interactive", "--no-refresh", "search", "--details", "--match-exact", "--type", "package")
    return command("zypper", *options, *names, timeout_s=180, as_root=True, accepted=(0, 104))


def parse_search(text: str) -> tuple[OfferedKernel, ...]:
    """The kernel packages in zypper's table, in its order and each version once; other lines are left out."""
    found: dict[tuple[str, str], OfferedKernel] = {}
    for line in text.split("\n"):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 5 or cells[2] != "package" or not cells[1].startswith("kernel-"):
            continue
        status, name, _, version = cells[:4]
        if name.removeprefix("kernel-") not in FLAVOURS or not _VERSION.fullmatch(version):
            continue
        known = found.get((name, version))
        # i: installed, i+: by request, v: another version is installed
        installed = status.startswith("i") or (known is not None and known.installed)
        found[(name, version)] = OfferedKernel(name, version, installed)
    return tuple(found.values())


def second_kernel(running_release: str, installed: Sequence[str], offered: str) -> str | None:
    """The package of another kernel of the running one's flavour: the newest that is not on the host yet."""
    name = f"kernel-{flavour_of(running_release)}"
    have = {running_release, *installed}
    others = [
        kernel
        for kernel in parse_search(offered)
        if kernel.name == name and not kernel.installed and kernel.release not in have
    ]
    return max(others, key=lambda kernel: rpm_version_key(kernel.version)).label if others else None


def edit_default_kernel(files: Mapping[str, bytes], release: str, distribution: str) -> BootLoaderEdit:
    """The edits and commands after which each boot starts this kernel; none where each does already.

    Raises UnsupportedHost where another boot loader than GRUB decides, ParameterError where no entry starts it.
    """
    _check_grub(files, distribution, f"bootctl set-default, with the entry of {release}")
    return grub_kernels.edit_default_kernel(GRUB, PROGRAMS, files, release)


def edit_boot_once(files: Mapping[str, bytes], release: str, distribution: str) -> BootLoaderEdit:
    """The command after which the next boot alone starts this kernel. Raises as :func:`edit_default_kernel`."""
    _check_grub(files, distribution, f"bootctl set-oneshot, with the entry of {release}")
    return grub_kernels.edit_boot_once(GRUB, PROGRAMS, files, release)


def _check_grub(files: Mapping[str, bytes], distribution: str, instead: str) -> None:
    kind = loader_type(files.get(SETTINGS))
    if kind in ENTRY_TYPES:
        raise UnsupportedHost(
            f"{distribution}: LOADER_TYPE={kind} in {SETTINGS}, so the entries are in the hands of sdbootutil; nothing "
            "was changed",
            f"by hand: {instead}",
        )
