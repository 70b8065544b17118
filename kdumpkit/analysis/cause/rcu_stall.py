"""RCU waited for a processor or a task that did not pass a quiescent state.

Whom it waited for stands in the report's own lines (:mod:`kdumpkit.analysis.cause.stalled`). What that one was at is
told by the stack that the report prints, and where it prints none, by the processor's own stack in the dump.

Source: kernel/rcu/tree_stall.h, Documentation/RCU/stallwarn.rst.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, Evidence, NextStep, Origin
from kdumpkit.analysis.cause.processors import Processor, find_processor, read_processors
from kdumpkit.analysis.cause.scene import Scene
from kdumpkit.analysis.cause.spinning import explain_spinning
from kdumpkit.analysis.cause.stalled import Stalled, parse_stalled

KINDS = frozenset({"rcu_stall"})
_STARVED = re.compile(r"rcu_?\w* kthread (?:starved|timer wakeup didn't happen) for (?P<jiffies>\d+)")
_WHO = re.compile(r"\b\d+(?:-[.\w!?]{3,6})?: \(\d+ (?:ticks|GPs)|Tasks blocked on level-\d+ rcu_node|stalls? on .*\{")
#: the lines in which a report names whom it waits for stand at its beginning
_LINES = 40


def explain(scene: Scene) -> Cause | None:
    """The stack of the processor that did not get on, or the starved thread."""
    crash = scene.crash
    stalled = _read_stalled(scene)
    stuck = _stuck(scene, stalled)
    place = scene.foreign_module or (scene.telling[0] if scene.telling else None)
    named: tuple[Evidence, ...] = ()
    if stuck is not None:
        named = (stuck.evidence(),)
        place = place or stuck.work
    stopped = " The kernel is set to panic then (kernel.panic_on_rcu_stall)." if crash.panicked else ""
    starved = scene.find(_STARVED, 1)
    evidence = (
        *scene.at("rip_symbol", "comm", "panic_reason"),
        *scene.of_stack(scene.stack, 4),
        *scene.find(_WHO, 3),
        *named,
    )
    steps = [NextStep("how long RCU waits, and whether it panics", "sysctl -a 2>/dev/null | grep rcu")]
    if scene.on_hypervisor:
        steps.insert(0, NextStep("see whether the hypervisor was overloaded or paused this machine at that time"))
    who = _who(crash.cpu, stalled)
    if stuck is not None and stuck.spins:
        head = f"{who} passed no quiescent state for too long"
        return explain_spinning(scene, "rcu_stall", head, stopped, evidence, steps, stuck)
    foreign = place if place is not None and place.module and scene.is_foreign(place.module) else None
    if place is None:
        if starved:
            sentence = (
                "RCU's own thread did not get to run: the processors were busy with more urgent work, or a hypervisor "
                f"did not run them.{stopped}"
            )
            return scene.cause(
                "rcu_stall.starved", sentence, Confidence.POSSIBLE, Origin.UNKNOWN, (*starved, *evidence), steps
            )
        sentence = f"{who} did not get on, and the log prints no stack of it: why is not known.{stopped}"
        return scene.cause(
            "rcu_stall.no_stack",
            sentence,
            Confidence.UNKNOWN,
            Origin.UNKNOWN,
            evidence,
            steps,
            ("the stack of that processor: the dump holds it",),
        )
    sentence = (
        f"{who} did not let go of the kernel for too long{scene.where(place)}: a loop without end, or too much work at "
        f"once.{_silent(stalled)}{stopped}"
    )
    if foreign is not None and foreign.module is not None:
        sentence += f" {foreign.module} does not come with the kernel: look at it first."
        steps = [*scene.about_module(foreign.module), *steps]
        return scene.cause("rcu_stall.out_of_tree", sentence, Confidence.LIKELY, Origin.MODULE, evidence, steps)
    steps.insert(0, scene.look_up(place))
    return scene.cause("rcu_stall.busy", sentence, Confidence.POSSIBLE, Origin.KERNEL, (*evidence, *starved), steps)


def _read_stalled(scene: Scene) -> Stalled:
    first = scene.crash.first_line
    return parse_stalled(line.text for line in scene.excerpt.lines if first <= line.number < first + _LINES)


def _stuck(scene: Scene, stalled: Stalled) -> Processor | None:
    """The first of the named processors that was at work at the end, or the one that the report is about."""
    processors = read_processors(scene.of_dump("cpus"))
    numbers = (*stalled.cpus, *(() if scene.crash.cpu is None else (scene.crash.cpu,)))
    found = (find_processor(processors, cpu) for cpu in numbers)
    return next((processor for processor in found if processor is not None and processor.in_kernel), None)


def _who(cpu: int | None, stalled: Stalled) -> str:
    if len(stalled.cpus) > 1:
        return f"Processors {', '.join(map(str, stalled.cpus[:8]))}"
    if stalled.cpus or cpu is not None:
        return f"Processor {stalled.cpus[0] if stalled.cpus else cpu}"
    if stalled.pids:
        pids = ", ".join(map(str, stalled.pids[:4]))
        return f"The task{'s' if len(stalled.pids) > 1 else ''} with pid {pids}, preempted while reading,"
    return "A processor or task"


def _silent(stalled: Stalled) -> str:
    if not stalled.without_ticks:
        return ""
    return (
        f" Processor {stalled.without_ticks[0]} took no timer tick in all that time: its interrupts were off, or a "
        "hypervisor did not run it."
    )
