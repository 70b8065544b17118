"""What SUSE's kdump loads as the capture kernel, and the same as an explicit ``kexec -p``.

**Source**: ``init/load.sh``, ``init/mkdumprd`` and ``init/unload.sh`` of openSUSE's kdump 2.1; the kdump initramfs
lies in /var/lib/kdump since 0.9, before that in /boot beside the kernel.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from kdumpkit.command import Command, command
from kdumpkit.distributions.answers import CaptureFacts, CaptureFiles, KexecLoad
from kdumpkit.errors import ParameterError
from kdumpkit.facts.kdump_settings import KdumpSettings
from kdumpkit.facts.kernel_command_line import KernelCommandLine

KERNEL = "/var/lib/kdump/kernel"
INITRAMFS = "/var/lib/kdump/initrd"

#: what load.sh takes out of the running command line, with a value or without one
REMOVED = frozenset(
    {
        "root", "resume", "crashkernel", "splash", "mem", "BOOT_IMAGE", "showopts", "zfcp.allow_lun_scan", "hugepages",
        "acpi_no_memhotplug", "cgroup_disable", "unknown_nmi_panic", "rd.udev.children-max",
    }
)  # fmt: skip
#: and on x86 beside that
REMOVED_X86 = frozenset({"notsc"})
#: what it adds; the number of processors and panic= come by themselves
ADDED = "sysrq=yes reset_devices acpi_no_memhotplug cgroup_disable=memory nokaslr numa=off irqpoll"
ADDED_ROOT = "root=kdump rootflags=bind rd.udev.children-max=8"
_X86 = ("x86_64", "i686", "i586")


def capture_files(release: str, *, in_boot: bool) -> CaptureFiles:
    """The files that kdump.service loads. ``in_boot``: a release that keeps the kdump initramfs in /boot.

    Since 0.9 the service loads whatever kernel its initramfs was built for, which is the one that /boot/vmlinuz led to
    then; /var/lib/kdump/kernel is a link to it, and the two belong together.
    """
    if in_boot:
        return CaptureFiles(
            f"/boot/vmlinuz-{release}",
            f"/boot/initrd-{release}-kdump",
            None,
            None,
            command("mkdumprd", "-K", release, timeout_s=900, as_root=True),
        )
    return CaptureFiles(KERNEL, INITRAMFS, KERNEL, None, command("mkdumprd", timeout_s=900, as_root=True))


def kexec_load(
    files: CaptureFiles,
    host: CaptureFacts,
    command_line: KernelCommandLine,
    *,
    signed: bool,
    tries_both: bool,
) -> KexecLoad:
    """``kexec -p`` with the command line that load.sh would make. See ``Distribution.kexec_load``.

    ``tries_both``: this kexec knows ``-a`` (kexec_file_load first, then kexec_load), as load.sh gives it.
    """
    reasons = [
        "-p: kept in the reserved memory and started by a panic; -l would be for the next reboot",
        f"{files.initramfs}: the kdump initramfs saves the dump; that for booting would start the whole system",
    ]
    machine, settings = host.machine, host.settings
    line, removed, added = _capture_command_line(machine, command_line, settings, reasons)
    argv = ["kexec", "-p", files.kernel, f"--append={line}", f"--initrd={files.initramfs}"]
    if settings and settings.kexec_arguments:
        try:
            argv += shlex.split(settings.kexec_arguments)
        except ValueError as error:
            raise ParameterError(
                f"KEXEC_OPTIONS in {settings.path} has an open quote: {settings.kexec_arguments[:200]}",
                f"correct it in {settings.path}",
            ) from error
        reasons.append(f"{settings.kexec_arguments}: KEXEC_OPTIONS of {settings.path}")
    if signed:
        argv.append("-s")
        reasons.append("-s: Secure Boot or lockdown is on, and then only signed images are loaded (kexec_file_load)")
    elif tries_both:
        argv.append("-a")
        reasons.append("-a: kexec_file_load is tried first, and kexec_load where the kernel does not know it")
    return KexecLoad(
        Command(tuple(argv), timeout_s=120, as_root=True),
        command("kexec", "-p", "-u", timeout_s=60, as_root=True),
        files.kernel,
        files.initramfs,
        line,
        removed,
        added,
        signed,
        tuple(reasons),
    )


def _capture_command_line(
    machine: str, command_line: KernelCommandLine, settings: KdumpSettings | None, reasons: list[str]
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    # the line, the words that were left out of the running one, and those that were added
    appended = (settings.command_line_append or "").split() if settings else []
    if settings and settings.command_line:
        reasons.append(f"the command line is KDUMP_COMMANDLINE of {settings.path}, which replaces the running one")
        words = [*settings.command_line.split(), *appended]
        added = [*appended, *_panic(words)]
        return " ".join((*settings.command_line.split(), *added)), (), tuple(added)
    names = REMOVED | (REMOVED_X86 if machine in _X86 else frozenset())
    taken = [
        word
        for word in command_line.parameters
        if word.name in names or (machine in _X86 and word.text == "console=hvc0")
    ]
    kept = [word.text for word in command_line.parameters if word not in taken]
    added = [*ADDED.split(), "nr_cpus=1", *ADDED_ROOT.split()]
    if machine == "s390x":
        added.append("zfcp.allow_lun_scan=0")
    added += appended
    added += _panic([*kept, *added])
    reasons.append(f"the capture kernel gets the running command line without {', '.join(sorted(names))}")
    reasons.append("root=kdump: the kdump initramfs has the dump target in it and mounts nothing else")
    if machine in _X86:
        reasons.append(
            "nr_cpus=1 in the place of KDUMP_CPUS: more processors need disable_cpu_apicid= of the one that booted, "
            "which load.sh takes from /proc/cpuinfo"
        )
    line = " ".join((*kept, *added))
    if command_line.init_arguments:
        line += " -- " + " ".join(command_line.init_arguments)
    return line, tuple(word.text for word in taken), tuple(added)


def _panic(words: Sequence[str]) -> list[str]:
    # a capture kernel that panics itself is to reboot
    return [] if any(word.partition("=")[0] == "panic" for word in words) else ["panic=1"]
