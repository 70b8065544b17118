"""The crash utility's answer held against drgn's reading of the same dump."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from kdumpkit.analysis.crash_report import CrashReport
from kdumpkit.analysis.crash_utility import CrashFrame, CrashOutput
from kdumpkit.analysis.sections import SectionError, cpus
from kdumpkit.analysis.sections.table import counted
from kdumpkit.analysis.stack import Frame

#: what a compiler adds to the name of a part or a copy of a function
_SUFFIX = re.compile(r"\.(?:cold|part|isra|constprop|llvm)(?:\.\d+)*")
_MOST_NAMED = 5


def compare_with_drgn(found: CrashOutput, report: CrashReport) -> CrashOutput:
    """The same answer with a doubt for each thing in which drgn's reading differs."""
    doubts = [*found.doubts, *_differences(found, report)]
    return replace(found, doubts=tuple(dict.fromkeys(doubts)))


def _differences(found: CrashOutput, report: CrashReport) -> Iterable[str]:
    tasks, task, modules = report.tasks, report.crashed_task, report.modules
    if not isinstance(tasks, SectionError) and found.tasks is not None and found.tasks != tasks.total:
        said = "crash lost the others" if found.tasks < tasks.total else "one of the two lists is damaged"
        yield f"crash lists {counted(found.tasks, 'task')} and drgn {tasks.total}: {said}"
    if not isinstance(task, SectionError) and found.pid is not None:
        if found.pid != task.pid:
            yield f"crash says that pid {found.pid} panicked and drgn that pid {task.pid} did"
        elif stale := stale_frames(found.frames, task.frames):
            names = ", ".join(frame.function for frame in stale[:_MOST_NAMED])
            more = f" and {len(stale) - _MOST_NAMED} more" if len(stale) > _MOST_NAMED else ""
            yield f"crash's bt shows {names}{more}, left over on the stack from calls that had returned"
    if not isinstance(modules, SectionError) and "mod" in found.sections:
        ours = {module.name for module in modules.modules}
        if ours != set(found.modules):
            yield f"crash lists {len(found.modules)} modules and drgn {len(ours)}"
    running = report.get(cpus.SECTION)
    if not isinstance(running, SectionError):
        theirs = {stack.cpu: stack.pid for stack in found.cpus}
        for cpu in running.cpus:
            if theirs.get(cpu.cpu, cpu.pid) != cpu.pid:
                yield f"on CPU {cpu.cpu} crash sees pid {theirs[cpu.cpu]} and drgn pid {cpu.pid}"


def stale_frames(theirs: Sequence[CrashFrame], ours: Sequence[Frame]) -> tuple[CrashFrame, ...]:
    """Frames of crash's that drgn does not have, between the first and the last that both have.

    crash finds return addresses on the stack by looks; drgn follows the debug information, so it knows which of them
    belong to calls under way. Frames before the first common one are those in which the dump was begun.
    """
    known = {_plain(frame.function) for frame in ours if frame.function}
    common = [number for number, frame in enumerate(theirs) if _plain(frame.function) in known]
    if not common:
        return ()
    between = theirs[common[0] : common[-1]]
    return tuple(frame for frame in between if _plain(frame.function) not in known)


def _plain(function: str) -> str:
    # the entry code has labels of its own within one function
    return _SUFFIX.sub("", function).removesuffix("_after_hwframe")
