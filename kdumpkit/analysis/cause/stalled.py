"""Whom an RCU stall names: processors that passed no quiescent state, and tasks that were preempted in a reader.

Source: kernel/rcu/tree_stall.h (print_cpu_stall_info, rcu_print_task_stall, rcu_print_detail_task_stall_rnp),
Documentation/RCU/stallwarn.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# "\t1-..!.: (670 ticks this GP) idle=..."; without flags until 3.18, and the last of them may be a digit
_CPU = re.compile(
    r"^(?:rcu: )?\s*(?P<cpu>\d{1,6})(?:-[.\w!?]{3,6})?: \((?:(?P<ticks>\d{1,12}) ticks this GP|\d{1,12} GPs behind)"
)
# "{ 1 3} (detected by 0", of expedited ones "{ 1-... P123 } 21 jiffies"
_BRACES = re.compile(r"stalls? on (?:CPUs?(?:/tasks)?:? ?)?\{(?P<who>[^}]{0,2000})\}")
_CPU_IN_BRACES = re.compile(r"(?<![\w/])(\d{1,6})(?:-[.\w!?]{3,6})?(?=\s|$)")
# "P123" or, since 5.4, "P123/1:b..l"
_TASK = re.compile(r"(?<!\w)P(\d{1,10})(?:/\d{1,2}:[\w.]{1,8})?(?=\s|$)")
_TASKS = re.compile(r"Tasks blocked on level-\d|^(?:rcu: )?\s*P\d")


@dataclass(frozen=True)
class Stalled:
    """Whom RCU waited for, by the report's own lines; empty where it names nobody."""

    cpus: tuple[int, ...] = ()
    #: of those: no timer tick came to it in all that time
    without_ticks: tuple[int, ...] = ()
    #: tasks that were preempted while they read
    pids: tuple[int, ...] = ()


def parse_stalled(lines: Iterable[str]) -> Stalled:
    """Who is named in the lines of a stall's report.

    >>> parse_stalled(["rcu: \\t1-....: (0 ticks this GP) idle=2694/1/0x4", "Tasks blocked on level-0: P12/1:b..l"])
    Stalled(cpus=(1,), without_ticks=(1,), pids=(12,))
    """
    cpus: dict[int, bool] = {}
    pids: dict[int, None] = {}
    for text in lines:
        match, braces = _CPU.match(text), _BRACES.search(text)
        if match is not None:
            cpus.setdefault(int(match["cpu"]), match["ticks"] == "0")
        elif braces is not None:
            for cpu in _CPU_IN_BRACES.findall(braces["who"]):
                cpus.setdefault(int(cpu), False)
            pids |= {int(pid): None for pid in _TASK.findall(braces["who"])}
        elif _TASKS.search(text):
            pids |= {int(pid): None for pid in _TASK.findall(text)}
    return Stalled(tuple(cpus), tuple(cpu for cpu, silent in cpus.items() if silent), tuple(pids))
