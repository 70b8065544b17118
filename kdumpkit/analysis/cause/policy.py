"""The kernel only reported something, and a setting made a panic of it; or it went on after a warning.

Source: kernel/panic.c (check_panic_on_warn), Documentation/admin-guide/sysctl/kernel.rst.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, NextStep, Origin
from kdumpkit.analysis.cause.scene import Scene
from kdumpkit.analysis.log.kinds import faults

KINDS = frozenset({"warning", "oops"})
_LOCKS = re.compile(
    r"possible (?:circular|recursive|irq) lock|lock inversion|inconsistent lock state|lock order detected|"
    r"suspicious (?:rcu|RCU)|invalid wait context|bad unlock balance|held lock freed"
)
_ATOMIC = re.compile(r"sleeping function called|scheduling while atomic|using smp_processor_id")
_PAGES = re.compile(
    r"Bad page (?:state|map|cache)|Bad rss-counter|non-zero pgtables|BUG \S+ ?\((?:Not tainted|Tainted)"
)
_REFCOUNT = re.compile(r"refcount_t: |refcount_warn_saturate")
_NETDEV = re.compile(r"NETDEV WATCHDOG: (?:\S+ \([\w-]+\)|CPU: \d+): transmit queue")
#: what die() prints for any fault: words that name none
_UNNAMED = re.compile(r"(?:Internal error)?[: ]{0,2}(?:Oops)?")


def explain(scene: Scene) -> Cause | None:
    """What was reported, and that a setting made it fatal."""
    if scene.crash.kind == "oops":
        return _plain_oops(scene)
    crash = scene.crash
    near = range(crash.first_line - 3, crash.last_line + 1)
    words = " ".join(line.text for line in scene.excerpt.lines if line.number in near)[:20_000] or crash.title
    what, origin = _what(words)
    place = scene.foreign_module or scene.blamed
    at = f" ({crash.bug_at})" if crash.bug_at else ""
    sentence = f"The kernel reported {what}{scene.where(place)}{at}."
    steps = [scene.look_up(place)]
    evidence = (*scene.at("panic_reason", "bug_at", "rip_symbol", "comm"), *scene.of_stack(scene.telling, 3))
    if crash.panicked:
        sentence += " It would have gone on, but it is set to panic on a warning (kernel.panic_on_warn)."
        steps.append(
            NextStep("the panic is a setting: 0 lets the kernel go on after warnings", "sysctl kernel.panic_on_warn")
        )
    else:
        sentence += " It went on after that: this is a sign of a defect, not what a machine dies of."
        steps.append(
            NextStep("if the machine died nevertheless, look for the log's end: a later console, the dump itself")
        )
    confidence = Confidence.LIKELY if place is not None else Confidence.POSSIBLE
    foreign = scene.foreign_module
    if foreign is not None and foreign.module is not None:
        sentence += f" {foreign.module} on this stack does not come with the kernel: look at it first."
        steps, origin = [*scene.about_module(foreign.module), *steps], Origin.MODULE
    rule = "policy.panic_on_warn" if crash.panicked else "policy.warning_only"
    return scene.cause(rule, sentence, confidence, origin, evidence, steps)


def _what(words: str) -> tuple[str, Origin]:
    if _NETDEV.search(words):
        return "that a network card stopped sending (its driver, its firmware, or the link)", Origin.HARDWARE
    for pattern, what in (
        (_REFCOUNT, "a wrong reference count (memory is freed too early or never)"),
        (_LOCKS, "locks that are taken in an order that can block for ever"),
        (_ATOMIC, "code that may wait where waiting is not allowed"),
        (_PAGES, "damaged bookkeeping of memory, by a defect or by failing memory"),
    ):
        if pattern.search(words):
            return what, Origin.KERNEL
    return "a state that its code does not expect", Origin.KERNEL


def _plain_oops(scene: Scene) -> Cause | None:
    crash = scene.crash
    place = scene.foreign_module or scene.blamed
    if place is None:
        return None
    evidence = (*scene.at("panic_reason", "rip_symbol", "comm"), *scene.of_stack(scene.telling, 4))
    sentence = f"The kernel met an error that it could not handle{scene.where(place)}"
    named = faults.DIE.match(crash.title)
    words = "" if named is None else named["text"].strip(" :")
    said = bool(words) and _UNNAMED.fullmatch(words) is None
    sentence += f': "{words}".' if said else "; the log does not say which kind."
    steps = [scene.look_up(place)]
    origin = Origin.KERNEL
    if scene.foreign_module is not None and scene.foreign_module.module is not None:
        sentence += f" {scene.foreign_module.module} does not come with the kernel: look at it first."
        steps, origin = [*scene.about_module(scene.foreign_module.module), *steps], Origin.MODULE
    if "panic_on_oops" in (crash.panic_reason or ""):
        sentence += " It is set to panic on every such error (kernel.panic_on_oops)."
    raises = () if said else ("the lines before the log's first: they name the kind of error",)
    return scene.cause("policy.oops", sentence, Confidence.POSSIBLE, origin, evidence, steps, raises)
