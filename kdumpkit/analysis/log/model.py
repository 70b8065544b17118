"""What the reader finds: crash blocks, and the log that they stand in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from kdumpkit.analysis.log.frames import Frame
from kdumpkit.analysis.log.taint import decode_taint


class Severity(IntEnum):
    """What a kind of report does to the machine; a larger one is worse."""

    #: the kernel goes on as if nothing had happened: a failed allocation, an OOM kill, an unknown NMI
    NOTE = 0
    #: a defect was reported, the kernel goes on: warnings, lock order, sanitizers
    REPORT = 1
    #: something does not move any more: lockups, stalls, hung tasks
    HANG = 2
    #: a task or the whole kernel dies: oops, BUG, panic, machine check
    FATAL = 3


@dataclass(frozen=True)
class CrashBlock:
    """One report of the kernel. A field that the log does not print is None; ``call_trace`` is then empty."""

    #: such as ``null_deref``; the words are listed in ``kinds``
    kind: str
    severity: Severity
    #: whether ``Kernel panic - not syncing`` belongs to this report
    panicked: bool
    #: the text after ``Kernel panic - not syncing:``
    panic_reason: str | None
    #: the first line of the report, without prefixes
    title: str
    rip_symbol: str | None
    #: ``+0x12/0x34``: offset into the function and its size
    rip_offset: str | None
    #: None for code in the kernel image, and where nothing is known of the place
    rip_module: str | None
    comm: str | None
    pid: int | None
    cpu: int | None
    kernel_release: str | None
    #: what follows the release: build number, vendor's package version
    kernel_version: str | None
    #: letters that are set; empty for ``Not tainted``; None where no line says
    tainted: str | None
    #: all frames of the report's own stack, also those that the kernel marked as guesses
    frames: tuple[Frame, ...]
    hardware_name: str | None
    workqueue: str | None
    modules_linked_in: tuple[str, ...]
    #: the register lines as printed
    registers: tuple[str, ...]
    #: as printed: ``0000000000000008``, ``0x8``, ``(null)``
    fault_address: str | None
    #: ``file:line`` of a BUG or WARN
    bug_at: str | None
    #: number in ``[#1]``
    oops_number: int | None
    #: seconds since boot of the first line
    time_s: float | None
    first_line: int
    last_line: int
    #: field name to the number of the line that it rests on, first line = 1
    line_numbers: Mapping[str, int] = field(default_factory=dict)
    #: module to its taint letters, for those modules of the list that have some: ``{"widget": "OE"}``
    module_taints: Mapping[str, str] = field(default_factory=dict)
    #: the module that was removed last, as the list of modules ends
    last_unloaded: str | None = None

    @property
    def call_trace(self) -> tuple[str, ...]:
        """Function names, innermost first: the frames that the kernel vouches for, or all where it vouches for none."""
        reliable = tuple(frame.symbol for frame in self.frames if frame.reliable)
        return reliable or tuple(frame.symbol for frame in self.frames)

    @property
    def taints(self) -> tuple[str, ...]:
        """The taint letters, each with its meaning."""
        return decode_taint(self.tainted or "")

    def as_json(self) -> dict[str, object]:
        """Plain values for ``json.dumps``; None for what the log does not print."""
        return {
            "kind": self.kind,
            "panicked": self.panicked,
            "panic_reason": self.panic_reason,
            "rip_symbol": self.rip_symbol,
            "rip_offset": self.rip_offset,
            "rip_module": self.rip_module,
            "comm": self.comm,
            "pid": self.pid,
            "cpu": self.cpu,
            "kernel_release": self.kernel_release,
            "tainted": self.tainted,
            "call_trace": list(self.call_trace),
            "severity": self.severity.name.lower(),
            "title": self.title,
            "kernel_version": self.kernel_version,
            "taints": list(self.taints),
            "hardware_name": self.hardware_name,
            "workqueue": self.workqueue,
            "fault_address": self.fault_address,
            "bug_at": self.bug_at,
            "oops_number": self.oops_number,
            "modules_linked_in": list(self.modules_linked_in),
            "module_taints": dict(self.module_taints),
            "last_unloaded": self.last_unloaded,
            "registers": list(self.registers),
            "time_s": self.time_s,
            "first_line": self.first_line,
            "last_line": self.last_line,
            "line_numbers": dict(self.line_numbers),
        }


#: what ``as_json`` gives for a log without a crash
NO_CRASH: dict[str, object] = {
    "kind": "none",
    "panicked": False,
    "panic_reason": None,
    "rip_symbol": None,
    "rip_offset": None,
    "rip_module": None,
    "comm": None,
    "pid": None,
    "cpu": None,
    "kernel_release": None,
    "tainted": None,
    "call_trace": None,
}


@dataclass(frozen=True)
class CrashLog:
    """All that a log says about crashes."""

    #: the report that the kernel died of, or the gravest that it outlived; None where there is none
    fatal: CrashBlock | None
    #: in the order of the log; the middle of a very long row is left out (see ``block_count``)
    blocks: tuple[CrashBlock, ...]
    #: all blocks that were seen
    block_count: int
    line_count: int
    #: how often a kernel started in this log: by its ``Linux version`` line, or by time stamps that begin anew
    boot_count: int
    #: what the capture kernel died of that was started to save this crash; None where the log tells of no such death
    capture_death: CrashBlock | None = None

    def as_json(self) -> dict[str, object]:
        """The fatal report's fields, or ``kind: none``; then the capture kernel's death, and counts of the log."""
        shown = dict(NO_CRASH) if self.fatal is None else self.fatal.as_json()
        return shown | {
            "capture_death": None if self.capture_death is None else self.capture_death.as_json(),
            "block_count": self.block_count,
            "line_count": self.line_count,
            "boot_count": self.boot_count,
        }
