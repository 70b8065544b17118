"""A distribution that the kit does not know: every question that needs knowledge is refused with a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from kdumpkit.command import Command
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
from kdumpkit.errors import UnsupportedHost
from kdumpkit.facts import grub, grub_cfg
from kdumpkit.facts.boot_loader import grub_boot_loader_from
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.survey import SurveyRequest

#: what the kit can still do on such a host
STILL_WORKS = (
    "what the kernel itself shows (command line, reservation, loaded state, panic sysctls) is still read and checked, "
    "a dump that lies there can still be analysed, and nothing on this host is changed"
)


class Unsupported(Distribution):
    """Refuses; only :meth:`survey_request` answers, with what is the same on every Linux."""

    family = "unsupported"
    supported = False

    def refuse(self, question: str) -> NoReturn:
        """Raises UnsupportedHost, naming the ID and what still works."""
        like = f" (ID_LIKE={' '.join(self.os_release.id_like)})" if self.os_release.id_like else ""
        raise UnsupportedHost(
            f"{self.name}: the distribution ID={self.os_release.id}{like} is not supported, so the kit does not know "
            f"{question}; {STILL_WORKS}",
            "use mode: check, or set kdump up by the distribution's own documentation",
        )

    def survey_request(self, release: str | None = None) -> SurveyRequest:
        return SurveyRequest(
            boot_loader_paths=(*grub.PATHS, *grub.ENVIRONMENTS, *grub_cfg.PATHS),
            parse_boot_loader=grub_boot_loader_from,
        )

    def package_needs(self) -> tuple[PackageNeed, ...]:
        self.refuse("which packages kdump needs")

    def install_commands(self, packages: Sequence[str], *, refresh: bool = True) -> tuple[Command, ...]:
        self.refuse("how packages are installed")

    def install_remedy(self, packages: Sequence[str]) -> str:
        self.refuse("how packages are installed")

    def repair_remedy(self) -> str:
        self.refuse("how packages are installed")

    def remove_command(self, packages: Sequence[str]) -> Command | None:
        self.refuse("how packages are removed")

    def kernel_packages_command(self) -> Command:
        self.refuse("how kernels are listed")

    def second_kernel(self, running_release: str, installed: Sequence[str], offered: str) -> str | None:
        self.refuse("how a second kernel is installed")

    def symbol_packages(self, release: str) -> SymbolPackages:
        self.refuse("which package holds the kernel's debug symbols")

    def recommend_crashkernel(self, sizing: SizingFacts) -> CrashkernelRecommendation:
        self.refuse("which crashkernel= is right")

    def edit_crashkernel(self, files: Mapping[str, bytes], value: str) -> BootLoaderEdit:
        self.refuse("how crashkernel= is set")

    def regenerate_remedy(self) -> str:
        self.refuse("how the boot menu is generated")

    def crashkernel_remedy(self, value: str) -> str:
        self.refuse("how crashkernel= is set")

    def kdump_service(self) -> KdumpService:
        self.refuse("which service loads the capture kernel")

    def edit_settings(self, files: Mapping[str, bytes], wanted: SettingsWanted) -> tuple[FileEdit, ...]:
        self.refuse("where kdump is switched on")

    def capture_files(self, host: CaptureFacts) -> CaptureFiles:
        self.refuse("where the kdump initramfs is")

    def kexec_load(
        self, host: CaptureFacts, *, command_line: KernelCommandLine, root: str | None, signed: bool
    ) -> KexecLoad:
        self.refuse("which command line its capture kernel needs")

    def dump_listing_command(self, directory: str) -> Command:
        self.refuse("where dumps are kept")

    def parse_dump_listing(self, listing: bytes, directory: str) -> tuple[DumpCandidate, ...]:
        self.refuse("how its dumps are named")
