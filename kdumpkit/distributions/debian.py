"""Debian and Ubuntu: kdump-tools, GRUB by update-grub, apt.

Read from the packages themselves: kdump-tools 1:1.8.1 (Debian 12) and 1:1.10.9, kexec-tools 1:2.0.25, grub2 2.06.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from kdumpkit.command import Command, command
from kdumpkit.distributions import debian_kernels, dump_listing, grub_kernels, kdump_tools_dumps
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
from kdumpkit.distributions.base import Distribution
from kdumpkit.distributions.crashkernel_sizes import recommend
from kdumpkit.distributions.grub_crashkernel import GrubLayout, edit_grub_settings, grub_remedy
from kdumpkit.distributions.kdump_tools_kexec import capture_files, kexec_load
from kdumpkit.distributions.kdump_tools_settings import edit_kdump_tools
from kdumpkit.distributions.support import CHECKS_ONLY, Proof, Support
from kdumpkit.errors import ParameterError, UnsupportedHost
from kdumpkit.facts import fstab, grub, grub_cfg
from kdumpkit.facts.boot_loader import grub_boot_loader_from
from kdumpkit.facts.cpus import PATH as CPUS
from kdumpkit.facts.installed_kernels import version_key
from kdumpkit.facts.kdump_default import KdumpDefault
from kdumpkit.facts.kdump_tools import PATH as SETTINGS
from kdumpkit.facts.kdump_tools import kdump_tools_settings_from
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.survey import SurveyRequest

PACKAGED_DROP_IN = "/etc/default/grub.d/kdump-tools.cfg"
GRUB = GrubLayout(
    settings="/etc/default/grub",
    directory="/etc/default/grub.d",
    own_drop_in="/etc/default/grub.d/zz-kdumpkit.cfg",
    packaged_drop_in=PACKAGED_DROP_IN,
    generated=("/boot/grub/grub.cfg",),
    regenerate=command("update-grub", timeout_s=600, as_root=True),
)

#: arm64 and ppc64el since 1:1.8, every architecture of Ubuntu since 24.10
_BY_RAM = "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"

_PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_-]*")
_PACKAGED_VALUE = re.compile(rb"crashkernel=([^\s\"']+)")


class Debian(Distribution):
    """Debian, Ubuntu, and what says in ID_LIKE that it is like them."""

    family: ClassVar[str] = "debian"
    ids: ClassVar[frozenset[str]] = frozenset({"debian", "ubuntu"})
    support: ClassVar[tuple[Support, ...]] = (
        Support("Debian 12, x86_64", "BIOS, GRUB, root on a partition", Proof.CRASHED, "debian"),
        Support("Debian 12, x86_64", "UEFI, GRUB", Proof.CRASHED, "debian-uefi", "Secure Boot and shim"),
        Support("Debian 12, x86_64", "BIOS, GRUB, root on LVM", Proof.CRASHED, "debian-lvm"),
        Support("Ubuntu 24.04, x86_64", "UEFI, GRUB", Proof.DOCUMENTS, "ubuntu-24.04", CHECKS_ONLY),
        Support("Ubuntu 26.04, x86_64", "UEFI, GRUB", Proof.DOCUMENTS, "ubuntu-26.04", CHECKS_ONLY),
    )

    # kdump-tools-dump.service of the system itself, which comes after local-fs.target
    capture_mounts_fstab: ClassVar[bool] = True

    @property
    def is_ubuntu(self) -> bool:
        return self.os_release.id == "ubuntu" or "ubuntu" in self.os_release.id_like

    # Packages

    def survey_request(self, release: str | None = None) -> SurveyRequest:
        needs = tuple(need.name for need in self.package_needs())
        symbols = self.symbol_packages(release).packages if release else ()
        return SurveyRequest(
            packages=(*needs, *symbols),
            units=("kdump-tools.service", "kdump-tools-dump.service", "kexec-load.service"),
            dump_directory="/var/crash",
            settings_paths=(SETTINGS,),
            other_paths=(fstab.PATH, *((CPUS,) if self.kdump_default() else ())),
            parse_settings=kdump_tools_settings_from,
            boot_loader_paths=(*grub.PATHS, *grub.ENVIRONMENTS, *grub_cfg.PATHS),
            parse_boot_loader=grub_boot_loader_from,
        )

    def package_needs(self) -> tuple[PackageNeed, ...]:
        return (
            PackageNeed("kdump-tools", "loads the capture kernel at boot and saves the dump after a panic"),
            PackageNeed("kexec-tools", "kexec puts the capture kernel into the reserved memory"),
            PackageNeed("makedumpfile", "leaves free pages out of the dump; without it all of RAM is copied"),
            PackageNeed("initramfs-tools-core", "mkinitramfs builds the kdump initramfs"),
            PackageNeed("crash", "a second opinion on a dump, where it is read on this host", required=False),
        )

    def install_commands(self, packages: Sequence[str], *, refresh: bool = True) -> tuple[Command, ...]:
        self._check_names(packages)
        commands = []
        if refresh:
            commands.append(_apt("update", timeout_s=600))
        if "kexec-tools" in packages:
            # the package's own default is true: `reboot` would then start the new kernel by kexec, past GRUB, with
            # the old command line, and a changed crashkernel= would not take effect (/etc/init.d/kexec-load)
            answer = b"kexec-tools kexec-tools/load_kexec boolean false\n"
            commands.append(command("debconf-set-selections", stdin=answer, as_root=True))
        options = ["--yes", "--no-upgrade", "--no-remove", "--no-install-recommends"]
        for option in ("Dpkg::Options::=--force-confdef", "Dpkg::Options::=--force-confold", "DPkg::Lock::Timeout=120"):
            options += ["-o", option]
        commands.append(_apt("install", *options, "--", *packages, timeout_s=1800))
        return tuple(commands)

    @property
    def install_note(self) -> str:
        # apt's --no-upgrade is about the packages that are named, apt-get(8)
        return (
            "nothing is removed, and of what is installed already only that is upgraded of which a package that is "
            "installed now needs a newer version"
        )

    def install_remedy(self, packages: Sequence[str]) -> str:
        return f"apt-get install {' '.join(packages)}"

    def repair_remedy(self) -> str:
        return "dpkg --configure -a && apt-get -f install"

    def remove_command(self, packages: Sequence[str]) -> Command | None:
        self._check_names(packages)
        if any(name.startswith(("linux-image-", "linux-modules-")) and not _is_symbols(name) for name in packages):
            return None
        # apt-get would take along what depends on them; dpkg refuses then
        argv = ("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--remove", "--", *packages)
        return command(*argv, timeout_s=900, as_root=True)

    def kernel_packages_command(self) -> Command:
        return command("apt-cache", "pkgnames", "linux-image-", timeout_s=120)

    def second_kernel(self, running_release: str, installed: Sequence[str], offered: str) -> str | None:
        base, flavour = _split_release(running_release)
        have = {running_release, *installed}
        found: dict[str, tuple[str, str]] = {}
        for line in offered.split("\n"):
            name = line.strip()
            release = name.removeprefix("linux-image-")
            if release != name and _RELEASE.fullmatch(release) and release[0].isdigit() and release not in have:
                other, its_flavour = _split_release(release)
                if its_flavour == flavour:
                    found[name] = (other, release)
        # the same upstream version first: a backport can behave differently; then the newest
        same = [name for name, (other, _) in found.items() if other.split("-")[0] == base.split("-")[0]]
        return max(same or list(found), key=version_key, default=None)

    def symbol_packages(self, release: str) -> SymbolPackages:
        self._check_release(release)
        vmlinux, owner = f"/usr/lib/debug/boot/vmlinux-{release}", f"dpkg-query --search /boot/vmlinuz-{release}"
        if not self.is_ubuntu:
            return SymbolPackages(
                release,
                (f"linux-image-{release}-dbg",),
                vmlinux,
                "the package is in the same archive (main) as the kernel, and leaves it with the kernel: "
                "refresh the package lists, or take it from Debian's snapshot archive by the kernel's exact version",
                self.install_remedy((f"linux-image-{release}-dbg",)),
                owner,
                ("apt-get update", f"apt-get install --yes linux-image-{release}-dbg"),
            )
        return SymbolPackages(
            release,
            (f"linux-image-unsigned-{release}-dbgsym", f"linux-image-{release}-dbgsym"),
            vmlinux,
            "debug symbols are in an archive of their own, ddebs, which has to be added and is some days behind "
            "the kernels",
            self.install_remedy((f"linux-image-unsigned-{release}-dbgsym",)),
            owner,
            (
                "apt-get install --yes ubuntu-dbgsym-keyring",
                'for part in "" -updates; do echo "deb http://ddebs.ubuntu.com $(lsb_release -cs)$part main '
                "restricted universe"
                ' multiverse"; done > /etc/apt/sources.list.d/ddebs.list',
                "apt-get update",
                f"apt-get install --yes linux-image-unsigned-{release}-dbgsym",
            ),
        )

    # Reservation and boot loader

    def recommend_crashkernel(self, sizing: SizingFacts) -> CrashkernelRecommendation:
        packaged = _PACKAGED_VALUE.findall(sizing.files.get(PACKAGED_DROP_IN, b""))
        if packaged:
            value, source = packaged[-1].decode("ascii", "replace"), PACKAGED_DROP_IN
        else:
            value, source = self._default_crashkernel(sizing.machine)
        return recommend(sizing.ram_bytes, sizing.machine, value, source, self.name)

    def _default_crashkernel(self, machine: str) -> tuple[str, str]:
        version = _numbers(self.os_release.version_id or "")
        if machine in ("aarch64", "ppc64le"):
            return _BY_RAM, "kdump-tools 1:1.8 and later, /etc/default/grub.d/kdump-tools.cfg on arm64 and ppc64el"
        if machine == "s390x" and (self.os_release.id != "ubuntu" or (0,) < version < (24, 10)):
            return "384M-:128M", "kdump-tools, which puts it into /etc/zipl.conf on s390x"
        if self.os_release.id == "ubuntu":
            if not version or version >= (24, 10):
                return _BY_RAM, "Ubuntu 24.10 and later (Ubuntu server documentation)"
            if version >= (20, 4):
                return "512M-:192M", "Ubuntu 20.04 to 24.04, /etc/default/grub.d/kdump-tools.cfg"
            return "384M-:128M", "Ubuntu before 20.04, /etc/default/grub.d/kdump-tools.cfg"
        if self.os_release.id == "debian" and version and version < (13,):
            return "384M-:128M", "kdump-tools before 1:1.9, /etc/default/grub.d/kdump-tools.cfg"
        return "512M-:192M", "kdump-tools 1:1.9 and later, /etc/default/grub.d/kdump-tools.cfg"

    def edit_crashkernel(self, files: Mapping[str, bytes], value: str) -> BootLoaderEdit:
        if GRUB.settings not in files:
            raise UnsupportedHost(
                f"{self.name}: there is no {GRUB.settings}, so this host does not boot by GRUB and update-grub, "
                "and the kit "
                "does not know where its kernel command line is set; nothing was changed",
                f"on s390x: put crashkernel={value} into parameters= of /etc/zipl.conf, run zipl, and reboot; on any "
                "other machine add it by the way of its own boot loader",
            )
        return edit_grub_settings(GRUB, files, value)

    def regenerate_remedy(self) -> str:
        return GRUB.regenerate.shown()

    def crashkernel_remedy(self, value: str) -> str:
        return grub_remedy(GRUB, value)

    # Kernels

    def edit_default_kernel(self, files: Mapping[str, bytes], release: str) -> BootLoaderEdit:
        return grub_kernels.edit_default_kernel(GRUB, debian_kernels.PROGRAMS, files, release)

    def edit_boot_once(self, files: Mapping[str, bytes], release: str) -> BootLoaderEdit:
        return grub_kernels.edit_boot_once(GRUB, debian_kernels.PROGRAMS, files, release)

    def kernel_owner_command(self, release: str) -> Command:
        self._check_release(release)
        return debian_kernels.kernel_owner_command(release)

    def parse_kernel_owners(self, text: str, release: str) -> tuple[str, ...]:
        return debian_kernels.parse_kernel_owners(text, release)

    def simulated_removal_command(self, packages: tuple[str, ...]) -> Command:
        self._check_names(packages)
        return debian_kernels.simulated_removal_command(packages)

    def parse_simulated_removal(self, text: str) -> tuple[str, ...]:
        return debian_kernels.parse_simulated_removal(text)

    def remove_kernel_command(self, packages: tuple[str, ...]) -> Command:
        self._check_names(packages)
        return debian_kernels.remove_kernel_command(packages)

    # Service and loading

    def kdump_service(self) -> KdumpService:
        return KdumpService(
            "kdump-tools.service",
            SETTINGS,
            # the first load may build the kdump initramfs, which takes minutes on a slow machine
            command("kdump-config", "load", timeout_s=900, as_root=True),
            command("kdump-config", "unload", timeout_s=60, as_root=True),
        )

    def kdump_default(self) -> KdumpDefault | None:
        if self.os_release.id != "ubuntu" or _numbers(self.os_release.version_id or "") < (24, 10):
            return None
        return KdumpDefault(
            source="Ubuntu 24.10 and later (Ubuntu server documentation)",
            machines=("x86_64", "s390x"),
            uefi_machines=("aarch64",),
            least_threads=4,
            least_ram_bytes=6 * 10**9,
            below_ram_bytes=2 * 10**12,
            free_times=5,
            remedy="apt-get install kdump-tools && systemctl enable --now kdump-tools.service",
        )

    def edit_settings(self, files: Mapping[str, bytes], wanted: SettingsWanted) -> tuple[FileEdit, ...]:
        return edit_kdump_tools(files.get(SETTINGS), wanted)

    def capture_files(self, host: CaptureFacts) -> CaptureFiles:
        self._check_release(host.release)
        return capture_files(host.release, host.settings)

    def kexec_load(
        self, host: CaptureFacts, *, command_line: KernelCommandLine, root: str | None, signed: bool
    ) -> KexecLoad:
        return kexec_load(self.name, self.capture_files(host), host, command_line, root, signed)

    # Dumps

    def dump_listing_command(self, directory: str) -> Command:
        return dump_listing.listing_command(directory)

    def parse_dump_listing(self, listing: bytes, directory: str) -> tuple[DumpCandidate, ...]:
        return kdump_tools_dumps.parse_listing(listing, directory)

    def _check_names(self, packages: Sequence[str]) -> None:
        for name in packages:
            if not _PACKAGE_NAME.fullmatch(name):
                raise ParameterError(
                    f"{name!r} is not the name of a package", "names are lower-case letters, digits, + - ."
                )
        if not packages:
            raise ParameterError("no package was named", "give at least one")

    def _check_release(self, release: str) -> None:
        if not _RELEASE.fullmatch(release):
            raise ParameterError(f"{release!r} is not a kernel release", "give what `uname -r` prints")


def _apt(*words: str, timeout_s: float) -> Command:
    # env sets the variable behind sudo as well, which drops the caller's environment
    return command(
        "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", *words, timeout_s=timeout_s, as_root=True
    )


def _is_symbols(name: str) -> bool:
    return name.endswith(("-dbg", "-dbgsym"))


def _split_release(release: str) -> tuple[str, str]:
    # 6.1.0-55-cloud-amd64 -> (6.1.0-55, cloud-amd64): the flavour starts at the first part that begins with a letter
    parts = release.split("-")
    at = next((index for index, part in enumerate(parts) if part[:1].isalpha()), len(parts))
    return "-".join(parts[:at]), "-".join(parts[at:])


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"[0-9]+", text)[:4])
