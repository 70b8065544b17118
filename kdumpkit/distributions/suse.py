"""SLES, openSUSE Leap and Tumbleweed: kdump, GRUB by grub2-mkconfig, zypper and rpm.

Written from documents and sources, not from a host: kdump 0.8 to 2.1 of openSUSE, the guides of SLES 12, 15 and 16,
zypper(8).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from kdumpkit.command import Command, command
from kdumpkit.distributions import suse_dumps, suse_kernels
from kdumpkit.distributions.answers import (
    BootLoaderEdit,
    CaptureFacts,
    CaptureFiles,
    CrashkernelRecommendation,
    DumpCandidate,
    FileEdit,
    KdumpService,
    KexecLoad,
    PackageNeed,
    SettingsWanted,
    SizingFacts,
    SymbolPackages,
)
from kdumpkit.distributions.rpm_kernels import RpmDistribution
from kdumpkit.distributions.support import CHECKS_ONLY, Proof, Support
from kdumpkit.distributions.suse_boot_loader import GRUB, crashkernel_remedy, edit_suse, transactional_remedy
from kdumpkit.distributions.suse_crashkernel import recommend_suse
from kdumpkit.distributions.suse_kexec import capture_files, kexec_load
from kdumpkit.distributions.suse_settings import edit_sysconfig_kdump
from kdumpkit.errors import ParameterError, UnsupportedHost
from kdumpkit.facts.kdumptool import calibrate_command
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.rpm_packages import read_rpm_packages
from kdumpkit.facts.rpm_versions import rpm_version_key
from kdumpkit.facts.survey import SurveyRequest
from kdumpkit.facts.suse_boot_loader import PATHS as BOOT_LOADER_PATHS
from kdumpkit.facts.suse_boot_loader import suse_boot_loader_from
from kdumpkit.facts.sysconfig_kdump import DEFAULT_DIRECTORY
from kdumpkit.facts.sysconfig_kdump import PATH as SETTINGS
from kdumpkit.facts.sysconfig_kdump_settings import sysconfig_kdump_settings_from

#: systems whose root is read-only and changed by snapshots only
TRANSACTIONAL = frozenset({"sle-micro", "sl-micro", "suse-microos", "opensuse-microos", "opensuse-leap-micro"})

# a version may stand behind the name: kernel-default=6.4.0-150600.23.25.1
_PACKAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*(?:=[A-Za-z0-9+.~_:-]+)?")

# No option of zypper keeps what is installed at its version where a new package needs another: the solver only prefers
# it. So the transaction is tried first, and one that would do more than add is refused, by the headings of its summary.
_INSTALL_SH = r"""
if said=$(zypper --non-interactive install --dry-run "$@" 2>&1); then :; fi
if printf '%s\n' "$said" |
  grep -Eq '^The following .*going to (be (upgraded|downgraded|REMOVED)|change (vendor|architecture))'; then
  printf '%s\n' "$said" >&2
  echo 'kdumpkit: this would upgrade or remove packages, so nothing was installed' >&2
  exit 3
