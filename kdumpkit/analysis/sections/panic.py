"""The line with which the kernel said that it dies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, seconds_text
from kdumpkit.errors import FactNotCollected

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession
    from kdumpkit.vmcore.log_record import KernelLog

#: most telling first; only the first kind that the log has counts, and of that kind the first line
_PATTERNS = (
    re.compile(rb"Kernel panic - not syncing.*"),
    re.compile(
        rb"(?:BUG: (?:kernel NULL pointer|unable to handle)|Unable to handle kernel|general protection fault).*"
    ),
    re.compile(rb"(?:kernel BUG at|BUG: soft lockup|watchdog: BUG|NMI watchdog:|INFO: rcu_).*"),
    re.compile(rb"(?:Internal error:|Oops:|Oops \[#).*"),
)


@dataclass(frozen=True)
class PanicMessage:
    """What the kernel said as it died."""

    message: str
    #: seconds since boot; None where the log has no times
    uptime_s: float | None


def find_panic_message(log: KernelLog) -> PanicMessage:
    """The panic's line. Raises FactNotCollected where the log has none."""
    for pattern in _PATTERNS:
        for record in log.records:
            if found := pattern.search(record.text):
                text = found[0].decode("utf-8", "replace")[:1000]
                return PanicMessage(text, None if record.nanoseconds is None else record.nanoseconds / 1e9)
    raise FactNotCollected("the log in the dump has no panic, oops or BUG line")


def read_panic_message(session: DrgnSession) -> PanicMessage:
    """The panic message out of an open dump."""
    return find_panic_message(session.kernel_log)


def describe_panic(found: PanicMessage) -> tuple[SectionTable, ...]:
    """What the kernel said, and when."""
    when = f", {seconds_text(found.uptime_s)} after boot" if found.uptime_s is not None else ""
    return (SectionTable("Last words", f"{found.message}{when}"),)


SECTION = Section("panic", PanicMessage, read_panic_message, describe_panic, needs_symbols=False)
