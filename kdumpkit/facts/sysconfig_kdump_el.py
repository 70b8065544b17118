"""Kdump's load settings on Enterprise Linux and Fedora: ``/etc/sysconfig/kdump``, and what both files mean together.

SUSE has a file of the same name with other keys. Source: gen-kdump-sysconfig.sh, kdumpctl, kdump-lib.sh of kdump-utils.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace

from kdumpkit.facts.kdump_conf import PATH as KDUMP_CONF
from kdumpkit.facts.kdump_conf import KdumpConf, kdump_conf_from
from kdumpkit.facts.kdump_settings import DumpTargetKind, KdumpSettings, SettingsProblem
from kdumpkit.facts.reading import Files, from_file, record_numbers, records_of
from kdumpkit.facts.shell_assignments import BrokenLine, ShellAssignments, parse_shell_assignments
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.files import FileContent

PATH = "/etc/sysconfig/kdump"
FSTAB = "/etc/fstab"
MOUNTED = "/proc/self/mounts"
RELEASE = "/proc/sys/kernel/osrelease"
#: the settings, and what tells where a target's file system is mounted and where the kdump initramfs can be written
PATHS = (KDUMP_CONF, PATH, FSTAB, MOUNTED, RELEASE)
#: where the kdump initramfs goes where /boot cannot be written to
STATE_DIRECTORY = "/var/lib/kdump"

_LEVEL = re.compile(r"(?:^|\s)-d\s*([0-9]+)(?=\s|$)")
_COMPRESSION = {"-c": "zlib", "-l": "lzo", "-p": "snappy", "-z": "zstd"}


@dataclass(frozen=True)
class SysconfigKdump:
    """What the file sets; None where it does not set it, "" where it sets it to nothing.

    ``broken`` holds the lines that the shell would not take as assignments.
    """

    path: str
    kernel_version: str | None
    command_line: str | None
    command_line_remove: str | None
    command_line_append: str | None
    kexec_arguments: str | None
    boot_directory: str | None
    image: str | None
    image_extension: str | None
    settings: ShellAssignments
    records: tuple[int, ...] = ()

    @property
    def broken(self) -> tuple[BrokenLine, ...]:
        return self.settings.broken

    @property
    def kernel(self) -> str | None:
        """The capture kernel that the file names; None where it is the running one's (KDUMP_KERNELVER is empty)."""
        if not self.kernel_version:
            return None
        directory = self.boot_directory or "/boot"
        return f"{directory}/{self.image or 'vmlinuz'}-{self.kernel_version}{self.image_extension or ''}"


def parse_sysconfig_kdump(data: bytes, records: tuple[int, ...] = (), path: str = PATH) -> SysconfigKdump:
    """The settings; an empty file sets nothing. Raises ParseError where it is not text."""
    settings = parse_shell_assignments([(path, data)])
    return SysconfigKdump(
        path=path,
        kernel_version=settings.value("KDUMP_KERNELVER"),
        command_line=settings.value("KDUMP_COMMANDLINE"),
        command_line_remove=settings.value("KDUMP_COMMANDLINE_REMOVE"),
        command_line_append=settings.value("KDUMP_COMMANDLINE_APPEND"),
        kexec_arguments=settings.value("KEXEC_ARGS"),
        boot_directory=settings.value("KDUMP_BOOTDIR"),
        image=settings.value("KDUMP_IMG"),
        image_extension=settings.value("KDUMP_IMG_EXT"),
        settings=settings,
        records=records,
    )


def sysconfig_kdump_from(files: Files) -> SysconfigKdump | Unknown:
    """The settings out of files that were read."""
    return from_file(files, PATH, lambda data: parse_sysconfig_kdump(data, record_numbers(files[PATH].record)))


def el_settings_from(files: Files) -> KdumpSettings | Unknown:
    """What both files mean. Unknown where kdump.conf, or a sysconfig file that is there, could not be read."""
    conf, sysconfig = kdump_conf_from(files), sysconfig_kdump_from(files)
    if isinstance(conf, Unknown):
        return conf
    if isinstance(sysconfig, Unknown) and not sysconfig.absent:
        return sysconfig
    known = None if isinstance(sysconfig, Unknown) else sysconfig
    settings = el_settings(conf, known, mount_points(files))
    state = files.get(RELEASE)
    if settings.initramfs is None and isinstance(state, FileContent) and boot_is_read_only(files):
        release = state.data.decode("utf-8", "replace").strip()
        return replace(settings, initramfs=f"{STATE_DIRECTORY}/initramfs-{release}kdump.img")
    return settings


