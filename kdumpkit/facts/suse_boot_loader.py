"""Which boot loader a SUSE host has, from ``/etc/sysconfig/bootloader``, and what it will give the next kernel.

**Source**: perl-bootloader's LOADER_TYPE; SLES 12 and 15 administration guides ("The boot loader GRUB 2").
"""

from __future__ import annotations

from kdumpkit.facts import grub, grub_cfg
from kdumpkit.facts.boot_loader import BootLoader, grub_boot_loader_from
from kdumpkit.facts.reading import Files, from_state, record_numbers
from kdumpkit.facts.shell_assignments import parse_shell_assignments
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import Absent

SETTINGS = "/etc/sysconfig/bootloader"
#: entries of the Boot Loader Specification, which sdbootutil writes on the EFI partition
ENTRY_TYPES = ("systemd-boot", "grub2-bls")
#: what this family reads: SUSE's grub2-mkconfig is not known to read any grub.d/*.cfg beside /etc/default/grub
PATHS = (grub.DEFAULTS, *grub.ENVIRONMENTS[1:], *grub_cfg.PATHS[1:], SETTINGS)


def loader_type(content: bytes | None) -> str | None:
    """LOADER_TYPE (``grub2``, ``grub2-efi``, ``systemd-boot``, ...); None where it is not set or there is no file.

    Raises ParseError where the file is not text.
    """
    if content is None:
        return None
    return parse_shell_assignments([(SETTINGS, content)]).value("LOADER_TYPE") or None


def suse_boot_loader_from(files: Files) -> BootLoader | Unknown:
    """The menu of GRUB; Unknown for a host whose entries are written by sdbootutil, as they are not read here."""
    state = files.get(SETTINGS)
    found = None if state is None else from_state(state, loader_type)
    if isinstance(found, Unknown) and not found.absent:
        return found
    if isinstance(found, str) and found in ENTRY_TYPES:
        detail = f"LOADER_TYPE is {found}: sdbootutil writes the boot entries, and kdumpkit does not read those"
        return Unknown(SETTINGS, Why.NOT_UNDERSTOOD, detail, record_numbers(state.record if state else -1))
    # GRUB 1 and other systems keep theirs in /boot/grub, which does not take part here
    elsewhere = (grub.ENVIRONMENTS[0], grub_cfg.PATHS[0])
    return grub_boot_loader_from({**files, **{path: Absent(path) for path in elsewhere}})
