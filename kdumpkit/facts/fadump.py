"""Firmware-assisted dump of POWER: the firmware keeps memory over a reset, and no capture kernel is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.facts.reading import Files, first_present, record_numbers
from kdumpkit.facts.text import parse_switch
from kdumpkit.facts.unknown import Unknown

#: the directory since Linux 5.4; the older file is deprecated
ENABLED = ("/sys/kernel/fadump/enabled", "/sys/kernel/fadump_enabled")
REGISTERED = ("/sys/kernel/fadump/registered", "/sys/kernel/fadump_registered")
PATHS = (*ENABLED, *REGISTERED)


@dataclass(frozen=True)
class Fadump:
    """``registered``: the firmware was told what to keep; without it a panic leaves no dump."""

    enabled: bool
    registered: bool | Unknown
    records: tuple[int, ...] = ()


def fadump_from(files: Files) -> Fadump | Unknown | None:
    """Fadump out of files that were read; None on kernels without it, which is all but POWER's."""
    enabled = first_present(files, ENABLED, lambda file: parse_switch(file.data, file.path))
    if isinstance(enabled, Unknown):
        return None if enabled.absent else enabled
    registered = first_present(files, REGISTERED, lambda file: parse_switch(file.data, file.path))
    asked = record_numbers(*(files[path].record for path in PATHS if path in files))
    return Fadump(enabled, registered, asked)
