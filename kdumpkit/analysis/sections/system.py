"""The system that died: its command line, how long it had been up, what tainted it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, seconds_text

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_LONGEST_COMMAND_LINE = 16_384


@dataclass(frozen=True)
class System:
    """The kernel that died as a whole."""

    #: as in /proc/cmdline
    command_line: str
    #: as of the last tick, time asleep counted
    uptime_s: float
    #: letters of Documentation/admin-guide/tainted-kernels.rst (G: no proprietary module); "" where nothing tainted it
    taint: str
    cpus_online: int


def read_system(session: DrgnSession) -> System:
    """Command line, uptime, taint and CPUs out of an open dump."""
    from drgn.helpers.linux.cpumask import for_each_online_cpu
    from drgn.helpers.linux.panic import tainted
    from drgn.helpers.linux.timekeeping import uptime

    program = session.program
    return System(
        command_line=read_command_line(program),
        uptime_s=round(uptime(program), 3),
        taint="".join(tainted(program).split()),
        cpus_online=sum(1 for _ in for_each_online_cpu(program)),
    )


def read_command_line(program: Any) -> str:
    """The kernel's command line, as in /proc/cmdline."""
    raw: bytes = program["saved_command_line"].string_()
    return raw.decode("utf-8", "replace").rstrip("\n")[:_LONGEST_COMMAND_LINE]


def describe_system(found: System) -> tuple[SectionTable, ...]:
    """The system in one sentence."""
    taint = f"tainted: {found.taint}" if found.taint.strip("G") else "not tainted"
    sentence = f"The kernel had been up for {seconds_text(found.uptime_s)} with {found.cpus_online} CPUs; {taint}."
    return (SectionTable("The system", sentence),)


SECTION = Section("system", System, read_system, describe_system)
