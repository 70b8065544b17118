"""Packages of Enterprise Linux, Fedora and Amazon Linux: commands that only add, and the names around a kernel.

Source: dnf(8), yum(8), rpm(8); the package lists of Red Hat's kdump system role; kernel.spec of RHEL 7 to 9 (variants),
Oracle's debuginfo archive, Amazon Linux 2023's release notes (kernel6.12).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kdumpkit.command import Command, command
from kdumpkit.distributions.rpm_kernels import KernelPackage
from kdumpkit.errors import ParameterError
from kdumpkit.facts.rpm_versions import rpm_version_key

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._~^-]*")
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._~^-]*")
_MACHINE = re.compile(r"\.(x86_64|aarch64|ppc64le|ppc64|s390x|i686)$")
#: a kernel of each variant
KERNELS = ("kernel", "kernel-uek", "kernel-rt", "kernel-64k", "kernel-debug", "kernel6.12")
#: kernels, and what they are made of, are removed by rpm_kernels alone
_KERNEL = re.compile(
    r"kernel(?:6\.[0-9]+)?(?:-(?:uek|rt|64k|debug|core|modules|image|extra|internal|partner))*(?:-[0-9].*)?"
)

# The transaction is tried without being carried out first: one that would upgrade or remove anything is refused. What
# counts are the headings of its table: "Updating Subscription Management repositories." is none.
_INSTALL_SH = r"""
if said=$("$@" --assumeno 2>&1); then :; fi
if printf '%s\n' "$said" | grep -Eq '^(Upgrading|Updating|Downgrading|Removing)[a-z ]*:|^ +replacing '; then
  printf '%s\n' "$said" >&2
  echo 'kdumpkit: this would upgrade or remove packages, so nothing was installed' >&2
  exit 3
fi
exec "$@" --assumeyes
"""


# Which package a kernel is from is told by rpm alone where it is no kernel of the distribution's own (kernel-ml, or one
# of another naming): what is installed comes first, then what is on offer, the running kernel's package among it.
_OFFERED_SH = r"""
form='%{NAME} %{VERSION}-%{RELEASE}.%{ARCH} %{SOURCERPM}\n'
for directory in /lib/modules/*; do
  [ ! -d "$directory" ] || rpm --query --queryformat "installed ${directory##*/} $form" --file "$directory"
done | grep '^installed '
own=$(rpm --query --queryformat '%{NAME}\n' --file "/lib/modules/$(uname -r)" |
  sed -En 's/^(kernel[A-Za-z0-9._+-]*)$/\1/; T; s/-(core|modules.*)$//; p' | sort -u)
