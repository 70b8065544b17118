"""Everything about one host in few commands."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.facts.boot_id import BootIdentity
from kdumpkit.facts.debug_symbols import DebugSymbols
from kdumpkit.facts.dump_target import DumpTarget
from kdumpkit.facts.firmware import Firmware
from kdumpkit.facts.grub import GrubDefaults, GrubEnvironment
from kdumpkit.facts.grub_cfg import GrubConfig
from kdumpkit.facts.installed_kernels import InstalledKernels
from kdumpkit.facts.iomem import Iomem
from kdumpkit.facts.kdump_tools import KdumpToolsSettings
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.kexec_crash import KexecCrash
from kdumpkit.facts.meminfo import Meminfo
from kdumpkit.facts.mounts import Mounts
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.packages import Packages, Programs
from kdumpkit.facts.root_device import RootDevice
from kdumpkit.facts.sysctls import PanicSysctls
from kdumpkit.facts.systemd_unit import SystemdUnits
from kdumpkit.facts.uname import Uname
from kdumpkit.facts.unknown import Unknown
from kdumpkit.facts.watchdog import Watchdogs


@dataclass(frozen=True)
class SurveyRequest:
    """What to ask for that differs from one distribution to the next."""

    packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


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