fi
exec zypper --non-interactive install "$@"
"""


class Suse(RpmDistribution):
    """SUSE Linux Enterprise, openSUSE, and what says in ID_LIKE that it is like them."""

    family: ClassVar[str] = "suse"
    ids: ClassVar[frozenset[str]] = frozenset(
        {"suse", "sles", "sled", "sles_sap", "sle_hpc", "opensuse", "opensuse-leap", "opensuse-tumbleweed"}
    )
    support: ClassVar[tuple[Support, ...]] = (
        Support("SLES 15, x86_64", "UEFI, GRUB, high and low part", Proof.DOCUMENTS, "sles-15", CHECKS_ONLY),
        Support("SLES 16, aarch64", "UEFI, GRUB", Proof.DOCUMENTS, "sles-16", CHECKS_ONLY),
        Support(
            "openSUSE Tumbleweed, x86_64",
            "UEFI, GRUB or systemd-boot",
            Proof.DOCUMENTS,
            "opensuse-tumbleweed",
            CHECKS_ONLY,
        ),
    )

    @property
    def version(self) -> tuple[int, ...]:
        """(15, 5) of 15.5 and of 15-SP5; very large for a rolling release, whose VERSION_ID is a date."""
        numbers = tuple(int(digits) for digits in re.findall(r"[0-9]{1,8}", self.os_release.version_id or "")[:2])
        return numbers or (9999,)

    @property
    def is_transactional(self) -> bool:
        return self.os_release.id in TRANSACTIONAL

    # Packages

    def survey_request(self, release: str | None = None) -> SurveyRequest:
        needs = tuple(need.name for need in self.package_needs())
        symbols = self.symbol_packages(release).packages if release else ()
        return SurveyRequest(
            packages=(*needs, *symbols),
            units=("kdump.service", "kdump-early.service", "kdump-commandline.service"),
            dump_directory=DEFAULT_DIRECTORY,
            read_packages=read_rpm_packages,
            release_order=rpm_version_key,
            # arm64 and s390x
            # /var/lib/kdump/kernel is the capture kernel
            kernel_names=("[Ii]mage-*", "kernel"),
            settings_paths=(SETTINGS,),
            parse_settings=sysconfig_kdump_settings_from,
            # kdump's own settings take part: by them a service writes its crashkernel= into the boot loader
            boot_loader_paths=(*BOOT_LOADER_PATHS, SETTINGS),
            parse_boot_loader=suse_boot_loader_from,
        )

    def package_needs(self) -> tuple[PackageNeed, ...]:
        return (
            PackageNeed("kdump", "loads the capture kernel at boot and saves the dump after a panic"),
            PackageNeed("kexec-tools", "kexec puts the capture kernel into the reserved memory"),
            PackageNeed("makedumpfile", "leaves free pages out of the dump"),
            PackageNeed("crash", "a second opinion on a dump, where it is read on this host", required=False),
        )

    def install_commands(self, packages: Sequence[str], *, refresh: bool = True) -> tuple[Command, ...]:
        self._check_names(packages)
        self._refuse_transactional("packages are installed into a new snapshot", f"pkg install {' '.join(packages)}")
        commands = [_zypper("refresh", timeout_s=600)] if refresh else []
        options = ["--no-recommends"]
        if self.version >= (15,):
            # libzypp 17: what is installed is preferred to a newer one, as far as what is installed anew allows
            options += ["--solver-focus", "Installed"]
        argv = ("sh", "-c", _INSTALL_SH, "sh", *options, "--", *packages)
        title = f"zypper install {' '.join(packages)}, where that upgrades and removes nothing"
        return (*commands, command(*argv, timeout_s=1800, as_root=True, title=title))

    def install_remedy(self, packages: Sequence[str]) -> str:
        if self.is_transactional:
            return f"transactional-update pkg install {' '.join(packages)} && reboot"
        return f"zypper install --no-recommends {' '.join(packages)}"

    def repair_remedy(self) -> str:
        return "rpm --rebuilddb && zypper verify"

    def remove_command(self, packages: Sequence[str]) -> Command | None:
        self._check_names(packages)
        names = [name.replace("=", "-") for name in packages]
        if any(name.startswith("kernel-") and "-debuginfo" not in name for name in names):
            return None
        # zypper would take what depends on them along without a question; rpm refuses
        return command("rpm", "--erase", "--", *names, timeout_s=900, as_root=True)

    def kernel_packages_command(self) -> Command:
        return suse_kernels.search_command()

    def second_kernel(self, running_release: str, installed: Sequence[str], offered: str) -> str | None:
        return suse_kernels.second_kernel(running_release, installed, offered)

    def symbol_packages(self, release: str) -> SymbolPackages:
        package = f"kernel-{suse_kernels.flavour_of(release)}-debuginfo"
        # where /boot/vmlinuz-<release> is a link into /usr/lib/modules, the symbols lie by that path
        merged = self.version >= (16,)
        vmlinux = (
            f"/usr/lib/debug/usr/lib/modules/{release}/vmlinux.debug"
            if merged
            else f"/usr/lib/debug/boot/vmlinux-{release}.debug"
        )
        install = f"zypper --plus-content debug install --no-recommends {package}"
        return SymbolPackages(
            release,
            (package,),
            vmlinux,
            "debug symbols are in repositories of their own, which are set up and switched off; the package has to be "
            "of the running kernel's version, and crash needs it beside the kernel itself (vmlinux in /boot, packed)",
            install,
            f"rpm --query --file /lib/modules/{release}",
            ("zypper repos | grep -i debug", f"zypper --plus-content debug search --details {package}", install),
        )

    # Reservation and boot loader

    def estimate_command(self) -> Command | None:
        return calibrate_command()

    def recommend_crashkernel(self, sizing: SizingFacts) -> CrashkernelRecommendation:
        return recommend_suse(sizing, self.name)

    def edit_crashkernel(self, files: Mapping[str, bytes], value: str) -> BootLoaderEdit:
        self._refuse_transactional("the boot loader is set up from inside a snapshot", "setup-kdump")
        return edit_suse(files, value, self.name)

    def regenerate_remedy(self) -> str:
        return transactional_remedy() if self.is_transactional else GRUB.regenerate.shown()

    def crashkernel_remedy(self, value: str) -> str:
        if self.is_transactional:
            return transactional_remedy()
        return crashkernel_remedy(value, by_kdump=self.version >= (16,))

    # Kernels

    def edit_default_kernel(self, files: Mapping[str, bytes], release: str) -> BootLoaderEdit:
        self._refuse_transactional("the boot loader is set up from inside a snapshot", "grub.cfg")
        return suse_kernels.edit_default_kernel(files, release, self.name)

    def edit_boot_once(self, files: Mapping[str, bytes], release: str) -> BootLoaderEdit:
        self._refuse_transactional("the boot loader is set up from inside a snapshot", "grub.cfg")
        return suse_kernels.edit_boot_once(files, release, self.name)

    def remove_kernel_command(self, packages: tuple[str, ...]) -> Command:
        self._refuse_transactional("packages are removed in a new snapshot", f"pkg remove {' '.join(packages)}")
        return super().remove_kernel_command(packages)

    # Service and loading

    def kdump_service(self) -> KdumpService:
        return KdumpService(
            "kdump.service",
            SETTINGS,
            # the first start may build the kdump initramfs, which takes minutes on a slow machine
            command("systemctl", "restart", "kdump.service", timeout_s=900, as_root=True),
            command("kexec", "-p", "-u", timeout_s=60, as_root=True),
        )

    def edit_settings(self, files: Mapping[str, bytes], wanted: SettingsWanted) -> tuple[FileEdit, ...]:
        return edit_sysconfig_kdump(files.get(SETTINGS), wanted)

    def capture_files(self, host: CaptureFacts) -> CaptureFiles:
        suse_kernels.flavour_of(host.release)
        # kdump 0.9 came with 15 SP1
        return capture_files(host.release, in_boot=self.version < (15, 1))

    def kexec_load(
        self, host: CaptureFacts, *, command_line: KernelCommandLine, root: str | None, signed: bool
    ) -> KexecLoad:
        return kexec_load(
            self.capture_files(host),
            host,
            command_line,
            signed=signed,
            # kexec-tools 2.0.19 and later
            tries_both=self.version >= (15, 1),
        )

    # Dumps

    def dump_listing_command(self, directory: str) -> Command:
        return suse_dumps.listing_command(directory)

    def parse_dump_listing(self, listing: bytes, directory: str) -> tuple[DumpCandidate, ...]:
        return suse_dumps.parse_listing(listing, directory)

    def _check_names(self, packages: Sequence[str]) -> None:
        for name in packages:
            if not _PACKAGE_NAME.fullmatch(name):
                raise ParameterError(f"{name!r} is not the name of a package", "names are letters, digits, + - . _")
        if not packages:
            raise ParameterError("no package was named", "give at least one")

    def _refuse_transactional(self, why: str, what: str) -> None:
        if self.is_transactional:
            raise UnsupportedHost(
                f"{self.name}: the root file system is read-only and {why}, which kdumpkit does not do; nothing was "
                "changed",
                f"transactional-update {what} && reboot",
            )


def _zypper(*words: str, timeout_s: float) -> Command:
    return command("zypper", "--non-interactive", *words, timeout_s=timeout_s, as_root=True)
