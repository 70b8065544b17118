"""Settings that decide whether trouble becomes a panic, from ``/proc/sys``."""

from __future__ import annotations

from dataclasses import dataclass

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
