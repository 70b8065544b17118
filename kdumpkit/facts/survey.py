"""Everything about one host in few commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kdumpkit.facts import (
    boot_id,
    cluster,
    fadump,
    firmware,
    guest,
    iomem,
    kernel_build_id,
    kernel_command_line,
    kexec_crash,
    meminfo,
    mounts,
    sysctls,
    watchdog,
)
from kdumpkit.facts.boot_id import BootIdentity
from kdumpkit.facts.boot_loader import BootLoader
from kdumpkit.facts.cluster import Cluster
from kdumpkit.facts.debug_symbols import DebugSymbols, read_debug_symbols
from kdumpkit.facts.directory_tree import DirectoryTree, read_directory_tree
from kdumpkit.facts.dump_size import MemoryUsage, begin_memory_usage
from kdumpkit.facts.dump_target import DumpTarget, read_dump_target, read_local_dump_target
from kdumpkit.facts.el_machine import ElMachine
from kdumpkit.facts.fadump import Fadump
from kdumpkit.facts.firmware import Firmware
from kdumpkit.facts.guest import Guest
from kdumpkit.facts.installed_kernels import InstalledKernels, installed_kernels_from, version_key
from kdumpkit.facts.iomem import Iomem
from kdumpkit.facts.kdump_settings import KdumpSettings
from kdumpkit.facts.kernel_build_id import KernelBuildId
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.kexec_crash import KexecCrash
from kdumpkit.facts.meminfo import Meminfo
from kdumpkit.facts.mounts import Mounts
from kdumpkit.facts.packages import Packages, read_packages
from kdumpkit.facts.reading import Files, records_of
from kdumpkit.facts.root_device import RootDevice, root_device_from
from kdumpkit.facts.sysctls import PanicSysctls
from kdumpkit.facts.systemd_unit import SystemdUnits, read_units
from kdumpkit.facts.uname import Uname, read_uname
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.facts.watchdog import Watchdogs
from kdumpkit.hosts.ahead import Ahead
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import FileContent, FileState, read_files


@dataclass(frozen=True)
class SurveyRequest:
    """What to ask for that differs from one distribution to the next."""

    packages: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    #: looked at where no settings name one, such as before the package is installed; None: not looked for
    dump_directory: str | None = None
    read_packages: Callable[[Host, Sequence[str]], Packages | Unknown] = read_packages
    #: a key that sorts releases of kernels as the package manager sorts versions
    release_order: Callable[[str], Any] = version_key
    #: patterns of kernels in /boot that are not named vmlinuz
    kernel_names: tuple[str, ...] = ()
    #: the files of the family's own settings, as paths or patterns, and what they mean
    settings_paths: tuple[str, ...] = ()
    parse_settings: Callable[[Files], KdumpSettings | Unknown] | None = None
    #: files that checks of this family ask for beside those
    other_paths: tuple[str, ...] = ()
    #: every file that takes part in the command line of the next boot, as paths or patterns, and what they mean
    boot_loader_paths: tuple[str, ...] = ()
    parse_boot_loader: Callable[[Files], BootLoader | Unknown] | None = None
    #: what kdumpctl asks the machine; None: the family does not ask
    read_el_machine: Callable[[Host], ElMachine | Unknown] | None = None


class Survey:
    """The facts about one host, each read when it is first asked for and then kept.

    What is asked for together is read together: one command for all files (what the kernel says in /proc and /sys,
    the boot loader's, the distribution's settings), one for what the machine stands in, and one for each program that
    has to be asked (dpkg-query, systemctl, findmnt, df, find). A fact that could not be read is Unknown. HostError is
    raised where the host is lost.
    """

    def __init__(
        self, host: Host, request: SurveyRequest | None = None, *, uname: Uname | None = None, as_root: bool = True
    ) -> None:
        """``uname`` where it was asked for before; it is the same for as long as a kernel runs."""
        self._host = Ahead(host)
        self._known_uname = uname
        self._usage_begun: Callable[[], MemoryUsage | Unknown] | None = None
        self._asked = request or SurveyRequest()
        self._as_root = as_root

    def begin(self, *names: str) -> None:
        """Have these facts read now, beside each other and whatever is asked first; they are facts with a command.

        Of ``kernel`` (and with it the boot loader's and the family's settings), ``packages``, ``units``, ``files``,
        ``mounts``, ``guest``, ``surroundings``. One that is never asked for then was read in vain, so these are facts
        that the stage is about to use.
        """
        asked = self._asked
        readers: dict[str, Callable[[Host], object]] = {
            "kernel": lambda host: self._read_from(host, self._all_paths),
            "packages": lambda host: asked.packages and asked.read_packages(host, asked.packages),
            "units": lambda host: asked.units and read_units(host, asked.units),
            "files": self._read_tree,
            "mounts": lambda host: mounts.read_mounts(host, {}),
            "guest": guest.read_cpu_flags,
            "surroundings": lambda host: self._read_from(host, SURROUNDINGS_PATHS),
        }
        self._host.begin_for(*(readers[name] for name in names))

    def settle(self) -> None:
        """Have everything in the record that was begun."""
        self._host.settle()

    @cached_property
    def _all_files(self) -> dict[str, FileState]:
        return self._read(self._all_paths)

    @property
    def _all_paths(self) -> tuple[str, ...]:
        asked = self._asked
        return (*KERNEL_PATHS, *asked.boot_loader_paths, *asked.settings_paths, *asked.other_paths)

    def _read(self, paths: tuple[str, ...]) -> dict[str, FileState]:
        return self._read_from(self._host, paths)

    def _read_from(self, host: Host, paths: tuple[str, ...]) -> dict[str, FileState]:
        return read_files(host, paths, max_bytes=LARGEST_FILE_BYTES, as_root=self._as_root)

    def _of(self, paths: tuple[str, ...]) -> dict[str, FileState]:
        # those of the files that the paths and patterns stand for; a * matches no /, as in a shell
        wanted = re.compile("|".join(re.escape(path).replace(r"\*", "[^/]*") for path in paths) or "(?!)", re.DOTALL)
        return {path: state for path, state in self._all_files.items() if wanted.fullmatch(path)}

    @cached_property
    def _kernel_files(self) -> dict[str, FileState]:
        return self._of(KERNEL_PATHS)

    @cached_property
    def boot_loader_files(self) -> dict[str, FileState]:
        """Every file that takes part in the command line of the next boot, by path."""
        return self._of(self._asked.boot_loader_paths)

    @property
    def boot_loader_contents(self) -> dict[str, bytes]:
        """What those of them hold that could be read, by path."""
        return {path: state.data for path, state in self.boot_loader_files.items() if isinstance(state, FileContent)}

    @cached_property
    def settings_files(self) -> dict[str, FileState]:
        """The family's own settings files, by path."""
        return self._of(self._asked.settings_paths)

    @cached_property
    def other_files(self) -> dict[str, FileState]:
        """The files that checks of this family ask for beside those, by path."""
        return self._of(self._asked.other_paths)

    @cached_property
    def _surroundings_files(self) -> dict[str, FileState]:
        return self._read(SURROUNDINGS_PATHS)

    @cached_property
    def uname(self) -> Uname | Unknown:
        return self._known_uname or read_uname(self._host)

    @cached_property
    def boot(self) -> BootIdentity | Unknown:
        return boot_id.boot_identity_from(self._kernel_files)

    @cached_property
    def meminfo(self) -> Meminfo | Unknown:
        return meminfo.meminfo_from(self._kernel_files)

    @cached_property
    def iomem(self) -> Iomem | Unknown:
        return iomem.iomem_from(self._kernel_files)

    @cached_property
    def command_line(self) -> KernelCommandLine | Unknown:
        return kernel_command_line.kernel_command_line_from(self._kernel_files)

    @cached_property
    def kexec_crash(self) -> KexecCrash:
        return kexec_crash.kexec_crash_from(self._kernel_files)

    @cached_property
    def firmware(self) -> Firmware | Unknown:
        return firmware.firmware_from(self._kernel_files)

    @cached_property
    def sysctls(self) -> PanicSysctls:
        return sysctls.panic_sysctls_from(self._kernel_files)

    @cached_property
    def watchdogs(self) -> Watchdogs | Unknown:
        return watchdog.read_watchdogs(self._host, self._kernel_files)

    @cached_property
    def build_id(self) -> KernelBuildId | Unknown:
        """The running kernel's."""
        return kernel_build_id.kernel_build_id_from(self._kernel_files)

    def begin_memory_usage(self) -> None:
        """Have it measured while other facts are read."""
        if self._usage_begun is None:
            self._usage_begun = begin_memory_usage(self._host, self.kexec_crash)

    @cached_property
    def memory_usage(self) -> MemoryUsage | Unknown:
        """What a dump would hold now, page by page; longer than all else: see :func:`memory_usage_command`."""
        begun = self._usage_begun or begin_memory_usage(self._host, self.kexec_crash)
        return begun()

    @cached_property
    def guest(self) -> Guest:
        """What the machine is a guest of."""
        return guest.guest_from(self._surroundings_files, guest.read_cpu_flags(self._host))

    @cached_property
    def cluster(self) -> Cluster | Unknown | None:
        """The cluster that the host is a node of; None: of none."""
        return cluster.read_cluster(self._host, self._surroundings_files)

    @cached_property
    def fadump(self) -> Fadump | Unknown | None:
        """Firmware-assisted dump; None: this kernel knows none."""
        return fadump.fadump_from(self._surroundings_files)

    @cached_property
    def boot_loader(self) -> BootLoader | Unknown:
        parse = self._asked.parse_boot_loader
        return _not_asked("the boot loader") if parse is None else parse(self.boot_loader_files)

    @cached_property
    def el_machine(self) -> ElMachine | Unknown | None:
        """What kdumpctl asks the machine; None where the family does not ask."""
        read = self._asked.read_el_machine
        return None if read is None else read(self._host)

    @cached_property
    def settings(self) -> KdumpSettings | Unknown:
        parse = self._asked.parse_settings
        return _not_asked("kdump's settings") if parse is None else parse(self.settings_files)

    @cached_property
    def packages(self) -> Packages | Unknown:
        asked = self._asked.packages
        return self._asked.read_packages(self._host, asked) if asked else _not_asked("packages")

    @cached_property
    def units(self) -> SystemdUnits | Unknown:
        asked = self._asked.units
        return read_units(self._host, asked) if asked else _not_asked("units")

    @cached_property
    def files(self) -> DirectoryTree | Unknown:
        return self._read_tree(self._host)

    def _read_tree(self, host: Host) -> DirectoryTree | Unknown:
        return read_directory_tree(host, as_root=self._as_root, kernel_names=self._asked.kernel_names)

    @cached_property
    def kernels(self) -> InstalledKernels | Unknown:
        if isinstance(self.files, Unknown):
            return self.files
        if isinstance(self.uname, Unknown):
            return self.uname
        return installed_kernels_from(self.files, self.uname.release, self.uname.records, self._asked.release_order)

    @cached_property
    def debug_symbols(self) -> DebugSymbols | Unknown:
        if isinstance(self.files, Unknown):
            return self.files
        if isinstance(self.uname, Unknown):
            return self.uname
        return read_debug_symbols(self._host, self.files, self.uname.release, self.build_id)

    @cached_property
    def mounts(self) -> Mounts | Unknown:
        return mounts.read_mounts(self._host, self._kernel_files)

    @cached_property
    def dump_target(self) -> DumpTarget:
        settings, asked = self.settings, self._asked
        if isinstance(settings, Unknown) and settings.absent and asked.dump_directory is not None:
            return read_local_dump_target(
                self._host, asked.dump_directory, self.mounts, settings.records, as_root=self._as_root
            )
        return read_dump_target(self._host, settings, self.mounts, as_root=self._as_root)

    @cached_property
    def reservation(self) -> Reservation:
        """What is reserved for the capture kernel, by all three witnesses."""
        found = (self.command_line, self.iomem)
        return Reservation(*found, self.kexec_crash, records_of(*found, self.kexec_crash))

    @cached_property
    def root_device(self) -> RootDevice | Unknown:
        return root_device_from(self.mounts, self.command_line)


#: what the kernel itself says
KERNEL_PATHS = (
    *boot_id.PATHS,
    meminfo.PATH,
    iomem.PATH,
    kernel_command_line.PATH,
    *kexec_crash.PATHS,
    *firmware.PATHS,
    kernel_build_id.NOTES,
    *mounts.MAPPER_PATHS,
    *sysctls.PATHS,
    *watchdog.PATHS,
)
#: what the machine stands in: hypervisor, cluster, firmware that dumps
SURROUNDINGS_PATHS = (*guest.PATHS, *cluster.PATHS, *fadump.PATHS)
#: each file is read up to here: a generated boot menu, or the memory map of a large machine
LARGEST_FILE_BYTES = 4 << 20


def _not_asked(what: str) -> Unknown:
    return Unknown(what, Why.NOT_ANSWERED, "it was not asked for")


@dataclass(frozen=True)
class Reservation:
    """What is reserved for the capture kernel, by all three witnesses: command line, memory map, sysfs."""

    command_line: KernelCommandLine | Unknown
    iomem: Iomem | Unknown
    kexec_crash: KexecCrash
    records: tuple[int, ...] = ()
