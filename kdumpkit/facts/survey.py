"""Everything about one host in few commands."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.facts import (
    boot_id,
    firmware,
    grub,
    grub_cfg,
    iomem,
    kdump_tools,
    kernel_build_id,
    kernel_command_line,
    kexec_crash,
    meminfo,
    mounts,
    os_release,
    sysctls,
    watchdog,
)
from kdumpkit.facts.boot_id import BootIdentity
from kdumpkit.facts.debug_symbols import DebugSymbols, read_debug_symbols
from kdumpkit.facts.directory_tree import DirectoryTree, read_directory_tree
from kdumpkit.facts.dump_target import DumpTarget, read_dump_target, read_local_dump_target
from kdumpkit.facts.firmware import Firmware
from kdumpkit.facts.grub import GrubDefaults, GrubEnvironment
from kdumpkit.facts.grub_cfg import GrubConfig
from kdumpkit.facts.installed_kernels import InstalledKernels, installed_kernels_from
from kdumpkit.facts.iomem import Iomem
from kdumpkit.facts.kdump_tools import KdumpToolsSettings
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.kexec_crash import KexecCrash
from kdumpkit.facts.meminfo import Meminfo
from kdumpkit.facts.mounts import Mounts
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.packages import Packages, Programs, read_packages, read_programs
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.root_device import RootDevice, root_device_from
from kdumpkit.facts.sysctls import PanicSysctls
from kdumpkit.facts.systemd_unit import SystemdUnits, read_units
from kdumpkit.facts.uname import Uname, read_uname
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.facts.watchdog import Watchdogs
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import FileState, read_files


@dataclass(frozen=True)
class SurveyRequest:
    """What to ask for that differs from one distribution to the next."""

    packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    #: looked at where no settings name one, such as before kdump-tools is installed; None: not looked for
    dump_directory: str | None = None


@dataclass(frozen=True)
class Survey:
    """Every fact about one host. Each is Unknown where it could not be read."""

    host: str
    os_release: OsRelease | Unknown
    uname: Uname | Unknown
    boot: BootIdentity | Unknown
    meminfo: Meminfo | Unknown
    iomem: Iomem | Unknown
    command_line: KernelCommandLine | Unknown
    kexec_crash: KexecCrash
    firmware: Firmware | Unknown
    packages: Packages | Unknown
    programs: Programs | Unknown
    kernels: InstalledKernels | Unknown
    debug_symbols: DebugSymbols | Unknown
    files: DirectoryTree | Unknown
    grub_defaults: GrubDefaults | Unknown
    grub_environment: GrubEnvironment | Unknown
    grub_config: GrubConfig | Unknown
    kdump_tools: KdumpToolsSettings | Unknown
    units: SystemdUnits | Unknown
    mounts: Mounts | Unknown
    dump_target: DumpTarget | Unknown
    root_device: RootDevice | Unknown
    sysctls: PanicSysctls
    watchdogs: Watchdogs | Unknown


#: every file that a survey reads, in one command
PATHS = (
    *os_release.PATHS,
    *boot_id.PATHS,
    meminfo.PATH,
    iomem.PATH,
    kernel_command_line.PATH,
    *kexec_crash.PATHS,
    *firmware.PATHS,
    kernel_build_id.NOTES,
    *grub.PATHS,
    *grub.ENVIRONMENTS,
    *grub_cfg.PATHS,
    kdump_tools.PATH,
    *mounts.MAPPER_PATHS,
    *sysctls.PATHS,
    *watchdog.PATHS,
)
#: files of a survey are read up to here, each
LARGEST_FILE_BYTES = 1 << 20


def read_survey(host: Host, request: SurveyRequest | None = None, *, as_root: bool = True) -> Survey:
    """Every fact about the host in eight commands; one more for a hardware watchdog, two for each vmlinux.

    ``as_root`` False: whatever needs root becomes Unknown(NOT_PERMITTED). Raises HostError where the host is lost.
    """
    asked = request or SurveyRequest()
    files = read_files(host, PATHS, max_bytes=LARGEST_FILE_BYTES, as_root=as_root)
    uname = read_uname(host)
    tree = read_directory_tree(host, as_root=as_root)
    mounted = mounts.read_mounts(host, files)
    command_line = kernel_command_line.kernel_command_line_from(files)
    settings = kdump_tools.kdump_tools_from(files)
    return Survey(
        host=host.name,
        os_release=os_release.os_release_from(files),
        uname=uname,
        boot=boot_id.boot_identity_from(files),
        meminfo=meminfo.meminfo_from(files),
        iomem=iomem.iomem_from(files),
        command_line=command_line,
        kexec_crash=kexec_crash.kexec_crash_from(files),
        firmware=firmware.firmware_from(files),
        packages=read_packages(host, asked.packages) if asked.packages else _not_asked("packages"),
        programs=read_programs(host, asked.programs) if asked.programs else _not_asked("programs"),
        kernels=_kernels(tree, uname),
        debug_symbols=_debug_symbols(host, tree, uname, files),
        files=tree,
        grub_defaults=grub.grub_defaults_from(files),
        grub_environment=grub.grub_environment_from(files),
        grub_config=grub_cfg.grub_config_from(files),
        kdump_tools=settings,
        units=read_units(host, asked.units) if asked.units else _not_asked("units"),
        mounts=mounted,
        dump_target=_dump_target(host, asked, settings, mounted, as_root),
        root_device=root_device_from(mounted, command_line),
        sysctls=sysctls.panic_sysctls_from(files),
        watchdogs=watchdog.read_watchdogs(host, files),
    )


def _not_asked(what: str) -> Unknown:
    return Unknown(what, Why.NOT_ANSWERED, "the survey was not asked for any")


def _dump_target(
    host: Host, asked: SurveyRequest, settings: KdumpToolsSettings | Unknown, mounted: Mounts | Unknown, as_root: bool
) -> DumpTarget:
    if isinstance(settings, Unknown) and settings.absent and asked.dump_directory is not None:
        return read_local_dump_target(host, asked.dump_directory, mounted, settings.records, as_root=as_root)
    return read_dump_target(host, settings, mounted, as_root=as_root)


def _kernels(tree: DirectoryTree | Unknown, uname: Uname | Unknown) -> InstalledKernels | Unknown:
    if isinstance(tree, Unknown):
        return tree
    return uname if isinstance(uname, Unknown) else installed_kernels_from(tree, uname.release, uname.records)


def _debug_symbols(
    host: Host, tree: DirectoryTree | Unknown, uname: Uname | Unknown, files: dict[str, FileState]
) -> DebugSymbols | Unknown:
    if isinstance(tree, Unknown):
        return tree
    if isinstance(uname, Unknown):
        return uname
    return read_debug_symbols(host, tree, uname.release, kernel_build_id.kernel_build_id_from(files))


@dataclass(frozen=True)
class Reservation:
    """What is reserved for the capture kernel, by all three witnesses: command line, memory map, sysfs."""

    command_line: KernelCommandLine | Unknown
    iomem: Iomem | Unknown
    kexec_crash: KexecCrash
    records: tuple[int, ...] = ()


def read_reservation(host: Host, *, as_root: bool = True) -> Reservation:
    """The reservation in one command: after a reboot, or for polling."""
    paths = (kernel_command_line.PATH, iomem.PATH, *kexec_crash.PATHS)
    files = read_files(host, paths, max_bytes=LARGEST_FILE_BYTES, as_root=as_root)
    found = (kernel_command_line.kernel_command_line_from(files), iomem.iomem_from(files))
    kexec = kexec_crash.kexec_crash_from(files)
    return Reservation(*found, kexec, records_of(*found, kexec))


def read_loaded(host: Host) -> bool | Unknown:
    """Whether a capture kernel is loaded, in one command without root: for polling."""
    return kexec_crash.read_kexec_crash(host, as_root=False).loaded
