"""Memory ran out, and the kernel panicked instead of ending a task.

Source: mm/oom_kill.c (check_panic_on_oom, out_of_memory, dump_header), Documentation/admin-guide/sysctl/vm.rst.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, NextStep, Origin
from kdumpkit.analysis.cause.scene import Scene

KINDS = frozenset({"oom_panic"})
_INVOKED = re.compile(
    r"(?P<comm>.{1,40}?) invoked oom-killer: .{0,80}?order=(?P<order>-?\d+)(?:.{0,60}oom_score_adj=(?P<adj>-?\d+))?"
)
_MEM_INFO = re.compile(
    r"^(?:Node \d+ )?(?:active_anon|slab_reclaimable)|^Mem-Info|^\d+ pages RAM|Total swap =|Free swap +="
)
_SLAB = re.compile(r"slab_unreclaimable:(?P<pages>\d+)")
_RAM = re.compile(r"^(?P<pages>\d+) pages RAM")
_TASK = re.compile(r"^\[ *(?P<pid>\d+)\] +\d+ +\d+ +(?P<virtual>\d+) +(?P<resident>\d+) +.*? (?P<comm>\S+)$")
_KILLED = re.compile(r"Out of memory: Kill(?:ed)? process|Memory cgroup out of memory|oom-kill:")
_SWAP = re.compile(r"Total swap = (?P<kb>\d+)kB")
#: so large a part of RAM is worth a word
_LARGE = 0.25


def explain(scene: Scene) -> Cause | None:
    """Certain that memory ran out; who used it, as far as the log's tables show."""
    reason = scene.crash.panic_reason or scene.crash.title
    invoked = scene.find(_INVOKED, 1)
    ram = _number(scene, _RAM)
    slab = _number(scene, _SLAB)
    largest = _largest(scene)
    killed = scene.before(_KILLED, 3)
    evidence = (*invoked, *scene.at("panic_reason", "comm"), *killed, *scene.find(_MEM_INFO, 4))
    if "compulsory" in reason:
        rule, why = "out_of_memory.policy", "vm.panic_on_oom is 2, so the kernel panics instead of ending a task."
    elif "panic_on_oom" in reason:
        rule, why = "out_of_memory.policy", "vm.panic_on_oom is set, so the kernel panics instead of ending a task."
    elif "no killable" in reason:
        rule, why = "out_of_memory.nothing_to_end", "No task was left that could be ended."
    else:
        rule, why = "out_of_memory.deadlock", "The kernel had to give up: nothing more could be freed."
    sentence = f"The machine ran out of memory. {why}"
    if ram and slab and slab / ram > _LARGE:
        sentence += f" The kernel itself held {100 * slab // ram} % of it (slab): a leak in the kernel or a module."
    elif largest is not None and ram and largest[1] / ram > _LARGE:
        sentence += f" The largest user was {largest[0]} with {100 * largest[1] // ram} % of it."
    steps = [
        NextStep(
            "see what the kernel does when memory runs out: 0 ends a task, 1 and 2 panic", "sysctl vm.panic_on_oom"
        ),
        NextStep("see what used memory at that time, where sar keeps it", "sar -r -S -f"),
        NextStep("give the machine more memory, or its largest service a limit (MemoryMax= of its unit)"),
    ]
    swap = scene.find(_SWAP, 1)
    if swap and "= 0kB" in swap[0].text:
        sentence += " It has no swap."
    if slab and ram and slab / ram > _LARGE:
        steps.insert(1, NextStep("see which kind of kernel object grows", "slabtop -o -s c | head -n 20"))
    return scene.cause(
        rule,
        sentence,
        Confidence.CERTAIN,
        Origin.MEMORY,
        (*evidence, *swap),
        steps,
        () if invoked else ("the kernel's table of memory and tasks, which the log does not hold",),
    )


def _number(scene: Scene, pattern: re.Pattern[str]) -> int | None:
    for found in reversed(scene.find(pattern, 1)):
        match = pattern.search(found.text)
        if match is not None:
            return int(match["pages"])
    return None


def _largest(scene: Scene) -> tuple[str, int] | None:
    rows = [match for line in scene.excerpt.lines if (match := _TASK.match(line.text)) is not None]
    if not rows:
        return None
    row = max(rows, key=lambda match: int(match["resident"]))
    return f"{row['comm']} (pid {row['pid']})", int(row["resident"])
