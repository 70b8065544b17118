"""Whether a capture kernel is loaded, how much is reserved, and what would forbid loading: sysfs and /proc/sys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, first_present, from_file, record_numbers, records_of
from kdumpkit.facts.text import decoded, excerpt, parse_number, parse_switch
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import read_files


class Lockdown(StrEnum):
    """The level in brackets in ``/sys/kernel/security/lockdown``."""

    NONE = "none"
    INTEGRITY = "integrity"
    CONFIDENTIALITY = "confidentiality"


@dataclass(frozen=True)
class KexecCrash:
    """The kernel's word on kexec. 0 and False are values; what could not be read is Unknown.

    ``loaded``: a capture kernel is in place. ``size_bytes``: what the kernel reserved (older kernels leave the low
    part of a high and low reservation out). ``load_disabled``: ``kexec_load_disabled`` is 1, no kernel can be loaded
    before a reboot. ``lockdown`` and ``securelevel`` are Unknown(ABSENT) on kernels without them.
    """

    loaded: bool | Unknown
    size_bytes: int | Unknown
    load_disabled: bool | Unknown
    lockdown: Lockdown | Unknown
    securelevel: int | Unknown
    records: tuple[int, ...] = ()


#: newer place first; the older one is deprecated since Linux 6.18 and both may be there
LOADED = ("/sys/kernel/kexec/crash_loaded", "/sys/kernel/kexec_crash_loaded")
SIZE = ("/sys/kernel/kexec/crash_size", "/sys/kernel/kexec_crash_size")
LOAD_DISABLED = "/proc/sys/kernel/kexec_load_disabled"
LOCKDOWN = "/sys/kernel/security/lockdown"
SECURELEVEL = "/sys/kernel/security/securelevel"
PATHS = (*LOADED, *SIZE, LOAD_DISABLED, LOCKDOWN, SECURELEVEL)
_BRACKETS = re.compile(r"\[([a-z]+)\]")


def parse_lockdown(data: bytes) -> Lockdown:
    """The level that is in brackets. Raises ParseError."""
    text = decoded(data, LOCKDOWN)
    found = _BRACKETS.search(text)
    if found is None or found[1] not in set(Lockdown):
        raise ParseError(f"{LOCKDOWN}: {excerpt(text.strip())} names no level that is known")
    return Lockdown(found[1])


def parse_crash_size(data: bytes) -> int:
    """Bytes that are reserved. Raises ParseError."""
    size = parse_number(data, SIZE[0])
    if size < 0:
        raise ParseError(f"{SIZE[0]}: {size} is not a size")
    return size


def kexec_crash_from(files: Files) -> KexecCrash:
    """The state of kexec out of files that were read."""
    loaded = first_present(files, LOADED, lambda file: parse_switch(file.data, file.path))
    size_bytes = first_present(files, SIZE, lambda file: parse_crash_size(file.data))
    load_disabled = from_file(files, LOAD_DISABLED, lambda data: parse_switch(data, LOAD_DISABLED))
    lockdown = from_file(files, LOCKDOWN, parse_lockdown)
    securelevel = from_file(files, SECURELEVEL, lambda data: parse_number(data, SECURELEVEL))
    asked = record_numbers(*(files[path].record for path in PATHS if path in files))
    records = record_numbers(*asked, *records_of(loaded, size_bytes, load_disabled, lockdown, securelevel))
    return KexecCrash(loaded, size_bytes, load_disabled, lockdown, securelevel, records)


def read_kexec_crash(host: Host, *, as_root: bool = True) -> KexecCrash:
    """One command: for polling while a capture kernel is loaded."""
    return kexec_crash_from(read_files(host, PATHS, max_bytes=4096, as_root=as_root))
