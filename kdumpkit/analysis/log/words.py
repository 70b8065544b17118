"""The first words of the lines that reports are made of, over all architectures."""

from __future__ import annotations

from collections.abc import Callable

from kdumpkit.analysis.log import arm64, ppc64, s390, x86, xmon
from kdumpkit.analysis.log.frames import Location

HEADER_WORDS = frozenset({"CPU:", "CPU", "Pid:", "Process", "TASK", "Showing"})
STATE_WORDS = frozenset({"Not", "Tainted:", "REGS:"})
TRACE_WORDS = frozenset({"Call", "Backtrace:", "Trace:", "Stack"})
# after these the report's own stack is over
TRACE_ENDS = frozenset(
    {
        "Modules",
        "Allocated",
        "Freed",
        "Last",
        "Instruction",
        "---[",
        "Showing",
        "Kernel",
        "Sending",
        "Exception",
        "Rebooting",
    }
)
NOTES = frozenset({"Code:", "Oops:", "Internal", "NMI", "Stack:", "Thread"})
REGISTER_WORDS = (
    x86.REGISTER_WORDS | arm64.REGISTER_WORDS | ppc64.REGISTER_WORDS | s390.REGISTER_WORDS | xmon.REGISTER_WORDS
)
PROGRAM_COUNTERS: dict[str, Callable[[str], Location | None]] = {
    word: arch.parse_program_counter for arch in (x86, arm64, ppc64, s390, xmon) for word in arch.FIRST_WORDS
}
