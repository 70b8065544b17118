"""SUSE's kdump settings, from ``/etc/sysconfig/kdump``.

**Source**: ``sysconfig.kdump.in``, ``kdump-read-config.sh``, ``dracut/kdump-save`` and kdump(5) of openSUSE's kdump:
2.1, and 0.8 to 1.0 where they differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from kdumpkit.facts.kdump_savedir import MASK, SaveDirectory, masked, parse_save_directories
from kdumpkit.facts.reading import Files, from_file, record_numbers
from kdumpkit.facts.shell_assignments import Assignment, Piece, ShellAssignments, parse_shell_assignments
from kdumpkit.facts.unknown import Unknown

PATH = "/etc/sysconfig/kdump"
DEFAULT_DIRECTORY = "/var/crash"

#: every key that some version reads, with what stands where it is not set or is no value of its kind
FLAGS = {
    "KDUMP_AUTO_RESIZE": False,
    "KDUMP_CONTINUE_ON_ERROR": True,
    "KDUMP_COPY_KERNEL": True,
    "KDUMP_FADUMP": False,
    "KDUMP_FADUMP_SHELL": False,
    "KDUMP_IMMEDIATE_REBOOT": True,
    "KDUMP_UPDATE_BOOTLOADER": True,
}
NUMBERS = {
    "KDUMP_CPUS": 32,
    "KDUMP_DUMPLEVEL": 31,
    "KDUMP_FREE_DISK_SIZE": 64,
    "KDUMP_KEEP_OLD_DUMPS": 0,
    "KDUMP_NET_TIMEOUT": 30,
    "KDUMP_VERBOSE": 0,
}
TEXTS = {
    "KDUMP_COMMANDLINE": "",
    "KDUMP_COMMANDLINE_APPEND": "",
    "KDUMP_CRASHKERNEL": "auto",
    "KDUMP_DUMPFORMAT": "compressed",
    "KDUMP_HOST_KEY": "",
    "KDUMP_KERNELVER": "",
    "KDUMP_NETCONFIG": "auto",
    "KDUMP_NOTIFICATION_CC": "",
    "KDUMP_NOTIFICATION_TO": "",
    "KDUMP_POSTSCRIPT": "",
    "KDUMP_PRESCRIPT": "",
    "KDUMP_REQUIRED_PROGRAMS": "",
    "KDUMP_SAVEDIR": DEFAULT_DIRECTORY,
    "KDUMP_SMTP_PASSWORD": "",
    "KDUMP_SMTP_SERVER": "",
    "KDUMP_SMTP_USER": "",
    "KDUMP_SSH_IDENTITY": "",
    "KDUMP_TRANSFER": "",
    "KDUMPTOOL_FLAGS": "",
    "KEXEC_OPTIONS": "",
    "MAKEDUMPFILE_OPTIONS": "",
}
FLAG_WORDS = {"yes": True, "1": True, "true": True, "no": False, "0": False, "false": False}
#: makedumpfile's option for each format; none and raw do without makedumpfile
FORMATS = {"compressed": "-c", "lzo": "-l", "snappy": "-p", "zstd": "-z", "ELF": "-E"}
WITHOUT_MAKEDUMPFILE = ("none", "raw")


@dataclass(frozen=True)
class SysconfigKdump:
    """What the file sets. ``settings`` has every assignment, passwords masked, and the lines that set nothing."""

    path: str
    settings: ShellAssignments
    targets: tuple[SaveDirectory, ...]
    records: tuple[int, ...] = ()

    def has(self, name: str) -> bool:
        """True where the file sets it, to something or to nothing: the installed version knows the key."""
        return self.settings.last(name) is not None

    def text(self, name: str) -> str:
        """The value in force: the default where it is not set or set to nothing."""
        return self.settings.value(name) or TEXTS[name]

    def flag(self, name: str) -> bool:
        """The value in force: the default also where it is neither true nor false."""
        return FLAG_WORDS.get(self.settings.value(name) or "", FLAGS[name])

    def number(self, name: str) -> int:
        """The value in force: the default also where it is no number (-1 is one for KDUMP_KEEP_OLD_DUMPS alone)."""
        text = self.settings.value(name) or ""
        return int(text) if is_number(name, text) else NUMBERS[name]

    @property
    def updates_boot_loader(self) -> bool:
        """Whether a service puts its own crashkernel= into the boot loader at each boot (kdump 2.0 and later)."""
        known = self.has("KDUMP_CRASHKERNEL") or self.has("KDUMP_UPDATE_BOOTLOADER")
        return known and self.flag("KDUMP_UPDATE_BOOTLOADER")

    @property
    def collector(self) -> str:
        """What writes the dump, as ``dracut/kdump-save`` puts it together; "" where no dump is written."""
        dump_format = self.text("KDUMP_DUMPFORMAT")
        if dump_format == "none":
            return ""
        if dump_format == "raw":
            return "cat /proc/vmcore"
        words = ["makedumpfile", "-F", FORMATS.get(dump_format, "-z"), "-d", str(self.dump_level)]
        return " ".join((*words, *self.text("MAKEDUMPFILE_OPTIONS").split()))

    @property
    def dump_level(self) -> int:
        """KDUMP_DUMPLEVEL; 0 (nothing is left out) where it is above 31."""
        level = self.number("KDUMP_DUMPLEVEL")
        return level if 0 <= level <= 31 else 0


def parse_sysconfig_kdump(data: bytes, records: tuple[int, ...] = (), path: str = PATH) -> SysconfigKdump:
    """The settings; an empty file sets nothing. Passwords are masked. Raises ParseError where it is not text."""
    parsed = parse_shell_assignments([(path, data)])
    targets = parse_save_directories(parsed.value("KDUMP_SAVEDIR") or DEFAULT_DIRECTORY)
    settings = ShellAssignments(tuple(map(_masked, parsed.assignments)), parsed.broken)
    return SysconfigKdump(path, settings, targets, records)


def _masked(assignment: Assignment) -> Assignment:
    value = assignment.value
    hidden = MASK if assignment.name == "KDUMP_SMTP_PASSWORD" and value else masked(value)
    return assignment if hidden == value else replace(assignment, pieces=(Piece(hidden, assignment.origin),))


def sysconfig_kdump_from(files: Files) -> SysconfigKdump | Unknown:
    """The settings out of files that were read."""
    return from_file(files, PATH, lambda data: parse_sysconfig_kdump(data, record_numbers(files[PATH].record)))


def is_number(name: str, text: str) -> bool:
    """Whether kdump takes the text as a number for this key."""
    return bool(re.fullmatch(r"[0-9]{1,9}", text)) or (name == "KDUMP_KEEP_OLD_DUMPS" and text == "-1")
