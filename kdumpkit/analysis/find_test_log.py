"""Whether a dump is the one of this test: the label in its log, and the signature of a panic made by sysrq.

A dump that merely is new may be that of a real crash which came in between.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: what stands before the label (kdumpkit.actions.crash writes it to /dev/kmsg)
MARK = b"kdumpkit: panic test "
_STAMP = re.compile(rb"^(?:<\d+>)?\[ *(\d+\.\d+)\]")
#: since 5.0 sysrq-c panics by name; before, it wrote through a NULL pointer in sysrq_handle_crash()
_PANIC = re.compile(rb"Kernel panic - not syncing: sysrq triggered crash|sysrq_handle_crash")


@dataclass(frozen=True)
class LabelFound:
    """The label was found in the log."""

    label: str
    #: as the log has it
    line: str
    #: seconds since boot at which it was written; None where the log has no times
    uptime_s: float | None
    #: the line of the panic that sysrq-c makes, after the label; None: something else killed the kernel
    panic_line: str | None

    @property
    def by_sysrq(self) -> bool:
        """The kernel died of the test's own sysrq-c.

        By the panic's own line: the announcement of it may be missing, as it is a message of low level.
        """
        return self.panic_line is not None


def find_label(log: bytes, label: str) -> LabelFound | None:
    """Where the label stands in a log; the last place counts. None where it is not there.

    A longer label that begins with this one does not count.
    """
    wanted = re.compile(re.escape(MARK + label.encode("utf-8")) + rb"\s*$")
    found: bytes | None = None
    panic: bytes | None = None
    for line in log.splitlines():
        if wanted.search(line):
            found, panic = line, None
        elif found is not None and panic is None and _PANIC.search(line):
            panic = line
    if found is None:
        return None
    stamp = _STAMP.match(found)
    return LabelFound(
        label, _shown(found), float(stamp[1]) if stamp else None, None if panic is None else _shown(panic)
    )


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "replace")[:1000]
