"""Which boot of which machine this is: boot id, uptime, machine id, the name that it gives itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, from_file, record_numbers, records_of
from kdumpkit.facts.text import decoded, excerpt
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import read_files

BOOT_ID = "/proc/sys/kernel/random/boot_id"
UPTIME = "/proc/uptime"
MACHINE_ID = "/etc/machine-id"
#: what ``uname -n`` says: sysctl/kernel.rst, hostname
NODENAME = "/proc/sys/kernel/hostname"
PATHS = (BOOT_ID, UPTIME, MACHINE_ID, NODENAME)


@dataclass(frozen=True)
class BootIdentity:
    """One boot of one machine. A changed ``boot_id`` is the proof of a reboot; ``machine_id`` stays the same."""

    boot_id: str
    uptime_s: float | Unknown
    machine_id: str | Unknown
    nodename: str | Unknown
    records: tuple[int, ...] = ()


_BOOT_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MACHINE_ID = re.compile(r"[0-9a-f]{32}")
_UPTIME = re.compile(r"[0-9]{1,12}\.[0-9]{1,6}")


def parse_boot_id(data: bytes) -> str:
    """The boot id as the kernel writes it. Raises ParseError."""
    text = decoded(data, BOOT_ID).strip()
    if not _BOOT_ID.fullmatch(text):
        raise ParseError(f"{BOOT_ID}: {excerpt(text)} is not a boot id")
    return text


def parse_uptime(data: bytes) -> float:
    """Seconds since boot. Raises ParseError."""
    # a separator character is not empty, and splits into nothing
    first = next(iter(decoded(data, UPTIME).split()), "")
    if not _UPTIME.fullmatch(first):
        raise ParseError(f"{UPTIME}: {excerpt(first)} is not a number of seconds")
    return float(first)


def parse_machine_id(data: bytes) -> str:
    """32 hex digits. Raises ParseError, also for ``uninitialized``."""
    text = decoded(data, MACHINE_ID).strip()
    if not _MACHINE_ID.fullmatch(text):
        raise ParseError(f"{MACHINE_ID}: {excerpt(text)} is not a machine id")
    return text


def parse_nodename(data: bytes) -> str:
    """One word. Raises ParseError, also for the kernel's ``(none)``, which nobody has named."""
    text = decoded(data, NODENAME).removesuffix("\n")
    if not text or text == "(none)" or any(ch.isspace() for ch in text):
        raise ParseError(f"{NODENAME}: {excerpt(text)} is not a name")
    return text


def boot_identity_from(files: Files) -> BootIdentity | Unknown:
    """The identity of this boot out of files that were read; Unknown where the boot id itself is."""
    boot_id = from_file(files, BOOT_ID, parse_boot_id)
    if isinstance(boot_id, Unknown):
        return boot_id
    uptime_s = from_file(files, UPTIME, parse_uptime)
    machine_id = from_file(files, MACHINE_ID, parse_machine_id)
    nodename = from_file(files, NODENAME, parse_nodename)
    asked = record_numbers(*(files[path].record for path in PATHS if path in files))
    records = record_numbers(*asked, *records_of(uptime_s, machine_id, nodename))
    return BootIdentity(boot_id, uptime_s, machine_id, nodename, records)


def read_boot_identity(host: Host) -> BootIdentity | Unknown:
    """One command, no root needed: for polling while a host comes back."""
    return boot_identity_from(read_files(host, PATHS, max_bytes=4096, as_root=False))