exec "$@" $own
"""
_INSTALLED = re.compile(r"installed (\S+) (\S+) (\S+) (\S+)")


@dataclass(frozen=True)
class KernelNames:
    """The names around one kernel release: its package, with version and machine, and that of its debug symbols.

    ``source`` is the package without its variant: kernel-64k and kernel-debug are built from what kernel is built from.
    """

    package: str
    version: str
    machine: str
    source: str

    @property
    def installed_as(self) -> str:
        """``kernel-5.14.0-427.el9.x86_64``: what rpm and dnf know it by."""
        return f"{self.package}-{self.version}{self.machine}"

    @property
    def debuginfo(self) -> str:
        """``kernel-debuginfo-5.14.0-427.el9.x86_64``."""
        return f"{self.package}-debuginfo-{self.version}{self.machine}"


def kernel_names(release: str) -> KernelNames:
    """The names for a release as uname tells it. Raises ParameterError for what is none.

    ``+64k``, ``+rt``, ``+debug`` (EL 9) and ``.debug`` (EL 7) are variants with packages of their own, ``.rt`` and
    ``uek`` in the version are as well.
    """
    if not _RELEASE.fullmatch(release):
        raise ParameterError(f"{release!r} is not a kernel release", "give what `uname -r` prints")
    base, _, variant = release.partition("+")
    if not variant and base.endswith(".debug"):
        base, variant = base.removesuffix(".debug"), "debug"
    found = _MACHINE.search(base)
    machine = found[0] if found else ""
    version = base.removesuffix(machine)
    name = "kernel"
    if version.endswith("uek"):
        name = "kernel-uek"
    elif re.search(r"\.rt[0-9]+\.", version):
        name = "kernel-rt"
    elif re.search(r"\.amzn20[2-9][0-9]$", version) and not version.startswith("6.1."):
        name = f"kernel{'.'.join(version.split('.')[:2])}"
    package = "-".join((name, *variant.replace("+", "-").split("-"))) if variant else name
    return KernelNames(package, version, machine, name)


def check_names(packages: Sequence[str]) -> None:
    """Raises ParameterError where one of these cannot be the name of a package, or none is given."""
    for name in packages:
        if not _NAME.fullmatch(name):
            raise ParameterError(f"{name!r} is not the name of a package", "names are letters, digits, + - . _")
    if not packages:
        raise ParameterError("no package was named", "give at least one")


def is_kernel(name: str) -> bool:
    """True for a package that a kernel, or a part of one, is in; debug symbols are none."""
    return "debuginfo" not in name and _KERNEL.fullmatch(name) is not None


def install_commands(tool: str, packages: Sequence[str], *, refresh: bool) -> tuple[Command, ...]:
    """Commands by ``dnf`` or ``yum`` that install these; a transaction that would do more is refused by the host.

    ``installonly_limit=0``: otherwise another kernel pushes the oldest one out.
    """
    check_names(packages)
    commands = []
    if refresh:
        words = ("makecache", "fast") if tool == "yum" else ("makecache",)
        commands.append(command(tool, "--quiet", *words, timeout_s=600, as_root=True))
    options = ["--setopt=installonly_limit=0", "--setopt=install_weak_deps=False", "--nobest"]
    if tool == "yum":
        options = ["--setopt=installonly_limit=0"]
    argv = ("sh", "-c", _INSTALL_SH, "sh", tool, *options, "install", *packages)
    title = f"{tool} install {' '.join(packages)}, where that upgrades and removes nothing"
    return (*commands, command(*argv, timeout_s=1800, as_root=True, title=title))


def remove_command(tool: str, packages: Sequence[str]) -> Command | None:
    """Removes these alone; None where one of them is a kernel."""
    check_names(packages)
    if any(is_kernel(name) for name in packages):
        return None
    option = "--setopt=clean_requirements_on_remove=False"
    return command(tool, option, "--assumeyes", "remove", *packages, timeout_s=900, as_root=True)


def offered_kernels_command(tool: str, packages: Sequence[str]) -> Command:
    """Lists every version of these kernel packages that the repositories offer, and the kernels that are installed."""
    words: tuple[str, ...] = ("--quiet", "--showduplicates", "list", "available", *packages)
    # status 1: none is on offer
    accepted: tuple[int, ...] = (0, 1)
    if tool != "yum":
        form = r"%{name}-%{version}-%{release}.%{arch}\n"
        words, accepted = ("--quiet", "repoquery", "--available", "--queryformat", form, *packages), (0,)
    title = f"kernels that are installed (rpm -qf) and on offer ({tool})"
    return command("sh", "-c", _OFFERED_SH, "sh", tool, *words, timeout_s=300, accepted=accepted, title=title)


def second_kernel(running_release: str, installed: Sequence[str], offered: str) -> str | None:
    """Another kernel of the running one's package, the newest; None where none is on offer.

    ``installed`` are releases, ``offered`` is what :func:`offered_kernels_command` printed. The package is what rpm
    says; for a kernel that is from none, what its release looks like.
    """
    owners: dict[str, list[KernelPackage]] = {}
    for line in offered.split("\n"):
        told = _INSTALLED.fullmatch(line.strip())
        if told:
            owners.setdefault(told[1], []).append(KernelPackage(*told.groups()[1:]))
    own = [one.kernel for one in owners.get(running_release, ()) if one.name.startswith("kernel")]
    package = own[0] if own else kernel_names(running_release).package
    have = {f"{names.version}{names.machine}" for names in map(kernel_names, installed)}
    have |= {one.version for found in owners.values() for one in found if one.kernel == package}
    return newest_other(package, tuple(have), offered)


def newest_other(package: str, have: Sequence[str], offered: str) -> str | None:
    """The newest offered version of this package whose release is not there; None where there is none.

    ``offered`` is what :func:`offered_kernels_command` printed: ``name-version.arch`` lines, or columns of yum.
    """
    versions = set()
    for line in offered.split("\n"):
        words = line.split()
        if len(words) >= 2 and words[0].startswith(f"{package}.") and words[1][:1].isdigit():
            # yum: name.arch, [epoch:]version, repository
            versions.add(f"{words[1].rpartition(':')[2]}{words[0].removeprefix(package)}")
        elif len(words) == 1 and words[0].startswith(f"{package}-"):
            versions.add(words[0].removeprefix(f"{package}-"))
    others = [version for version in versions if version[:1].isdigit() and version not in have]
    newest = max(others, key=rpm_version_key, default=None)
    return None if newest is None else f"{package}-{newest}"
