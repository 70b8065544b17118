"""Everything that differs between distributions, behind one interface: questions in, values out, no I/O.

A family is one file with one subclass, named in ``FAMILIES`` of this package's ``__init__``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from kdumpkit.command import Command
from kdumpkit.distributions import capture_inputs
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
from kdumpkit.distributions.support import Support
from kdumpkit.errors import UnsupportedHost
from kdumpkit.facts.kdump_default import KdumpDefault
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.survey import SurveyRequest


class Distribution(ABC):
    """One distribution, as its ``/etc/os-release`` names it. Each method may raise UnsupportedHost."""

    #: how reports name the family
    family: ClassVar[str]
    #: values of ID (and, for clones, of ID_LIKE) that this class answers for
    ids: ClassVar[frozenset[str]] = frozenset()
    #: how far the knowledge about each system of the family was proved
    support: ClassVar[tuple[Support, ...]] = ()
    #: False where the kit has no knowledge of this family and changes nothing
    supported: ClassVar[bool] = True
    #: its capture kernel boots the system itself, with all of /etc/fstab, and not an initramfs that saves the dump
    capture_mounts_fstab: ClassVar[bool] = False

    def __init__(self, os_release: OsRelease) -> None:
        self.os_release = os_release

    @property
    def name(self) -> str:
        """What the system calls itself, with its variant; its ID where it has no PRETTY_NAME."""
        name, variant = self.os_release.pretty_name or self.os_release.id, self.os_release.variant
        return f"{name} ({variant})" if variant and variant not in name else name

    # Packages

    @abstractmethod
    def survey_request(self, release: str | None = None) -> SurveyRequest:
        """What to ask a host of this family for, and how its files are read; ``release``: its running kernel."""

    @abstractmethod
    def package_needs(self) -> tuple[PackageNeed, ...]:
        """What has to be installed, required ones first."""

    @abstractmethod
    def install_commands(self, packages: Sequence[str], *, refresh: bool = True) -> tuple[Command, ...]:
        """Commands that install these, upgrade nothing and remove nothing. ``refresh``: fetch lists first."""

    @property
    def install_note(self) -> str:
        """What :meth:`install_commands` leave alone, as one phrase."""
        return "what is installed already is not upgraded, and nothing is removed"

    @abstractmethod
    def install_remedy(self, packages: Sequence[str]) -> str:
        """A line to paste on the host that installs these."""

    @abstractmethod
    def repair_remedy(self) -> str:
        """A line to paste on the host where packages are only half installed."""

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

    # Reservation and boot loader

    def estimate_command(self) -> Command | None:
        """The distribution's own estimator of the reservation, where it has one that changes nothing; else None."""
        return None

    @abstractmethod
    def recommend_crashkernel(self, sizing: SizingFacts) -> CrashkernelRecommendation:
        """The right ``crashkernel=`` for this RAM and machine, by the distribution's own rule."""

    def crashkernel_auto(self, machine: str) -> str:
        """The ranges that ``crashkernel=auto`` stands for in this release's kernels; "" where they do not know it."""
        return ""

    @abstractmethod
    def edit_crashkernel(self, files: Mapping[str, bytes], value: str) -> BootLoaderEdit:
        """The edits after which ``value`` and no other token is in force.

        ``files`` are those of the survey request's ``boot_loader_paths`` that exist, by path. Raises GateClosed where a
        file is written in a way that cannot be edited safely, ParameterError for a value that is not one.
        """

    @abstractmethod
    def regenerate_remedy(self) -> str:
        """A line to paste that brings the boot menu in line with its settings."""

    @abstractmethod
    def crashkernel_remedy(self, value: str) -> str:
        """A line to paste that makes the next boot ask for ``value`` (one or more tokens), and reboots."""

    # Kernels: a family that does not answer these keeps the kernels that it has

    def edit_default_kernel(self, files: Mapping[str, bytes], release: str) -> BootLoaderEdit:
        """What makes each boot start this kernel: edits, then commands; neither where each does already.

        ``files`` as in :meth:`edit_crashkernel`. Raises ParameterError where no entry starts it.
        """
        raise self._kernels_unknown("how another kernel becomes the default")

    def edit_boot_once(self, files: Mapping[str, bytes], release: str) -> BootLoaderEdit:
        """What makes the next boot alone start this kernel. Raises ParameterError where no entry starts it."""
        raise self._kernels_unknown("how another kernel is booted once")

    def kernel_owner_command(self, release: str) -> Command:
        """A read-only command that tells which packages a kernel is from, for :meth:`parse_kernel_owners`."""
        raise self._kernels_unknown("which packages a kernel is from")

    def parse_kernel_owners(self, text: str, release: str) -> tuple[str, ...]:
        """The packages that carry this release's kernel and modules; () where it is from none."""
        raise self._kernels_unknown("which packages a kernel is from")

    def simulated_removal_command(self, packages: tuple[str, ...]) -> Command:
        """A read-only command that tells what removing these would take along."""
        raise self._kernels_unknown("how a kernel is removed")

    def parse_simulated_removal(self, text: str) -> tuple[str, ...]:
        """The packages that would be removed."""
        raise self._kernels_unknown("how a kernel is removed")

    def remove_kernel_command(self, packages: tuple[str, ...]) -> Command:
        """Removes these kernel packages. What may not be removed is refused before: ``actions.kernels``."""
        raise self._kernels_unknown("how a kernel is removed")

    def _kernels_unknown(self, what: str) -> UnsupportedHost:
        return UnsupportedHost(
            f"{self.name}: the kit does not know {what} on it yet; nothing was changed",
            "do it by hand, and leave second_kernel, default_kernel, boot_once and remove_kernel at their defaults",
        )

    # Service and loading

    @abstractmethod
    def kdump_service(self) -> KdumpService: ...

    def kdump_default(self) -> KdumpDefault | None:
        """Where this release switches kdump on by itself; None where that is not known, or nowhere."""
        return None

    @abstractmethod
    def edit_settings(self, files: Mapping[str, bytes], wanted: SettingsWanted) -> tuple[FileEdit, ...]:
        """The edits after which the settings say what is wanted; () where they do.

        ``files`` are those of the survey request's ``settings_paths`` that exist. Raises ParameterError for a value
        that the file cannot hold, GateClosed where the file is written in a way that cannot be edited safely.
        """

    @property
    def capture_by_packages(self) -> bool:
        """True where what is loaded, and how, depends on the versions of installed packages."""
        return False

    @abstractmethod
    def capture_files(self, host: CaptureFacts) -> CaptureFiles:
        """The kernel and kdump initramfs of the host's release, by its settings where they name them."""

    def capture_inputs(self, release: str) -> tuple[str, ...]:
        """Files and directories that the capture initramfs is built from; () where that is not known."""
        return capture_inputs.capture_inputs(self.family, release)

    def rebuild_remedy(self, release: str) -> str:
        """A line to paste that builds the capture initramfs anew and loads it; "" where that is not known."""
        return capture_inputs.rebuild_remedy(self.family, release)

    @abstractmethod
    def kexec_load(
        self, host: CaptureFacts, *, command_line: KernelCommandLine, root: str | None, signed: bool
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
