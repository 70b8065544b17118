"""Debian's kdump settings, from ``/etc/default/kdump-tools``."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kdumpkit.facts.reading import Files, from_file, record_numbers
from kdumpkit.facts.shell_assignments import Assignment, BrokenLine, Piece, ShellAssignments, parse_shell_assignments
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import read_files

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
    fail_command: str | None
    dump_dmesg: str | None
    number_of_dumps: str | None
    compression: str | None
    host_tag: str | None
    nfs: str | None
    ssh: str | None
    ssh_key: str | None
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
        fail_command=settings.value("KDUMP_FAIL_CMD"),
        dump_dmesg=settings.value("KDUMP_DUMP_DMESG"),
        number_of_dumps=settings.value("KDUMP_NUM_DUMPS"),
        compression=settings.value("KDUMP_COMPRESSION"),
        host_tag=settings.value("HOSTTAG"),
        nfs=settings.value("NFS"),
        ssh=settings.value("SSH"),
        ssh_key=settings.value("SSH_KEY"),
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


def read_kdump_tools(host: Host) -> KdumpToolsSettings | Unknown:
    return kdump_tools_from(read_files(host, [PATH], max_bytes=1 << 18))
