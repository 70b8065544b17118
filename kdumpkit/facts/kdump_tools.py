"""Debian's kdump settings, from ``/etc/default/kdump-tools``."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.facts.shell_assignments import BrokenLine, ShellAssignments

PATH = "/etc/default/kdump-tools"


@dataclass(frozen=True)
class KdumpToolsSettings:
    """What the file sets; None where it does not set it. ``settings`` has every assignment, these names or not.

    ``use_kdump`` is the raw text of USE_KDUMP ("1", "0", or what else was written). ``broken`` holds the lines that the shell would
    not take (``KEY = VALUE``) or whose value only a shell could tell.
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
