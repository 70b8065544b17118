"""The kernel's own stack ran out or was overwritten.

Source: arch/x86/kernel/traps.c (handle_stack_overflow, exc_double_fault), kernel/sched/core.c (schedule_debug),
kernel/panic.c (__stack_chk_fail), arch/arm64/kernel/traps.c (panic_bad_stack).
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, NextStep, Origin
from kdumpkit.analysis.cause.scene import Scene
from kdumpkit.analysis.places import most_repeated

KINDS = frozenset({"stack_overflow", "stack_corruption"})
_GUARD = re.compile(r"stack guard page was hit|Insufficient stack space|kernel stack overflow|Kernel stack overflow")
_CANARY = re.compile(r"stack-protector|stack is corrupted in")
_CORRUPTED_IN = re.compile(r"stack is corrupted in:? (?P<symbol>[A-Za-z_][\w.]*)\+0x")
_DEEP = 40


def explain(scene: Scene) -> Cause | None:
    """Overflow by recursion or by depth, or a write beyond a local variable."""
    crash = scene.crash
    foreign = scene.foreign_module
    repeated, times = most_repeated(crash) or ("", 0)
    evidence = [*scene.find(_GUARD, 2), *scene.find(_CANARY, 2), *scene.at("panic_reason", "rip_symbol", "comm")]
    evidence += scene.of_stack(scene.telling, 3)
    origin = Origin.MODULE if foreign is not None else Origin.KERNEL
    steps = list(scene.about_module(foreign.module)) if foreign is not None and foreign.module else []
    steps.append(scene.look_up(foreign or scene.blamed))
    whose = f" {foreign.module} on it does not come with the kernel." if foreign is not None else ""
    if _CANARY.search(crash.panic_reason or crash.title):
        named = _CORRUPTED_IN.search(crash.panic_reason or crash.title)
        place = next((p for p in scene.telling if named is not None and p.symbol == named["symbol"]), None)
        module = f" of the module {place.module}" if place is not None and place.module else ""
        which = f"The function {named['symbol']}(){module}" if named is not None else f"A function{scene.where()}"
        sentence = f"{which} wrote beyond one of its local variables and was caught.{whose}"
        return scene.cause("kernel_stack.overwritten", sentence, Confidence.LIKELY, origin, evidence, steps)
    if times:
        sentence = (
            f"The kernel's stack ran out because {repeated}() called itself over and over ({times} times in the part "
            f"of the stack that was printed).{whose}"
        )
        return scene.cause("kernel_stack.recursion", sentence, Confidence.LIKELY, origin, evidence, steps)
    certain = bool(scene.find(_GUARD, 1))
    depth = len(crash.frames)
    deep = f", {depth} functions deep" if depth >= _DEEP else ""
    if crash.kind == "stack_corruption":
        sentence = (
            f"The end of a kernel stack was found overwritten{deep}: calls went too deep, or something wrote beyond "
            f"its variables{scene.where()}.{whose}"
        )
        confidence = Confidence.LIKELY if depth >= _DEEP else Confidence.POSSIBLE
        return scene.cause("kernel_stack.end_overwritten", sentence, confidence, origin, evidence, steps)
    sentence = f"The kernel's stack ran out{scene.where()}{deep}: file systems, network filters and drivers stacked "
    sentence += f"upon each other, or recursion.{whose}"
    if not certain:
        sentence = (
            f"The kernel met an exception that it could not handle{scene.where()} (double fault): most often its stack "
            f"had run out.{whose}"
        )
    raises = () if depth else ("a stack trace: this log prints none, so what filled the stack cannot be seen",)
    steps.append(NextStep("see what is stacked: file systems on devices on devices", "lsblk; mount | column -t"))
    confidence = Confidence.LIKELY if certain else Confidence.POSSIBLE
    return scene.cause("kernel_stack.ran_out", sentence, confidence, origin, evidence, steps, raises)
