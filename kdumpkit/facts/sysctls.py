"""Settings that decide whether trouble becomes a panic, from ``/proc/sys``."""

from __future__ import annotations

from dataclasses import dataclass, fields

from kdumpkit.facts.reading import Files, from_file, record_numbers, records_of
from kdumpkit.facts.text import parse_number
from kdumpkit.facts.unknown import Unknown


@dataclass(frozen=True)
class PanicSysctls:
    """Each is the kernel's number, Unknown(ABSENT) on kernels that are built without it.

    ``panic`` is in seconds until the reboot after a panic: 0 waits for ever, negative reboots at once.
    """

    panic: int | Unknown
    panic_on_oops: int | Unknown
    softlockup_panic: int | Unknown
    hardlockup_panic: int | Unknown
    hung_task_panic: int | Unknown
    unknown_nmi_panic: int | Unknown
    panic_on_warn: int | Unknown
    panic_on_oom: int | Unknown
    sysrq: int | Unknown
    #: seconds; a soft lockup is called after twice this, a hard one after about this
    watchdog_thresh: int | Unknown
    records: tuple[int, ...] = ()


#: field of PanicSysctls to file
SYSCTL_PATHS = {
    field.name: "/proc/sys/" + ("vm/" if field.name == "panic_on_oom" else "kernel/") + field.name
    for field in fields(PanicSysctls)
    if field.name != "records"
}
PATHS = tuple(SYSCTL_PATHS.values())


def panic_sysctls_from(files: Files) -> PanicSysctls:
    """The settings out of files that were read."""
    values = {
        name: from_file(files, path, lambda data, path=path: parse_number(data, path))  # type: ignore[misc]
        for name, path in SYSCTL_PATHS.items()
    }
    asked = record_numbers(*(files[path].record for path in PATHS if path in files))
    return PanicSysctls(**values, records=record_numbers(*asked, *records_of(*values.values())))
