"""Which boot loader a SUSE host has, from ``/etc/sysconfig/bootloader``, and what it will give the next kernel.

**Source**: perl-bootloader's LOADER_TYPE; SLES 12 and 15 administration guides ("The boot loader GRUB 2"); sdbootutil,
which writes entries of the Boot Loader Specification for systemd-boot and for GRUB on the EFI partition.
"""

from __future__ import annotations

from kdumpkit.errors import ParseError
from kdumpkit.facts import grub, grub_cfg
from kdumpkit.facts.boot_entries import KERNEL_CMDLINE, BlsEntry, in_menu_order, parse_boot_entry
from kdumpkit.facts.boot_loader import BootEntry, BootLoader, grub_boot_loader_from
from kdumpkit.facts.grub import CommandLineWord
from kdumpkit.facts.kernel_command_line import split_words
from kdumpkit.facts.reading import Files, from_state, record_numbers
from kdumpkit.facts.shell_assignments import Origin, parse_shell_assignments
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import Absent, FileContent

SETTINGS = "/etc/sysconfig/bootloader"
#: types whose entries sdbootutil writes on the EFI partition
ENTRY_TYPES = ("systemd-boot", "grub2-bls")
ENTRIES_DIRECTORY = "/boot/efi/loader/entries"
#: what this family reads: SUSE's grub2-mkconfig is not known to read any grub.d/*.cfg beside /etc/default/grub
PATHS = (
    grub.DEFAULTS,
    *grub.ENVIRONMENTS[1:],
    *grub_cfg.PATHS[1:],
    SETTINGS,
    f"{ENTRIES_DIRECTORY}/*.conf",
    KERNEL_CMDLINE,
)


def loader_type(content: bytes | None) -> str | None:
    """LOADER_TYPE (``grub2``, ``grub2-efi``, ``systemd-boot``, ...); None where it is not set or there is no file.

    Raises ParseError where the file is not text.
    """
    if content is None:
        return None
    return parse_shell_assignments([(SETTINGS, content)]).value("LOADER_TYPE") or None


def suse_boot_loader_from(files: Files) -> BootLoader | Unknown:
    """The menu of GRUB, or the entries of sdbootutil, by what LOADER_TYPE says."""
    state = files.get(SETTINGS)
    found = None if state is None else from_state(state, loader_type)
    if isinstance(found, Unknown) and not found.absent:
        return found
    if isinstance(found, str) and found in ENTRY_TYPES:
        return _entries_from(files, found)
    # GRUB 1 and other systems keep theirs in /boot/grub, which does not take part here
    elsewhere = (grub.ENVIRONMENTS[0], grub_cfg.PATHS[0])
    return grub_boot_loader_from({**files, **{path: Absent(path) for path in elsewhere}})


def _entries_from(files: Files, kind: str) -> BootLoader | Unknown:
    entries: list[BlsEntry] = []
    records: list[int] = []
    for path, state in files.items():
        if not path.startswith(ENTRIES_DIRECTORY + "/"):
            continue
        records.append(state.record)
        if isinstance(state, FileContent):
            try:
                entries.append(parse_boot_entry(state.data, path))
            except ParseError as error:
                return Unknown(path, Why.NOT_UNDERSTOOD, error.message, record_numbers(state.record))
        elif not isinstance(state, Absent):
            unread = from_state(state, bytes)
            return unread if isinstance(unread, Unknown) else Unknown(path, Why.NOT_ANSWERED)
    if not entries:
        detail = f"LOADER_TYPE is {kind}, and there is no entry"
        return Unknown(ENTRIES_DIRECTORY, Why.ABSENT, detail, record_numbers(*records))
    made = tuple(_entry(entry, number) for number, entry in enumerate(in_menu_order(entries)))
    default = _default(made, kind)
    return BootLoader(
        entries=made,
        default=default,
        lasting=default,
        default_name=None,
        configured=kernel_cmdline_words(_content(files, KERNEL_CMDLINE)),
        deciders=tuple(entry.path for entry in made),
        notes=(f"LOADER_TYPE is {kind}: sdbootutil writes these entries, and kdumpkit does not change them",),
        records=record_numbers(*records),
    )


def _default(entries: tuple[BootEntry, ...], kind: str) -> BootEntry | Unknown:
    # which one is the default stands in EFI variables and in loader.conf by patterns; where all agree it is no matter
    values = {entry.values("crashkernel") for entry in entries if entry.counts}
    first = next((entry for entry in entries if entry.counts), None)
    if first is not None and len(values) == 1:
        return first
    detail = f"the entries differ, and which of them {kind} starts stands in EFI variables, which are not read"
    return Unknown(ENTRIES_DIRECTORY, Why.NOT_ANSWERED, detail)


def _entry(entry: BlsEntry, number: int) -> BootEntry:
    # version is <snapshot>@<release>; the kernel lies in a directory of its release, named by a digest
    version = entry.version.rpartition("@")[2]
    directory = (entry.kernel_path or "").rpartition("/")[0].rpartition("/")[2]
    return BootEntry(
        title=f"{entry.title} ({entry.version})" if entry.version else entry.title,
        release=(version or directory or None) if entry.kernel_path else None,
        kernel_path=entry.kernel_path,
        command_line=entry.options,
        path=entry.path,
        position=str(number),
        id=entry.name,
    )


def _content(files: Files, path: str) -> bytes:
    state = files.get(path)
    return state.data if isinstance(state, FileContent) else b""


def kernel_cmdline_words(content: bytes) -> tuple[CommandLineWord, ...]:
    """The ``crashkernel=`` words of ``/etc/kernel/cmdline``: what entries that are made anew get."""
    text = content.decode("utf-8", "replace")
    words = [(text[start:end], text.count("\n", 0, start) + 1) for start, end in split_words(text)]
    return tuple(
        CommandLineWord(word, Origin(KERNEL_CMDLINE, line)) for word, line in words if word.startswith("crashkernel=")
    )
