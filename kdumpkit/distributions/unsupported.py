"""A distribution that the kit does not know: every question that needs knowledge is refused with a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from kdumpkit.command import Command
from kdumpkit.distributions.answers import (
    BootLoaderEdit,
    BootLoaderFiles,
    CaptureFiles,
    CrashkernelRecommendation,
    DumpCandidate,
    KdumpService,
    KexecLoad,
    PackageNeed,
    ReadBack,
    SymbolPackages,
)
from kdumpkit.distributions.base import Distribution
from kdumpkit.errors import UnsupportedHost
from kdumpkit.facts.kdump_tools import KdumpToolsSettings
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.survey import SurveyRequest

#: what the kit can still do on such a host
STILL_WORKS = (
    "what the kernel itself shows (command line, reservation, loaded state, panic sysctls) is still read and checked, "
    "a dump that lies there can still be analysed, and nothing on this host is changed"
)


class Unsupported(Distribution):
    """Refuses; only :meth:`survey_request` answers, with nothing to ask for, so that the generic facts can be read."""

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
        return SurveyRequest()

    def package_needs(self) -> tuple[PackageNeed, ...]:
        self.refuse("which packages kdump needs")

    def install_commands(self, packages: Sequence[str], *, refresh: bool = True) -> tuple[Command, ...]:
        self.refuse("how packages are installed")

    def remove_command(self, packages: Sequence[str]) -> Command | None:
        self.refuse("how packages are removed")

    def kernel_packages_command(self) -> Command:
        self.refuse("how kernels are listed")

    def second_kernel(self, running_release: str, installed: Sequence[str], offered: str) -> str | None:
        self.refuse("how a second kernel is installed")

    def symbol_packages(self, release: str) -> SymbolPackages:
        self.refuse("which package holds the kernel's debug symbols")

    def symbol_fetch_command(self, package: str, directory: str) -> Command:
        self.refuse("how a symbol package is downloaded")

    def recommend_crashkernel(
        self, ram_bytes: int, machine: str, packaged_value: str | None = None
    ) -> CrashkernelRecommendation:
        self.refuse("which crashkernel= is right")

    def boot_loader_files(self) -> BootLoaderFiles:
        self.refuse("which files decide over the kernel's command line")

    def edit_crashkernel(self, files: Mapping[str, bytes], value: str) -> BootLoaderEdit:
        self.refuse("how crashkernel= is set")

    def read_back_crashkernel(self, generated: Mapping[str, bytes], value: str) -> ReadBack:
        self.refuse("which boot entries count")

    def kdump_service(self) -> KdumpService:
        self.refuse("which service loads the capture kernel")

    def enabled_settings(self, content: bytes | None) -> bytes:
        self.refuse("where kdump is switched on")

    def capture_files(self, release: str, settings: KdumpToolsSettings | None = None) -> CaptureFiles:
        self.refuse("where the kdump initramfs is")

    def kexec_load(
        self,
        *,
        release: str,
        machine: str,
        command_line: KernelCommandLine,
        root: str | None,
        signed: bool,
        settings: KdumpToolsSettings | None = None,
    ) -> KexecLoad:
        self.refuse("which command line its capture kernel needs")

    def dump_listing_command(self, directory: str) -> Command:
        self.refuse("where dumps are kept")

    def parse_dump_listing(self, listing: bytes, directory: str) -> tuple[DumpCandidate, ...]:
        self.refuse("how its dumps are named")
