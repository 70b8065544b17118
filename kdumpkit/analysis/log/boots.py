"""Which kernel a line of a console belongs to: the one that crashed, the capture kernel after it, or a later boot.

A kernel's first words are its banner, and on a quiet console not even those are printed. Time stamps count from the
start of a kernel, so a stamp that falls far back is another kernel's. Whether that one is the capture kernel is told by
``elfcorehdr``, which only capture kernels are given; where that is not printed, by how the crash before it ended:
kexec leaves neither ``end trace`` nor ``Rebooting in``, and no firmware prints them either.

Source: kernel/panic.c (panic), arch/x86/kernel/dumpstack.c (oops_end), lib/dump_stack.c (``Kdump: loaded``),
drivers/of/fdt.c (fdt_reserve_elfcorehdr: arm64 and riscv have it in the device tree), kernel/crash_dump.c.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.log.builder import Builder

#: clocks of processors differ by less, and a kernel's first second holds no crash with a capture kernel loaded
_FALLS_BACK_S = 1.0
#: a capture kernel that dies does so in its first minutes; a later crash is one of an ordinary boot
_CAPTURE_DIES_WITHIN_S = 300.0
#: no capture kernel is loaded before user space runs
_LOADED_AFTER_S = 3.0
#: lines between the first stamp of a boot and its banner
_BEFORE_BANNER_LINES = 8
_KEPT = 384
#: panics of a kernel without user space
_NEVER_LOADED = frozenset({"vfs_mount_root"})

_BANNER = re.compile(r"^Linux version (?P<release>[\w.+~-]{1,120}) \(")
_CAPTURE = re.compile(r"ommand line:.*\belfcorehdr=|^Reserving \d+ ?Ki?B of memory at 0x[0-9a-f]+ for elfcorehdr")
_REBOOT = re.compile(r"^(?:Rebooting in \d|reboot: )")

#: a line that holds one of these must be looked at, report or not; no clock runs yet when a kernel's first lines are
#: printed
LITERALS = (b"Linux version ", b"elfcorehdr", b"eboot", b"[    0.000000]")


class Boots:
    """The kernels that wrote a log, in its order."""

    def __init__(self) -> None:
        #: number of the boot that the last line belongs to, first = 0
        self.number = 0
        #: how often a kernel was seen to start
        self.count = 0
        #: release and line of each boot's banner; the last few hundred
        self.release: dict[int, tuple[str, int]] = {}
        #: boots of the capture kernel: what happens there is not what the machine died of
        self.capture: set[int] = set()
        #: begun by a stamp alone: may be the capture kernel's, told from the report before
        self._unnamed: set[int] = set()
        #: boots whose end was an orderly one, or at least the kernel's own
        self._rebooted: set[int] = set()
        self._renewed_line = 0
        self._clock: float | None = None

    def take_time(self, time_s: float, seen_s: float | None, line_number: int) -> bool:
        """Take the stamp of a line; whether a kernel that did not print its banner has begun with it.

        ``seen_s`` is the newest stamp of the reports that are open, which are read without telling each line's.
        """
        before = self._clock
        if before is None or (seen_s is not None and seen_s > before):
            before = seen_s
        if before is None or time_s >= before - _FALLS_BACK_S:
            self._clock = time_s if before is None else max(before, time_s)
            return False
        self._clock = time_s
        self._begin(line_number)
        self._unnamed.add(self.number)
        return True

    def take_banner(self, text: str, time_s: float | None, line_number: int) -> bool:
        """Take a line that begins with ``Linux version``; whether a kernel has begun with it."""
        banner = _BANNER.match(text)
        if banner is None:
            return False
        known = self.number in self._unnamed and line_number - self._renewed_line <= _BEFORE_BANNER_LINES
        if known and self.number not in self.release:
            # its first lines stood before the banner
            self._unnamed.discard(self.number)
        elif line_number > 1:
            self._begin(line_number)
        else:
            self.count += 1
        self._clock = time_s
        self.release[self.number] = (banner["release"], line_number)
        if len(self.release) > _KEPT:
            del self.release[next(iter(self.release))]
        return True

    def take_words(self, text: str) -> None:
        """Take a line that may say what this kernel is, or that it ends."""
        if "elfcorehdr" in text:
            if _CAPTURE.search(text):
                self.capture.add(self.number)
        elif _REBOOT.match(text):
            self._rebooted.add(self.number)

    def _begin(self, line_number: int) -> None:
        self.count += 1
        self.number += 1
        self._renewed_line = line_number

    def settle(self, reports: list[Builder]) -> None:
        """Tell which boots without a banner are the capture kernel's, by the reports of the boots before them."""
        for boot in sorted(self._unnamed - self.capture):
            before = [report for report in reports if report.boot == boot - 1 and (report.panicked or report.died)]
            after = [report for report in reports if report.boot == boot]
            if before and after and boot - 1 not in self.capture and self._went_on(before[-1], after[0]):
                self.capture.add(boot)

    def _went_on(self, crash: Builder, other: Builder) -> bool:
        """Whether the kernel of the second report was started by kexec out of the first."""
        if crash.ended or crash.boot in self._rebooted or crash.kdump_loaded is False:
            return False
        if crash.kdump_loaded:
            return True
        early = crash.time_s is not None and crash.time_s < _LOADED_AFTER_S
        late = other.time_s is not None and other.time_s > _CAPTURE_DIES_WITHIN_S
        return not (early or late or crash.kind in _NEVER_LOADED)