def boot_is_read_only(files: Files) -> bool:
    """True where the kernel has the file system of /boot mounted read-only, as image based systems do."""
    holding = [words for words in _mount_lines(files, MOUNTED) if words[1] in ("/", "/boot")]
    last = max(holding, key=lambda words: len(words[1]), default=None)
    return last is not None and "ro" in last[3].split(",")


def el_settings(
    conf: KdumpConf, sysconfig: SysconfigKdump | None, mounted: dict[str, str] | None = None, machine: str = "x86_64"
) -> KdumpSettings:
    """The meaning of the files. ``mounted``: mount points by device, ``UUID=``, ``LABEL=`` or export."""
    kind, target, collector = conf.target_kind, conf.target, conf.collector(machine)
    level = _LEVEL.search(collector)
    words = collector.split()
    used = words[0].rpartition("/")[2] == "makedumpfile"
    compression = next((name for option, name in _COMPRESSION.items() if option in words), None) if used else None
    values = [(line.key, line.value) for line in conf.lines]
    problems = list(conf.problems)
    if sysconfig is not None:
        values += [(one.name, one.value) for one in sysconfig.settings.assignments]
        problems += [_broken(sysconfig, line) for line in sysconfig.broken]
    kernel = sysconfig.kernel if sysconfig else None
    return KdumpSettings(
        paths=(conf.path,) if sysconfig is None else (conf.path, sysconfig.path),
        directory=_directory(conf, mounted or {}),
        target_kind=kind,
        target=target,
        collector=collector,
        dump_level=int(level[1]) if level and used else None,
        compression=compression,
        kernel=kernel,
        initramfs=_initramfs(sysconfig),
        command_line=(sysconfig.command_line or None) if sysconfig else None,
        command_line_append=sysconfig.command_line_append if sysconfig else None,
        command_line_remove=sysconfig.command_line_remove if sysconfig else None,
        kexec_arguments=sysconfig.kexec_arguments if sysconfig else None,
        values=tuple(dict(values).items()),
        problems=tuple(problems),
        records=records_of(conf, sysconfig),
    )


def mount_points(files: Files) -> dict[str, str]:
    """Mount points by what is mounted there: devices and exports from the kernel, ``UUID=`` and ``LABEL=`` from fstab.

    What fstab names counts only where the kernel has it mounted.
    """
    found: dict[str, str] = {}
    points = set()
    for source, point, *_ in _mount_lines(files, MOUNTED):
        found[source] = point
        points.add(point)
    for source, point, *_ in _mount_lines(files, FSTAB):
        if point in points:
            found.setdefault(source.replace('"', ""), point)
    return found


def _mount_lines(files: Files, path: str) -> list[list[str]]:
    # source, point, type and options
    state = files.get(path)
    if not isinstance(state, FileContent):
        return []
    lines = [line.split() for line in state.data.decode("utf-8", "replace").split("\n")]
    return [words for words in lines if len(words) > 3 and not words[0].startswith("#")]


def _directory(conf: KdumpConf, mounted: dict[str, str]) -> str | None:
    # with a target of its own, path is relative to the root of that target
    if conf.target is None:
        return conf.save_path
    if conf.target_kind is DumpTargetKind.RAW:
        # the next start of the service copies it from the device to here
        return conf.save_path
    point = mounted.get(conf.target.replace('"', ""))
    return None if point is None else posixpath.normpath(f"{point}/{conf.save_path}")


def _initramfs(sysconfig: SysconfigKdump | None) -> str | None:
    if sysconfig is None or not sysconfig.kernel_version:
        return None
    return f"{sysconfig.boot_directory or '/boot'}/initramfs-{sysconfig.kernel_version}kdump.img"


def _broken(sysconfig: SysconfigKdump, line: BrokenLine) -> SettingsProblem:
    code = "shell code" in line.why or "another file" in line.why
    remedy = f"bash -n {sysconfig.path}; vi +{line.origin.line} {sysconfig.path}"
    return SettingsProblem("syntax", str(line.origin), line.text, f"sets nothing: {line.why}", not code, remedy)
