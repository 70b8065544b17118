"""What Enterprise Linux, Fedora and Amazon Linux load as the capture kernel, and the same as an explicit ``kexec -p``.

Source: gen-kdump-sysconfig.sh, prepare_cmdline(), prepare_kexec_args() and prepare_kdump_bootinfo() of kdump-utils (EL
9, 10, Fedora); the sysconfig files of RHEL 7 and 8 as Red Hat's image tests expect them. What /etc/sysconfig/kdump sets
takes the place of these lists: the packages ship them there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from kdumpkit.command import Command, command
from kdumpkit.distributions.answers import CaptureFacts, CaptureFiles, KexecLoad
from kdumpkit.errors import ParameterError
from kdumpkit.facts.el_machine import ElMachine
from kdumpkit.facts.kernel_command_line import KernelCommandLine

#: words that kdumpctl takes out whatever the settings say (prepare_cmdline()): the initramfs itself carries the target
ALWAYS_REMOVED = (
    "crashkernel", "panic_on_warn", "root", "rd.lvm.lv", "rd.luks.uuid", "rd.dm.uuid", "rd.md.uuid", "fcoe", "netroot",
    "rd.iscsi.initiator", "iscsi_initiator",
)  # fmt: skip
#: and those that /etc/sysconfig/kdump names where it is as it was shipped
_REMOVE_7 = "hugepages hugepagesz slub_debug kaslr"
_REMOVE_8 = "hugepages hugepagesz slub_debug quiet log_buf_len swiotlb"
_REMOVE = f"{_REMOVE_8} hugetlb_cma ignition.firstboot"
_REMOVE_BY_MACHINE = {"ppc64le": "", "s390x": "cma vmcp_cma prot_virt zfcp.allow_lun_scan"}

_APPEND_7 = (
    "irqpoll nr_cpus=1 reset_devices cgroup_disable=memory mce=off numa=off udev.children-max=2 panic=10 "
    "acpi_no_memhotplug transparent_hugepage=never nokaslr novmcoredd hest_disable"
)
_APPEND_8 = _APPEND_7.replace("panic=10", "panic=10 rootflags=nofail")
_COMMON = "novmcoredd hugetlb_cma=0"
_CURRENT_COMMON = f"{_COMMON} kfence.sample_interval=0 initramfs_options=size=90%"
_APPEND = {
    "x86_64": (
        "irqpoll nr_cpus=1 reset_devices cgroup_disable=memory mce=off numa=off udev.children-max=2 panic=10 "
        "acpi_no_memhotplug transparent_hugepage=never nokaslr hest_disable cma=0 pcie_ports=compat"
    ),
    "aarch64": (
        "irqpoll nr_cpus=1 reset_devices cgroup_disable=memory udev.children-max=2 panic=10 swiotlb=noforce cma=0"
    ),
    "ppc64le": (
        "irqpoll nr_cpus=16 noirqdistrib reset_devices cgroup_disable=memory numa=off udev.children-max=2 "
        "ehea.use_mcs=0 panic=10 kvm_cma_resv_ratio=0 transparent_hugepage=never"
    ),
    "s390x": (
        "nr_cpus=1 cgroup_disable=memory numa=off udev.children-max=2 panic=10 transparent_hugepage=never vmcp_cma=0 "
        "cma=0"
    ),
    "": "irqpoll maxcpus=1 reset_devices cma=0",
}
#: versions of kdump-utils whose prepare_cmdline() adds rd.systemd.gpt_auto=no for unified images alone
_ALONE_BEFORE = (1, 0, 50)
#: the version that was read
_READ_VERSION = (1, 0, 61)
_FILE_LOAD = ("x86_64", "aarch64", "ppc64le", "s390x")


def remove_list(version: tuple[int, ...], machine: str) -> str:
    """KDUMP_COMMANDLINE_REMOVE as the package ships it."""
    if version and version[0] <= 8:
        return _REMOVE_8 if version[0] == 8 else _REMOVE_7
    return f"{_REMOVE} {_REMOVE_BY_MACHINE.get(machine, 'cma')}".strip()


def append_list(version: tuple[int, ...], machine: str) -> str:
    """KDUMP_COMMANDLINE_APPEND as the package ships it. ``version``: of Enterprise Linux; () is the newest."""
    if version and version[0] <= 8 and machine == "x86_64":
        return _APPEND_8 if version[0] == 8 else _APPEND_7
    common = _COMMON if version and version[0] <= 9 else _CURRENT_COMMON
    return f"{_APPEND.get(machine, _APPEND[''])} {common}"


def el_capture_files(host: CaptureFacts, build: Command, kdump_utils: tuple[int, ...] | None = None) -> CaptureFiles:
    """The files for the host's release: the kernel of the running one unless the settings name another.

    The settings name an initramfs in /var/lib/kdump where /boot is read-only. A unified kernel image, which
    its ``el_machine`` tells of, is loaded as it is; its kdump initramfs lies in /boot as well, and with the version of
    ``kdump_utils`` that is in prepare_kdump_bootinfo() of 1.0.61, or a later one, in /var/lib/kdump.
    """
    release, settings, el_machine = host.release, host.settings, host.el_machine
    directory, kernel = "/boot", settings.kernel if settings and settings.kernel else f"/boot/vmlinuz-{release}"
    if el_machine is not None and el_machine.unified and el_machine.image and not (settings and settings.kernel):
        kernel = el_machine.image
        if kdump_utils is not None and kdump_utils >= _READ_VERSION:
            directory = "/var/lib/kdump"
    initramfs = settings.initramfs if settings and settings.initramfs else f"{directory}/initramfs-{release}kdump.img"
    return CaptureFiles(kernel, initramfs, None, None, build)


def el_kexec_load(
    files: CaptureFiles,
    version: tuple[int, ...],
    host: CaptureFacts,
    command_line: KernelCommandLine,
    root: str | None,
    signed: bool,
    kdump_utils: tuple[int, ...] | None = None,
) -> KexecLoad:
    """``kexec -p`` with the command line that kdumpctl would make. See ``Distribution.kexec_load``.

    Without the host's ``el_machine`` is left out what depends on it: disable_cpu_apicid=, which matters only where the
    capture kernel starts other processors (with nr_cpus=1 it does not), and the words that keep a watchdog from a panic
    of its own. ``kdump_utils`` is the version of that package, None where it is not known.
    """
    reasons = [
        "-p: kept in the reserved memory and started by a panic; -l would be for the next reboot",
        f"{files.initramfs}: the kdump initramfs carries the dump target and its drivers; the initramfs that the "
        "system boots with has no kdump in it and may not fit into the reservation",
        "no root= and no rd.lvm.lv=: the initramfs mounts the dump target by itself, on LVM too",
    ]
    if root is not None:
        reasons.append(f"root={root} is left out for that reason; an initramfs without kdump in it would need it")
    gpt_auto_off = _gpt_auto_is_off(version, host.el_machine, kdump_utils)
    line, removed, added = _capture_command_line(version, host, command_line, reasons, gpt_auto_off)
    arguments = _arguments(version, host, signed, reasons)
    file_load = "-s" in arguments or "--kexec-file-syscall" in arguments
    unload = command("kexec", *(["-s"] if file_load else []), "-p", "-u", timeout_s=60, as_root=True)
    argv = ("kexec", *arguments, "-p", f"--command-line={line}", f"--initrd={files.initramfs}", files.kernel)
    load = Command(argv, timeout_s=120, as_root=True)
    return KexecLoad(load, unload, files.kernel, files.initramfs, line, removed, added, file_load, tuple(reasons))


def _arguments(version: tuple[int, ...], host: CaptureFacts, signed: bool, reasons: list[str]) -> list[str]:
    settings = host.settings
    given = settings.kexec_arguments if settings else None
    if given is None:
        by_default = not (version and version[0] <= 7) and host.machine in _FILE_LOAD
        given = "-s" if by_default else ""
        if by_default:
            reasons.append("-s: the default of this release: the kernel reads and checks the files itself")
    elif given:
        reasons.append(f"{given}: KEXEC_ARGS of {settings.paths[-1] if settings else ''}")
    try:
        arguments = shlex.split(given)
    except ValueError as error:
        raise ParameterError(f"KEXEC_ARGS has an open quote: {given[:200]}", "correct it in the settings") from error
    if signed and not {"-s", "--kexec-file-syscall"} & set(arguments):
        arguments.insert(0, "-s")
        reasons.append("-s: Secure Boot or lockdown is on, and then only signed images are loaded (kexec_file_load)")
    return arguments


def _capture_command_line(
    version: tuple[int, ...],
    host: CaptureFacts,
    command_line: KernelCommandLine,
    reasons: list[str],
    gpt_auto_off: bool,
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    # the line, the words that were left out of the one it starts from, and those that were added
    machine, settings, el_machine = host.machine, host.settings, host.el_machine
    remove, append = (settings.command_line_remove, settings.command_line_append) if settings else (None, None)
    names = {*ALWAYS_REMOVED, *(remove_list(version, machine) if remove is None else remove).split()}
    added = (append_list(version, machine) if append is None else append).split()
    if settings and settings.command_line:
        words: Sequence[str] = settings.command_line.split()
        reasons.append(f"the command line is KDUMP_COMMANDLINE of {settings.paths[-1]}, which replaces the running one")
    else:
        words = [parameter.text for parameter in command_line.parameters]
        reasons.append("the capture kernel gets the running command line without what would get into its way")
    removed = tuple(word for word in words if _name(word) in names)
    # kdumpctl leaves out NAME= with nothing behind it
    kept = [word for word in words if _name(word) not in names and not re.fullmatch(r"[^=]+=", word)]
    added += _words_of_machine(version, el_machine, reasons)
    if el_machine is not None and el_machine.graviton and not (version and version[0] <= 7):
        kept = [word for word in kept if word != "irqpoll"]
        added = [word for word in added if word != "irqpoll"]
        reasons.append("no irqpoll: on Amazon's Graviton it can break the hot removal of PCI devices")
    if gpt_auto_off:
        added.append("rd.systemd.gpt_auto=no")
        reasons.append("rd.systemd.gpt_auto=no: without root= systemd would look for a root partition and wait for it")
    return " ".join((*kept, *added)), removed, tuple(added)


def _gpt_auto_is_off(
    version: tuple[int, ...], el_machine: ElMachine | None, kdump_utils: tuple[int, ...] | None
) -> bool:
    # EL 8 has no such word. It came with unified images, for them alone; 1.0.61 has it for every kernel, and versions
    # between were not read. It keeps a capture kernel from waiting for ever, so it is left out only where kdumpctl is
    # known to leave it out.
    if version and version[0] <= 8:
        return False
    if el_machine is not None and el_machine.unified:
        return True
    return not (version and version[0] == 9) and not (kdump_utils is not None and kdump_utils < _ALONE_BEFORE)


def _words_of_machine(version: tuple[int, ...], el_machine: ElMachine | None, reasons: list[str]) -> Iterator[str]:
    if el_machine is None:
        reasons.append("what kdumpctl adds for this machine's processor and watchdogs is left out: it did not tell")
        return
    if el_machine.boot_apic_id is not None:
        yield f"disable_cpu_apicid={el_machine.boot_apic_id}"
        reasons.append(
            f"disable_cpu_apicid={el_machine.boot_apic_id}: the capture kernel may start on another processor, and "
            "must not wake the one that booted the machine"
        )
    # kexec-tools of EL 7 does not know them
    drivers = () if version and version[0] <= 7 else el_machine.watchdog_drivers
    for driver in drivers:
        yield f"{driver}.pretimeout=0"
        if driver == "hpwdt":
            yield "hpwdt.kdumptimeout=0"
    if drivers:
        reasons.append(f"{', '.join(drivers)}: the watchdog is to reset the machine, not to panic the capture kernel")
    if el_machine.unified:
        reasons.append(f"{el_machine.image} is a unified kernel image: its own initramfs and command line are not used")


def _name(word: str) -> str:
    return word.strip('"').partition("=")[0]
