"""Everything that differs between distributions, behind one interface: questions in, values out, no I/O.

A family is one file with one subclass, named in ``FAMILIES`` of this package's ``__init__``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

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
from kdumpkit.facts.kdump_tools import KdumpToolsSettings
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.survey import SurveyRequest


class Distribution(ABC):
    """One distribution, as its ``/etc/os-release`` names it. Each method may raise UnsupportedHost."""

    #: how reports name the family
    family: ClassVar[str]
    #: values of ID (and, for clones, of ID_LIKE) that this class answers for
    ids: ClassVar[frozenset[str]] = frozenset()
    #: False where the kit has no knowledge of this family and changes nothing
    supported: ClassVar[bool] = True

    def __init__(self, os_release: OsRelease) -> None:
        self.os_release = os_release

    @property
    def name(self) -> str:
        """What the system calls itself; its ID where it has no PRETTY_NAME."""
        return self.os_release.pretty_name or self.os_release.id

    # Packages

    @abstractmethod
    def survey_request(self, release: str | None = None) -> SurveyRequest:
        """The packages, programs and units to ask a host of this family for; ``release``: its running kernel."""

    @abstractmethod
    def package_needs(self) -> tuple[PackageNeed, ...]:
        """What has to be installed, required ones first."""

    @abstractmethod
    def install_commands(self, packages: Sequence[str], *, refresh: bool = True) -> tuple[Command, ...]:
        """Commands that install these, upgrade nothing and remove nothing. ``refresh``: fetch lists first."""

    @abstractmethod
    def remove_command(self, packages: Sequence[str]) -> Command | None:
        """The way back from :meth:`install_commands`; None where one of them is a kernel, which is never removed."""

    @abstractmethod
    def kernel_packages_command(self) -> Command:
        """A read-only command that lists the kernel packages on offer, for :meth:`second_kernel`."""

    @abstractmethod
    def second_kernel(self, running_release: str, installed: Sequence[str], offered: str) -> str | None:
        """The package of another kernel of the running one's flavour; None where none is on offer.

        ``installed`` are releases, ``offered`` is the output of :meth:`kernel_packages_command`.
        """

    @abstractmethod
    def symbol_packages(self, release: str) -> SymbolPackages:
        """The packages with debug symbols for this release, and where its vmlinux lands."""

    @abstractmethod
    def symbol_fetch_command(self, package: str, directory: str) -> Command:
        """Downloads a symbol package into ``directory`` without installing it."""

    # Reservation and boot loader

    @abstractmethod
    def recommend_crashkernel(
        self, ram_bytes: int, machine: str, packaged_value: str | None = None
    ) -> CrashkernelRecommendation:
        """The right ``crashkernel=`` for this RAM (System RAM in /proc/iomem) and machine (``uname -m``).

        ``packaged_value`` is what the installed package sets; None: not installed, its default for this version is
        taken.
        """

    @abstractmethod
    def boot_loader_files(self) -> BootLoaderFiles:
        """Every file that takes part in the command line of the next boot."""

    @abstractmethod
    def edit_crashkernel(self, files: Mapping[str, bytes], value: str) -> BootLoaderEdit:
        """The edits after which ``value`` and no other token is in force.

        ``files`` are those of :meth:`boot_loader_files`.settings that exist, by path. Raises GateClosed where a file is
        written in a way that cannot be edited safely, ParameterError for a value that is not one.
        """

    @abstractmethod
    def read_back_crashkernel(self, generated: Mapping[str, bytes], value: str) -> ReadBack:
        """What the generated files carry for each boot entry, against ``value``."""

    # Service and loading

    @abstractmethod
    def kdump_service(self) -> KdumpService: ...

    @abstractmethod
    def enabled_settings(self, content: bytes | None) -> bytes:
        """The settings file with kdump switched on; the same bytes where it is on. None: there is no file yet."""

    @abstractmethod
    def capture_files(self, release: str, settings: KdumpToolsSettings | None = None) -> CaptureFiles:
        """The kernel and kdump initramfs for this release, by the settings where they name them."""

    @abstractmethod
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
        """An explicit ``kexec -p`` by the distribution's own rules.

        ``root`` is what ``root=`` should say where the running command line has none. ``signed``: Secure Boot or
        lockdown is on, so the kernel takes only signed images by kexec_file_load (``-s``).
        """

    # Dumps

    @abstractmethod
    def dump_listing_command(self, directory: str) -> Command:
        """A read-only command that lists the dump directory for :meth:`parse_dump_listing`."""

    @abstractmethod
    def parse_dump_listing(self, listing: bytes, directory: str) -> tuple[DumpCandidate, ...]:
        """The dumps in a listing, oldest first. What is no dump (kexec_cmd, kdump_lock, other files) is left out."""
