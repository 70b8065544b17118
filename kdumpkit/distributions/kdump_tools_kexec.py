"""What kdump-tools loads as the capture kernel, and the same as an explicit ``kexec -p``.

Source: kdump_load(), manage_symlinks() and the built-in KDUMP_CMDLINE_APPEND of kdump-config 1:1.8.1.
"""

from __future__ import annotations

import shlex

from kdumpkit.command import Command, command
from kdumpkit.distributions.answers import CaptureFacts, CaptureFiles, KexecLoad
from kdumpkit.errors import GateClosed, ParameterError
from kdumpkit.facts.kdump_settings import KdumpSettings
from kdumpkit.facts.kernel_command_line import KernelCommandLine

KDUMP_DIRECTORY = "/var/lib/kdump"

#: what is added to the capture kernel's command line, by ``uname -m``; the last is for all others
APPEND = {
    "aarch64": "reset_devices systemd.unit=kdump-tools-dump.service nr_cpus=1",
    "ppc64le": "reset_devices systemd.unit=kdump-tools-dump.service maxcpus=1 irqpoll noirqdistrib usbcore.nousb",
    "": "reset_devices systemd.unit=kdump-tools-dump.service nr_cpus=1 irqpoll usbcore.nousb",
}
#: what is taken out of the running command line, and only as NAME=VALUE
REMOVED = frozenset({"crashkernel", "hugepages", "hugepagesz", "abm"})


def capture_files(release: str, settings: KdumpSettings | None) -> CaptureFiles:
    """The files for this release; the links in /var/lib/kdump are resolved: they follow the one loaded last."""
    links = (f"{KDUMP_DIRECTORY}/vmlinuz", f"{KDUMP_DIRECTORY}/initrd.img")
    kernel = settings.kernel if settings and settings.kernel else links[0]
    initramfs = settings.initramfs if settings and settings.initramfs else links[1]
    return CaptureFiles(
        f"/boot/vmlinuz-{release}" if kernel == links[0] else kernel,
        f"{KDUMP_DIRECTORY}/initrd.img-{release}" if initramfs == links[1] else initramfs,
        links[0],
        links[1],
        command("kdump-config", "symlinks", release, timeout_s=900, as_root=True),
    )


def kexec_load(
    host: str,
    files: CaptureFiles,
    facts: CaptureFacts,
    command_line: KernelCommandLine,
    root: str | None,
    signed: bool,
) -> KexecLoad:
    """``kexec -p`` with the command line that kdump-config would make. See ``Distribution.kexec_load``."""
    release, machine, settings = facts.release, facts.machine, facts.settings
    kernel = files.kernel
    if machine == "ppc64le" and kernel == f"/boot/vmlinuz-{release}":
        # the only one of these machines whose kernel is an ELF file
        kernel = f"/boot/vmlinux-{release}"
    reasons = [
        "-p: kept in the reserved memory and started by a panic; -l would be for the next reboot",
        f"{files.initramfs}: the kdump initramfs has the drivers of this host only and saves the dump; "
        f"/boot/initrd.img-{release} has those for any machine and may not fit into the reservation",
    ]
    line, removed, added = _capture_command_line(host, machine, command_line, root, settings, reasons)
    options = ["-s"] if signed else []
    unload = command("kexec", *options, "-p", "-u", timeout_s=60, as_root=True)
    if signed:
        reasons.append("-s: Secure Boot or lockdown is on, and then only signed images are loaded (kexec_file_load)")
    if kernel.rsplit("/", 1)[-1].startswith("vmlinux"):
        options.append("--args-linux")
        reasons.append("--args-linux: the kernel is an ELF file")
    if settings and settings.kexec_arguments:
        try:
            options += shlex.split(settings.kexec_arguments)
        except ValueError as error:
            raise ParameterError(
                f"{host}: KDUMP_KEXEC_ARGS in {settings.path} has an open quote: {settings.kexec_arguments[:200]}",
                f"correct it in {settings.path}",
            ) from error
        reasons.append(f"{settings.kexec_arguments}: KDUMP_KEXEC_ARGS of {settings.path}")
    argv = ("kexec", "-p", *options, f"--command-line={line}", f"--initrd={files.initramfs}", kernel)
    return KexecLoad(
        Command(argv, timeout_s=120, as_root=True),
        unload,
        kernel,
        files.initramfs,
        line,
        removed,
        added,
        signed,
        tuple(reasons),
    )


def _capture_command_line(
    host: str,
    machine: str,
    command_line: KernelCommandLine,
    root: str | None,
    settings: KdumpSettings | None,
    reasons: list[str],
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    # the line, the words that were left out of the running one, and those that were added
    append = (settings.command_line_append if settings else None) or APPEND.get(machine, APPEND[""])
    added = append.split()
    if settings and settings.command_line:
        reasons.append(f"the command line is KDUMP_CMDLINE of {settings.path}, which replaces the running one")
        return " ".join((*settings.command_line.split(), *added)), (), tuple(added)
    taken = [word for word in command_line.parameters if word.name in REMOVED and word.value is not None]
    kept = [word.text for word in command_line.parameters if word not in taken]
    reasons.append(f"the capture kernel gets the running command line without {', '.join(sorted(REMOVED))}")
    if not any(word.name == "root" and word.value for word in command_line.parameters):
        if root is None:
            raise GateClosed(
                f"{host}: the running command line has no root=, and the device that holds / is not known, so the "
                "capture "
                "kernel could not find where to write the dump",
                "findmnt --noheadings --output SOURCE,UUID /",
            )
        added.insert(0, f"root={root}")
        reasons.append(f"root={root} was added, as the running command line has none")
    line = " ".join((*kept, *added))
    if command_line.init_arguments:
        line += " -- " + " ".join(command_line.init_arguments)
    return line, tuple(word.text for word in taken), tuple(added)
