"""How the machine was started: BIOS or UEFI, and Secure Boot."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, from_state, record_numbers, records_of
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import Absent


class FirmwareKind(StrEnum):
    """How the machine was booted."""

    BIOS = "bios"
    UEFI = "uefi"


@dataclass(frozen=True)
class Firmware:
    """``kind`` BIOS means "not started by UEFI". ``secure_boot`` is False on BIOS, Unknown where it cannot be read."""

    kind: FirmwareKind
    secure_boot: bool | Unknown
    setup_mode: bool | Unknown
    records: tuple[int, ...] = ()


EFI_VERSION = "/sys/firmware/efi/fw_platform_size"
EFI_RUNTIME = "/sys/firmware/efi/runtime"
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-*"
SETUP_MODE = "/sys/firmware/efi/efivars/SetupMode-*"
PATHS = (EFI_VERSION, EFI_RUNTIME, SECURE_BOOT, SETUP_MODE)


def parse_efi_switch(data: bytes, source: str = "efivars") -> bool:
    """The one byte of an EFI variable, which comes after four bytes of attributes. Raises ParseError."""
    if len(data) != 5 or data[4] not in (0, 1):
        raise ParseError(f"{source}: four bytes of attributes and one byte 0 or 1 were expected, {data[:16]!r} came")
    return data[4] == 1


def firmware_from(files: Files) -> Firmware | Unknown:
    """How the machine was started, out of files that were read. UEFI where the kernel shows any of its EFI files."""
    efi = {path: state for path, state in files.items() if path.startswith("/sys/firmware/efi/")}
    records = record_numbers(*(state.record for state in efi.values()))
    if not efi:
        return Unknown("/sys/firmware/efi", Why.NOT_ANSWERED, "it is missing in the host's answer")
    if all(isinstance(state, Absent) for state in efi.values()):
        return Firmware(FirmwareKind.BIOS, False, False, records)
    secure_boot = _switch(files, "SecureBoot-")
    setup_mode = _switch(files, "SetupMode-")
    return Firmware(
        FirmwareKind.UEFI, secure_boot, setup_mode, record_numbers(*records, *records_of(secure_boot, setup_mode))
    )


def _switch(files: Files, prefix: str) -> bool | Unknown:
    path, state = next(
        ((path, state) for path, state in files.items() if path.startswith("/sys/firmware/efi/efivars/" + prefix)),
        (f"/sys/firmware/efi/efivars/{prefix}*", None),
    )
    if state is None:
        return Unknown(path, Why.ABSENT)
    return from_state(state, lambda data: parse_efi_switch(data, path))
