"""The processes that held most memory: whom the out-of-memory killer would look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, bytes_text
from kdumpkit.analysis.task_walk import command_of

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_MOST_SHOWN = 15
#: a task list that goes on beyond this is a loop in damaged memory
_MOST_TASKS = 4_194_304


@dataclass(frozen=True)
class Process:
    """One process."""

    pid: int
    command: str
    #: in memory: its own pages, those of files, and shared memory
    resident_bytes: int
    #: of them its own
    anonymous_bytes: int
    #: in swap
    swapped_bytes: int
    #: oom_score_adj: -1000 is never killed, 1000 first; None where this kernel has none
    oom_score_adjustment: int | None


@dataclass(frozen=True)
class LargestProcesses:
    """The 15 processes with most memory and swap."""

    #: processes with memory of their own, kernel threads left out
    processes: int
    largest: tuple[Process, ...]


def read_largest_processes(session: DrgnSession) -> LargestProcesses:
    """The largest processes out of an open dump."""
    from drgn.helpers.linux.pid import for_each_task

    program = session.program
    page = session.vmcoreinfo.page_size_bytes or program["PAGE_SIZE"].value_()
    places = tuple(program[name].value_() for name in ("MM_FILEPAGES", "MM_ANONPAGES", "MM_SWAPENTS"))
    try:
        shared = program["MM_SHMEMPAGES"].value_()
    except LookupError:  # before 4.5 shared memory was counted among files
        shared = None
    found = []
    for number, task in enumerate(for_each_task(program)):
        if number >= _MOST_TASKS:
            break
        if task.pid.value_() != task.tgid.value_() or not (mm := task.mm.read_()):
            continue
        counts = _counters(mm)
        files, anonymous, swapped = (max(0, counts(place)) for place in places)
        files += max(0, counts(shared)) if shared is not None else 0
        found.append((anonymous + swapped + files, number, task, (files + anonymous, anonymous, swapped)))
    found.sort(reverse=True, key=lambda entry: entry[:2])
    # the order of counts that are not quite up to date is not quite the order of sizes
    near = [_process(task, sizes, page) for _, _, task, sizes in found[: 2 * _MOST_SHOWN]]
    near.sort(key=lambda process: -(process.resident_bytes + process.swapped_bytes))
    return LargestProcesses(len(found), tuple(near[:_MOST_SHOWN]))


def _counters(mm: Any) -> Any:
    counters = mm.rss_stat
    try:
        counters = counters.member_("count")  # before 6.2
        return lambda place: counters[place].counter.value_()
    except LookupError:
        return lambda place: counters[place].member_("count").value_()


def _process(task: Any, pages: tuple[int, int, int], page: int) -> Process:
    from drgn.helpers.linux.mm import task_rss

    try:
        # with what threads or CPUs still keep for themselves; too dear for all processes
        exact = task_rss(task)
        pages = (exact.total, exact.anon, exact.swap)
    except Exception:  # a process that was ending, or counters of a form that is not known
        pass
    try:
        adjustment = task.signal.oom_score_adj.value_()
    except AttributeError:
        adjustment = None
    resident, anonymous, swapped = (count * page for count in pages)
    return Process(task.pid.value_(), command_of(task), resident, anonymous, swapped, adjustment)


def describe_largest(found: LargestProcesses) -> tuple[SectionTable, ...]:
    """The processes, largest first."""
    rows = tuple(
        (
            str(process.pid),
            process.command,
            bytes_text(process.resident_bytes),
            bytes_text(process.anonymous_bytes),
            bytes_text(process.swapped_bytes),
            "" if process.oom_score_adjustment is None else str(process.oom_score_adjustment),
        )
        for process in found.largest
    )
    columns = ("pid", "process", "in memory", "its own", "in swap", "oom_score_adj")
    return (SectionTable("Largest processes", f"{found.processes} with memory of their own.", columns, rows),)


SECTION = Section("largest_processes", LargestProcesses, read_largest_processes, describe_largest)
