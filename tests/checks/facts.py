"""Facts to check, as real hosts have them; tests change one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from kdumpkit.facts.boot_id import BootIdentity
from kdumpkit.facts.boot_loader import BootEntry, BootLoader, grub_boot_loader_from
from kdumpkit.facts.debug_symbols import DebugSymbols, VmlinuxFile
from kdumpkit.facts.dump_target import DumpTarget, FileSystemSpace
from kdumpkit.facts.firmware import Firmware, FirmwareKind
from kdumpkit.facts.installed_kernels import InstalledKernel, InstalledKernels
from kdumpkit.facts.iomem import Iomem, MemoryRange
from kdumpkit.facts.kdump_settings import DumpTargetKind, KdumpSettings
from kdumpkit.facts.kdump_tools import kdump_tools_settings, parse_kdump_tools
from kdumpkit.facts.kernel_build_id import KernelBuildId
from kdumpkit.facts.kernel_command_line import KernelCommandLine, parse_kernel_command_line
from kdumpkit.facts.kexec_crash import KexecCrash, Lockdown
from kdumpkit.facts.meminfo import Meminfo
from kdumpkit.facts.mounts import DeviceKind, Mount
from kdumpkit.facts.packages import Package, Packages, PackageStatus
from kdumpkit.facts.sysctls import PanicSysctls
from kdumpkit.facts.systemd_unit import SystemdUnit
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.facts.watchdog import Watchdog, Watchdogs
from kdumpkit.hosts.files import Absent, FileContent, FileState

REAL = Path(__file__).parents[1] / "distributions" / "debian-12"
MIB, GIB = 1 << 20, 1 << 30
RUNNING, OTHER = "6.1.0-56-cloud-amd64", "6.1.0-55-cloud-amd64"

#: for each reason why a fact is not known
UNKNOWNS = [Unknown("the source", why, "a detail", (77,)) for why in Why]
DENIED = Unknown("the source", Why.NOT_PERMITTED, "", (77,))
ABSENT = Unknown("the source", Why.ABSENT, "", (77,))


def iomem(*crash_mib: int, ram_mib: int = 2048) -> Iomem:
    ranges = [MemoryRange(0, ram_mib * MIB - 1, "System RAM", 0)]
    for number, size in enumerate(crash_mib):
        start = (16 + number * 8192) * MIB
        ranges.append(MemoryRange(start, start + size * MIB - 1, "Crash kernel", 1))
    return Iomem(tuple(ranges), (1,))


def command_line(*crashkernel: str) -> KernelCommandLine:
    text = " ".join(["root=UUID=6f7c", *(f"crashkernel={value}" for value in crashkernel)])
    return parse_kernel_command_line(text.encode(), (2,))


KEXEC = KexecCrash(True, 256 * MIB, False, Lockdown.NONE, ABSENT, (3,))


def kexec(**changes: Any) -> KexecCrash:
    return replace(KEXEC, **changes)


GRUB = "/etc/default/grub"
DROP_IN = "/etc/default/grub.d/kdump-tools.cfg"
GRUB_CFG = "/boot/grub/grub.cfg"


def boot_loader(files: dict[str, bytes], environment: FileState | None = None) -> BootLoader | Unknown:
    """What Debian's GRUB would do with these files and the real menu."""
    menu = {GRUB_CFG: (REAL / "grub.cfg").read_bytes()}
    states: dict[str, FileState] = {
        path: FileContent(path, data, 0o644, False, 4) for path, data in {**menu, **files}.items()
    }
    states["/boot/grub/grubenv"] = environment or Absent("/boot/grub/grubenv", 4)
    states["/boot/grub2/grubenv"] = Absent("/boot/grub2/grubenv", 4)
    return grub_boot_loader_from(states)


def known(found: BootLoader | Unknown) -> BootLoader:
    assert isinstance(found, BootLoader)
    return found


ONE_TOKEN = {GRUB: b'GRUB_CMDLINE_LINUX_DEFAULT="quiet crashkernel=256M"\n'}
#: one word is configured, and the real menu carries two
MENU = known(boot_loader(ONE_TOKEN))
TWO_WORDS = known(boot_loader({**ONE_TOKEN, DROP_IN: (REAL / "kdump-tools.cfg").read_bytes()}))


def with_default(entry: BootEntry | Unknown | None, loader: BootLoader = MENU) -> BootLoader:
    return replace(loader, default=entry)


def settings(data: bytes) -> KdumpSettings:
    return kdump_tools_settings(parse_kdump_tools(data, (6,)))


SETTINGS = settings((REAL / "kdump-tools").read_bytes())
SETTINGS_OFF = settings(b"USE_KDUMP=0\n")
FIRMWARE = Firmware(FirmwareKind.UEFI, False, False, (7,))
UNIT = SystemdUnit("kdump-tools.service", "loaded", "active", "exited", "enabled", "success", 0, (8,))


def unit(**changes: Any) -> SystemdUnit:
    return replace(UNIT, **changes)


def packages(**states: PackageStatus) -> Packages:
    return Packages(tuple(Package(name, "1", status) for name, status in states.items()), (9,))


def kernel(release: str, complete: bool = True, running: str = RUNNING) -> InstalledKernel:
    modules = f"/lib/modules/{release}" if complete else None
    return InstalledKernel(
        release, f"/boot/vmlinuz-{release}", f"/boot/initrd.img-{release}", modules, release == running
    )


KERNELS = InstalledKernels((kernel(OTHER), kernel(RUNNING)), RUNNING, (11,))
SYMBOLS = DebugSymbols(
    KernelBuildId("/sys/kernel/notes", "aa" * 20),
    (VmlinuxFile("/usr/lib/debug/boot/vmlinux-1", 1, KernelBuildId("/usr/lib/debug/boot/vmlinux-1", "aa" * 20)),),
    (12,),
)
MOUNT = Mount("/var", "/dev/vda2", "ext4", ("rw",), "1", DeviceKind.PLAIN)
MEMINFO = Meminfo(2 * GIB, GIB, 0, None, 100 * MIB, (13,))


def target(available_bytes: int = 4 * GIB, **changes: Any) -> DumpTarget:
    space = FileSystemSpace("/var", "ext4", 20 * GIB, 20 * GIB - available_bytes, available_bytes)
    made = DumpTarget(DumpTargetKind.LOCAL, "/var/crash", True, None, MOUNT, space, (14,))
    return replace(made, **changes)


SYSCTLS = PanicSysctls(10, 1, 1, 1, 0, 0, 0, 0, 438, 10, (15,))


def sysctls(**changes: Any) -> PanicSysctls:
    return replace(SYSCTLS, **changes)


def watchdogs(
    timeout_s: int | None = 30, active: bool | None = True, fed: float | Unknown = 0.0, there: bool = True
) -> Watchdogs:
    devices = (Watchdog("watchdog0", "iTCO_wdt", timeout_s, 600, active),) if there else ()
    return Watchdogs(devices, fed, (16,))


BOOT = BootIdentity("a" * 8, 100.0, "m" * 32, "web01", (17,))
