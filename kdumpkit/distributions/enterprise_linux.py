"""Enterprise Linux and its kin: RHEL, CentOS, Alma, Rocky, Oracle and others, Fedora, Amazon Linux.

Written from documents: the sources of kdump-utils and kexec-tools, kdump.conf(5), Red Hat's guides for RHEL 7 to 10,
Amazon's documentation. Amazon Linux 2 is taken for a kin of EL 7, Amazon Linux 2023 for one of Fedora; no host of any
of them was crashed with this.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from kdumpkit.command import Command, command
from kdumpkit.distributions import dump_listing, el_kernels, el_packages, el_symbols
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
from kdumpkit.distributions.el_boot_loader import EditKnowledge, edit_el_crashkernel, grubby
from kdumpkit.distributions.el_crashkernel import default_rule, extras_from, is_custom, recommend_for
from kdumpkit.distributions.el_dumps import parse_el_listing
from kdumpkit.distributions.el_kexec import el_capture_files, el_kexec_load
from kdumpkit.distributions.kdump_conf_settings import edit_kdump_conf
from kdumpkit.distributions.rpm_kernels import RpmDistribution
from kdumpkit.distributions.support import CHECKS_ONLY, Proof, Support
from kdumpkit.facts import el_boot_loader, kdump_conf, sysconfig_kdump_el
from kdumpkit.facts.el_machine import read_el_machine
from kdumpkit.facts.grub import DEFAULTS
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.packages import Packages
from kdumpkit.facts.rpm_packages import read_rpm_packages
from kdumpkit.facts.rpm_versions import rpm_version_key
from kdumpkit.facts.survey import SurveyRequest

_PLATFORM = re.compile(r"platform:(el|f|al)([0-9]+)")
#: their VERSION_ID counts like Enterprise Linux's
_LIKE_EL = frozenset({"rhel", "centos", "ol", "almalinux", "rocky"})


#: what is real in these machines of the lab is told in their flavours
_LAB = "Enterprise Linux's own kernel, dracut, kdumpctl and grubby: the lab has Debian's and its own"


class EnterpriseLinux(RpmDistribution):
    """RHEL, Fedora, and what says in ID_LIKE that it is like them."""

    family: ClassVar[str] = "enterprise linux"
    ids: ClassVar[frozenset[str]] = frozenset({"rhel", "centos", "fedora", "ol", "amzn"})
    support: ClassVar[tuple[Support, ...]] = (
        Support("laid out like CentOS 7, x86_64", "BIOS, grub2-mkconfig", Proof.CRASHED, "el", _LAB),
        Support("laid out like an EL 9, x86_64", "BIOS, boot entries, grubby", Proof.CRASHED, "el-bls", _LAB),
        Support(
            "CentOS 7, x86_64", "BIOS, grub2-mkconfig, root on LVM", Proof.DOCUMENTS, "centos-7/check", CHECKS_ONLY
        ),
        Support(
            "RHEL 8.10, x86_64", "UEFI, boot entries with kernelopts, LVM", Proof.DOCUMENTS, "rhel-8/auto", CHECKS_ONLY
        ),
        Support(
            "RHEL 9.4, x86_64",
            "UEFI, boot entries, LVM",
            Proof.DOCUMENTS,
            "rhel-9/bls-without-crashkernel",
            CHECKS_ONLY,
        ),
        Support(
            "RHEL 9.4, aarch64",
            "UEFI, boot entries, LVM, pages of 4 and 64 KiB",
            Proof.DOCUMENTS,
            "rhel-9/arm64",
            CHECKS_ONLY,
        ),
        Support(
            "AlmaLinux 9.4, x86_64",
            "UEFI, boot entries, LVM, lockdown",
            Proof.DOCUMENTS,
            "almalinux-9/check",
            CHECKS_ONLY,
        ),
        Support(
            "Rocky Linux 10.0, x86_64", "UEFI, boot entries, LVM", Proof.DOCUMENTS, "rocky-10/ssh-target", CHECKS_ONLY
        ),
        Support("Fedora 41, x86_64", "UEFI, boot entries, btrfs", Proof.DOCUMENTS, "fedora-41/check", CHECKS_ONLY),
        Support(
            "Fedora 41, x86_64",
            "UEFI, unified kernel image without GRUB",
            Proof.DOCUMENTS,
            "fedora-41/unified-image",
            "checks only; the kit changes no such boot loader",
        ),
        Support(
            "Amazon Linux 2023, x86_64 and aarch64",
            "UEFI, boot entries",
            Proof.DOCUMENTS,
            "amazon-2023/check",
            CHECKS_ONLY,
        ),
    )

    @property
    def el_version(self) -> tuple[int, ...]:
        """The version of Enterprise Linux that it behaves like, (9, 4) or (9,); () for Fedora and its kin: the newest.

        By PLATFORM_ID, which says what packages are built for, else by ID and VERSION_ID (before EL 8 there was none).
        """
        os_release = self.os_release
        numbers = tuple(int(digits) for digits in re.findall(r"[0-9]+", os_release.version_id or "")[:2])
        platform = _PLATFORM.fullmatch(os_release.platform_id or "")
        if platform and platform[1] == "el":
            major = int(platform[2])
            return numbers if numbers[:1] == (major,) else (major,)
        if platform:
            return ()
        if os_release.id == "amzn":
            return (7,) if numbers[:1] == (2,) else ()
        if os_release.id in _LIKE_EL or _LIKE_EL & set(os_release.id_like):
            return numbers
        return ()

    @property
    def _major(self) -> int:
        return self.el_version[0] if self.el_version else 99

    @property
    def tool(self) -> str:
        """The package manager."""
        return "yum" if self._major <= 7 else "dnf"

    # Packages

    def survey_request(self, release: str | None = None) -> SurveyRequest:
        needs = tuple(need.name for need in self.package_needs())
        symbols = self.symbol_packages(release).packages if release else ()
        return SurveyRequest(
            packages=(*needs, *symbols),
            units=("kdump.service",),
            dump_directory=kdump_conf.DEFAULT_DIRECTORY,
            read_packages=read_rpm_packages,
            release_order=rpm_version_key,
            settings_paths=sysconfig_kdump_el.PATHS,
            parse_settings=sysconfig_kdump_el.el_settings_from,
            boot_loader_paths=el_boot_loader.PATHS,
            parse_boot_loader=partial(el_boot_loader.el_boot_loader_from, id=self.os_release.id),
            read_el_machine=partial(read_el_machine, release=release) if release else None,
        )

    def package_needs(self) -> tuple[PackageNeed, ...]:
        loads = "loads the capture kernel at boot and saves the dump after a panic"
        puts = "kexec puts the capture kernel into the reserved memory"
        leaves_out = "makedumpfile leaves free pages out of the dump"
        crash = PackageNeed("crash", "a second opinion on a dump, where it is read on this host", required=False)
        if self._major <= 9:
            needs = [PackageNeed("kexec-tools", f"{puts}; its kdump.service {loads}; {leaves_out}")]
        else:
            needs = [
                PackageNeed("kdump-utils", loads),
                PackageNeed("kexec-tools", puts),
                PackageNeed("makedumpfile", leaves_out),
            ]
        if self._major > 7:
            needs.append(PackageNeed("grubby", "changes the command line in the boot entries"))
        return (*needs, crash)

    def install_commands(self, packages: Sequence[str], *, refresh: bool = True) -> tuple[Command, ...]:
        return el_packages.install_commands(self.tool, packages, refresh=refresh)

    def install_remedy(self, packages: Sequence[str]) -> str:
        return f"{self.tool} install {' '.join(packages)}"

    def repair_remedy(self) -> str:
        return f"rpm --verify kexec-tools; {self.tool} check"

    def remove_command(self, packages: Sequence[str]) -> Command | None:
        return el_packages.remove_command(self.tool, packages)

    def kernel_packages_command(self) -> Command:
        # every variant: which one is running is told only by second_kernel's first argument
        return el_packages.offered_kernels_command(self.tool, el_packages.KERNELS)

    def second_kernel(self, running_release: str, installed: Sequence[str], offered: str) -> str | None:
        return el_packages.second_kernel(running_release, installed, offered)

    def symbol_packages(self, release: str) -> SymbolPackages:
        return el_symbols.symbol_packages(release, self.os_release.id, self.el_version, self.tool)

    # Reservation and boot loader

    def recommend_crashkernel(self, sizing: SizingFacts) -> CrashkernelRecommendation:
        return recommend_for(self.name, self.el_version, sizing)

    def crashkernel_auto(self, machine: str) -> str:
        rule = default_rule(self.el_version, machine)
        return rule.ranges if rule is not None and rule.auto else ""

    def edit_crashkernel(self, files: Mapping[str, bytes], value: str) -> BootLoaderEdit:
        version = self.el_version
        knows = EditKnowledge(
            auto=self._major in (7, 8),
            auto_reset=self._major >= 9,
            grubby=self._major >= 9 or version[1:] == () or version >= (8, 3),
        )
        custom = is_custom(value, version, extras_from(files))
        return edit_el_crashkernel(files, value, id=self.os_release.id, custom=custom, knows=knows)

    def regenerate_remedy(self) -> str:
        # the link in /etc leads to the menu that this firmware boots by
        menu = '"$([ -d /sys/firmware/efi ] && readlink -f /etc/grub2-efi.cfg || echo /boot/grub2/grub.cfg)"'
        if self._major <= 8:
            return f"grub2-mkconfig -o {menu}"
        # without the option the boot entries stay as they are, and nothing says so
        return "grub2-mkconfig -o /boot/grub2/grub.cfg --update-bls-cmdline"

    def crashkernel_remedy(self, value: str) -> str:
        tokens = [token.removeprefix("crashkernel=") for token in value.split()]
        if self._major <= 7:
            # grubby of EL 7 changes the menu only, and grub2-mkconfig takes that away again
            words = " ".join(f"crashkernel={token}" for token in tokens)
            script = f's/ *crashkernel=[^ "]*//g; s/^GRUB_CMDLINE_LINUX="/&{words} /'
            return f"sed -i {shlex.quote(script)} {DEFAULTS} && {self.regenerate_remedy()} && reboot"
        return f"{grubby(tokens[0], more=()).shown()} && reboot"

    # Kernels

    def edit_default_kernel(self, files: Mapping[str, bytes], release: str) -> BootLoaderEdit:
        return el_kernels.edit_default_kernel(files, release, self.os_release.id)

    def edit_boot_once(self, files: Mapping[str, bytes], release: str) -> BootLoaderEdit:
        return el_kernels.edit_boot_once(files, release, self.os_release.id)

    # Service and loading

    def kdump_service(self) -> KdumpService:
        return KdumpService(
            "kdump.service",
            kdump_conf.PATH,
            # the first start builds the kdump initramfs, which takes minutes on a slow machine
            command("kdumpctl", "start", timeout_s=900, as_root=True),
            command("kdumpctl", "stop", timeout_s=60, as_root=True),
        )

    def edit_settings(self, files: Mapping[str, bytes], wanted: SettingsWanted) -> tuple[FileEdit, ...]:
        return edit_kdump_conf(files.get(kdump_conf.PATH), wanted)

    def capture_files(self, host: CaptureFacts) -> CaptureFiles:
        return el_capture_files(host, self._build(host.release), _kdump_utils(host.packages))

    @property
    def capture_by_packages(self) -> bool:
        # before, kexec-tools has kdumpctl in it, and a release has one way of its own
        return self._major > 9

    def _build(self, release: str) -> Command:
        el_packages.kernel_names(release)
        # kdumpctl of EL 7 has no rebuild
        old = ("mkdumprd", "-f", f"/boot/initramfs-{release}kdump.img", release)
        return command(*(old if self._major <= 7 else ("kdumpctl", "rebuild")), timeout_s=900, as_root=True)

    def kexec_load(
        self, host: CaptureFacts, *, command_line: KernelCommandLine, root: str | None, signed: bool
    ) -> KexecLoad:
        files, utils = self.capture_files(host), _kdump_utils(host.packages)
        return el_kexec_load(files, self.el_version, host, command_line, root, signed, utils)

    # Dumps

    def dump_listing_command(self, directory: str) -> Command:
        return dump_listing.listing_command(directory)

    def parse_dump_listing(self, listing: bytes, directory: str) -> tuple[DumpCandidate, ...]:
        return parse_el_listing(listing, directory)


def _kdump_utils(packages: Packages | None) -> tuple[int, ...] | None:
    # its version; None where it is not known
    found = [one.version for one in packages.packages if one.name == "kdump-utils"] if packages else []
    numbers = re.match(r"([0-9]+)\.([0-9]+)\.([0-9]+)", found[0] or "") if found else None
    return tuple(map(int, numbers.groups())) if numbers else None
