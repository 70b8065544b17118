"""Debian's kdump settings, from ``/etc/default/kdump-tools``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from kdumpkit.facts.kdump_settings import DumpTargetKind, KdumpSettings, SettingsProblem, SettingsSwitch
from kdumpkit.facts.reading import Files, from_file, record_numbers
from kdumpkit.facts.shell_assignments import Assignment, BrokenLine, Piece, ShellAssignments, parse_shell_assignments
from kdumpkit.facts.unknown import Unknown, Why

PATH = "/etc/default/kdump-tools"


@dataclass(frozen=True)
class KdumpToolsSettings:
    """What the file sets; None where it does not set it. ``settings`` has every assignment, these names or not.

    ``use_kdump`` is the raw text of USE_KDUMP ("1", "0", or what else was written). ``broken`` holds the lines that
    the shell would not take (``KEY = VALUE``). Defaults for what is not set are properties. Source: kdump-config of
    kdump-tools 1:1.8.1.
    """

    path: str
    use_kdump: str | None
    core_directory: str | None
    kernel: str | None
    initrd: str | None
    makedump_arguments: str | None
    command_line: str | None
    command_line_append: str | None
    kexec_arguments: str | None
    number_of_dumps: str | None
    compression: str | None
    nfs: str | None
    ssh: str | None
    ftp: str | None
    settings: ShellAssignments
    broken: tuple[BrokenLine, ...] = ()
    records: tuple[int, ...] = ()

    @property
    def enabled(self) -> bool:
        """Whether kdump-config would load: USE_KDUMP is set and not "0"."""
        return self.use_kdump not in (None, "", "0")

    @property
    def dump_directory(self) -> str:
        """KDUMP_COREDIR, or /var/crash where it is not set or empty."""
        return self.core_directory or "/var/crash"

    @property
    def effective_makedump_arguments(self) -> str:
        """MAKEDUMP_ARGS with the ``-F`` that kdump-config puts behind it where it does not begin with one."""
        given = self.makedump_arguments or "-F -c -d 31"
        return given if given.startswith("-F") else f"{given} -F"


_SECRETS = ("FTP_PASSWORD",)
_LEVEL = re.compile(r"(?:^|\s)-d\s*([0-9]+)")


def parse_kdump_tools(data: bytes, records: tuple[int, ...] = (), path: str = PATH) -> KdumpToolsSettings:
    """The settings; an empty file sets nothing. Passwords are masked. Raises ParseError where it is not text."""
    parsed = parse_shell_assignments([(path, data)])
    settings = ShellAssignments(tuple(map(_masked, parsed.assignments)), parsed.broken)
    return KdumpToolsSettings(
        path=path,
        use_kdump=settings.value("USE_KDUMP"),
        core_directory=settings.value("KDUMP_COREDIR"),
        kernel=settings.value("KDUMP_KERNEL"),
        initrd=settings.value("KDUMP_INITRD"),
        makedump_arguments=settings.value("MAKEDUMP_ARGS"),
        command_line=settings.value("KDUMP_CMDLINE"),
        command_line_append=settings.value("KDUMP_CMDLINE_APPEND"),
        kexec_arguments=settings.value("KDUMP_KEXEC_ARGS"),
        number_of_dumps=settings.value("KDUMP_NUM_DUMPS"),
        compression=settings.value("KDUMP_COMPRESSION"),
        nfs=settings.value("NFS"),
        ssh=settings.value("SSH"),
        ftp=settings.value("FTP"),
        settings=settings,
        broken=settings.broken,
        records=records,
    )


def _masked(assignment: Assignment) -> Assignment:
    if assignment.name not in _SECRETS or not assignment.value:
        return assignment
    return replace(assignment, pieces=(Piece("********", assignment.origin),))


def kdump_tools_from(files: Files) -> KdumpToolsSettings | Unknown:
    """The settings out of files that were read."""
    return from_file(files, PATH, lambda data: parse_kdump_tools(data, record_numbers(files[PATH].record)))


def kdump_tools_settings(found: KdumpToolsSettings) -> KdumpSettings:
    """What the file means, in the words of every family."""
    # kdump-config sends to each target that is set, in this order; the first stands for all
    targets = ((DumpTargetKind.FTP, found.ftp), (DumpTargetKind.SSH, found.ssh), (DumpTargetKind.NFS, found.nfs))
    kind, target = next(((kind, server) for kind, server in targets if server), (DumpTargetKind.LOCAL, None))
    collector = f"makedumpfile {found.effective_makedump_arguments}"
    level = _LEVEL.search(collector)
    keep = found.number_of_dumps
    return KdumpSettings(
        paths=(found.path,),
        directory=found.dump_directory,
        target_kind=kind,
        target=target,
        collector=collector,
        dump_level=int(level[1]) if level else None,
        compression=found.compression,
        switch=_switch(found),
        kernel=found.kernel,
        initramfs=found.initrd,
        command_line=found.command_line,
        command_line_append=found.command_line_append,
        kexec_arguments=found.kexec_arguments,
        keep_dumps=int(keep) if keep and keep.isascii() and keep.isdigit() else None,
        values=tuple({one.name: one.value for one in found.settings.assignments}.items()),
        problems=tuple(_problem(found, line) for line in found.broken),
        records=found.records,
    )


def _switch(found: KdumpToolsSettings) -> SettingsSwitch:
    assignment = found.settings.last("USE_KDUMP")
    restart = "systemctl restart kdump-tools.service"
    if assignment is None:
        return SettingsSwitch("USE_KDUMP", None, found.path, False, f"echo USE_KDUMP=1 >> {found.path} && {restart}")
    origin = str(assignment.origin)
    if not assignment.certain:
        computed = Unknown(origin, Why.NOT_UNDERSTOOD, "it is computed when a shell reads it", found.records)
        return SettingsSwitch("USE_KDUMP", assignment.value, origin, computed, f". {found.path}; echo $USE_KDUMP")
    remedy = f"sed -i 's/^ *USE_KDUMP=.*/USE_KDUMP=1/' {found.path} && {restart}"
    return SettingsSwitch("USE_KDUMP", assignment.value, origin, found.enabled, remedy)


def _problem(found: KdumpToolsSettings, line: BrokenLine) -> SettingsProblem:
    code = "shell code" in line.why or "another file" in line.why
    remedy = f"sh -n {found.path}; editor {found.path}"
    return SettingsProblem("syntax", str(line.origin), line.text, f"sets nothing: {line.why}", not code, remedy)


def kdump_tools_settings_from(files: Files) -> KdumpSettings | Unknown:
    """The meaning of the file out of files that were read."""
    found = kdump_tools_from(files)
    return found if isinstance(found, Unknown) else kdump_tools_settings(found)
