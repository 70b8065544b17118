"""Kernels that rpm knows: which packages one is from, what else needs them, and how they are removed.

rpm itself removes, and neither dnf nor zypper: those take along what depends on a package, and rpm refuses instead.

**Source**: rpm(8); kernel.spec of RHEL 7 to 10 and Fedora (which parts a kernel has), kernel-uek.spec,
kernel-binary.spec of SUSE's kernel-source.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kdumpkit.command import Command, command
from kdumpkit.distributions.base import Distribution
from kdumpkit.errors import ParameterError

#: the packages that one kernel is made of, by what stands behind its name; the longest first
_PARTS = (
    *("-modules-extra-matched", "-modules-internal", "-modules-partner", "-modules-extra", "-modules-core"),
    *("-uki-virt", "-modules", "-optional", "-extra", "-core", ""),
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._~^-]*")
_LINE = re.compile(r"(owner|beside) (\S+) (\S+) (\S+)")
_NEEDED = re.compile(r"\s+\S.* is needed by \(installed\) (\S+)")

# A kernel's files are owned by some of its packages; the others are told by their name, version and source package.
_OWNERS_SH = r"""
form='%{NAME} %{VERSION}-%{RELEASE}.%{ARCH} %{SOURCERPM}\n'
for path in "/boot/vmlinuz-$1" "/boot/Image-$1" "/boot/image-$1" "/lib/modules/$1"; do
  [ ! -e "$path" ] || rpm --query --queryformat "owner $form" --file "$path"
done
rpm --query --all --queryformat "beside $form" 'kernel*'
"""

# With --test nothing is removed; what is needed by others is told on standard error, with status 1.
_TEST_SH = r"""
if said=$(rpm --erase --test -- "$@" 2>&1); then printf 'removes %s\n' "$@"; else printf '%s\n' "$said"; fi
"""


@dataclass(frozen=True)
class KernelPackage:
    """A package as rpm tells it: ``version`` is version, release and machine together."""

    name: str
    version: str
    source: str

    @property
    def installed_as(self) -> str:
        """``kernel-core-5.14.0-427.el9.x86_64``."""
        return f"{self.name}-{self.version}"

    @property
    def kernel(self) -> str:
        """The name without that of a part: ``kernel`` of kernel-core, ``kernel-debug`` of kernel-debug-modules."""
        return next(self.name.removesuffix(part) for part in _PARTS if self.name.endswith(part))


class RpmDistribution(Distribution):
    """What families whose packages are rpm's share."""

    def kernel_owner_command(self, release: str) -> Command:
        return kernel_owner_command(release)

    def parse_kernel_owners(self, text: str, release: str) -> tuple[str, ...]:
        return parse_kernel_owners(text)

    def simulated_removal_command(self, packages: tuple[str, ...]) -> Command:
        return simulated_removal_command(packages)

    def parse_simulated_removal(self, text: str) -> tuple[str, ...]:
        return parse_simulated_removal(text)

    def remove_kernel_command(self, packages: tuple[str, ...]) -> Command:
        return remove_kernel_command(packages)


def kernel_owner_command(release: str) -> Command:
    """A read-only command that tells which packages a kernel's files are from, and every kernel package there is."""
    if not _NAME.fullmatch(release):
        raise ParameterError(f"{release!r} is not a kernel release", "give what `uname -r` prints")
    title = f"rpm -qf /boot/vmlinuz-{release} /lib/modules/{release}, and rpm -qa kernel*"
    # status 1: one of the files is from no package
    argv = ("sh", "-c", _OWNERS_SH, "sh", release)
    return Command(argv, timeout_s=120, accepted=(0, 1), title=title)


def parse_kernel_packages(text: str) -> tuple[tuple[KernelPackage, ...], tuple[KernelPackage, ...]]:
    """The packages that own the kernel's files, and every kernel package there is, each once."""
    found: dict[str, list[KernelPackage]] = {"owner": [], "beside": []}
    for line in text.split("\n"):
        told = _LINE.fullmatch(line.strip())
        if told:
            found[told[1]].append(KernelPackage(*told.groups()[1:]))
    return tuple(dict.fromkeys(found["owner"])), tuple(dict.fromkeys(found["beside"]))


def parse_kernel_owners(text: str) -> tuple[str, ...]:
    """The packages that one kernel is made of, by :func:`kernel_owner_command`'s answer; () where it is from none.

    Packages that are only built from the same source (headers, tools, another variant) are none of them.
    """
    owners, beside = parse_kernel_packages(text)
    kernels = {(one.kernel, one.version, one.source) for one in owners if one.name.startswith("kernel")}
    every = dict.fromkeys((*owners, *beside))
    return tuple(one.installed_as for one in every if (one.kernel, one.version, one.source) in kernels)


def simulated_removal_command(packages: Sequence[str]) -> Command:
    """A read-only command that tells whether these can be removed, and else what needs them."""
    _check_names(packages)
    title = f"rpm --erase --test {' '.join(packages)}"
    return command("sh", "-c", _TEST_SH, "sh", *packages, timeout_s=120, as_root=True, title=title)


def parse_simulated_removal(text: str) -> tuple[str, ...]:
    """The packages that would be removed: those that were named, or those that stand in the way of it."""
    found = []
    for line in text.split("\n"):
        needed = _NEEDED.fullmatch(line)
        if needed:
            found.append(needed[1])
        elif line.startswith("removes "):
            found.append(line.removeprefix("removes ").strip())
    return tuple(dict.fromkeys(found))


def remove_kernel_command(packages: Sequence[str]) -> Command:
    """Removes these and nothing else; their own scripts take the boot entry and the initramfs away."""
    _check_names(packages)
    return command("rpm", "--erase", "--", *packages, timeout_s=900, as_root=True)


def _check_names(packages: Sequence[str]) -> None:
    for name in packages:
        if not _NAME.fullmatch(name):
            raise ParameterError(f"{name!r} is not the name of a package", "names are letters, digits, + - . _ ~ ^")
    if not packages:
        raise ParameterError("no package was named", "give at least one")
