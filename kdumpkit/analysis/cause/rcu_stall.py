"""RCU waited for a processor or a task that did not pass a quiet point.

Source: kernel/rcu/tree_stall.h, Documentation/RCU/stallwarn.rst.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, NextStep, Origin
from kdumpkit.analysis.cause.scene import Scene

KINDS = frozenset({"rcu_stall"})
_STARVED = re.compile(r"rcu_?\w* kthread (?:starved|timer wakeup didn't happen) for (?P<jiffies>\d+)")
_WHO = re.compile(r"\b(?P<cpu>\d+)-[.oO!?N]{3,5}: |Tasks blocked on level-\d+ rcu_node|\tP\d+")
_HELD = re.compile(r"detected stalls? on (?:CPUs/tasks|CPU)|self-detected stall")
_HYPERVISOR = re.compile(r"KVM|VMware|Hyper-V|Xen|QEMU|VirtualBox|HVM domU|Amazon EC2|Google Compute|Standard PC|RHEV")


def explain(scene: Scene) -> Cause | None:
    """The stack of the processor that did not get on, or the starved thread."""
    crash = scene.crash
    place = scene.foreign_module or (scene.telling[0] if scene.telling else None)
    stopped = " The kernel is set to panic then (kernel.panic_on_rcu_stall)." if crash.panicked else ""
    starved = scene.find(_STARVED, 1)
    evidence = (*scene.at("rip_symbol", "comm", "panic_reason"), *scene.of_stack(scene.stack, 5), *scene.find(_WHO, 3))
    steps = [NextStep("how long RCU waits, and whether it panics", "sysctl -a 2>/dev/null | grep rcu")]
    if _HYPERVISOR.search(crash.hardware_name or ""):
        steps.insert(0, NextStep("see whether the hypervisor was overloaded or paused this machine at that time"))
    cpu = f"Processor {crash.cpu}" if crash.cpu is not None else "A processor or task"
    foreign = scene.foreign_module
    if place is None:
        if starved:
            sentence = (
                "RCU's own thread did not get to run: the processors were busy with more urgent work, or a hypervisor "
                f"did not run them.{stopped}"
            )
            return scene.cause(
                "rcu_stall.starved", sentence, Confidence.POSSIBLE, Origin.UNKNOWN, (*starved, *evidence), steps
            )
        sentence = f"{cpu} did not get on, and the log prints no stack of it: why is not known.{stopped}"
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
        f"{cpu} did not let go of the kernel for too long{scene.where(place)}: a loop without end, or too much work at "
        f"once.{stopped}"
    )
    if foreign is not None and foreign.module is not None:
        sentence += f" {foreign.module} does not come with the kernel: look at it first."
        steps = [*scene.about_module(foreign.module), *steps]
        return scene.cause("rcu_stall.out_of_tree", sentence, Confidence.LIKELY, Origin.MODULE, evidence, steps)
    steps.insert(0, scene.look_up(place))
    return scene.cause("rcu_stall.busy", sentence, Confidence.POSSIBLE, Origin.KERNEL, (*evidence, *starved), steps)
