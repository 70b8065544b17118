"""A processor that spins for a lock is a victim; the one that holds the lock is told by what the others are at."""

from __future__ import annotations

from collections.abc import Sequence

from kdumpkit.analysis.cause.cause import Cause, Confidence, Evidence, NextStep, Origin
from kdumpkit.analysis.cause.processors import Processor, may_hold, read_processors, was_interrupted
from kdumpkit.analysis.cause.scene import Scene
from kdumpkit.analysis.dispatch import waits_for_processors
from kdumpkit.analysis.function_roles import is_spinning
from kdumpkit.analysis.places import Place

_MOST_NAMED = 3


def explain_spinning(
    scene: Scene,
    rule: str,
    head: str,
    stopped: str,
    evidence: Sequence[Evidence],
    steps: Sequence[NextStep],
    waiting: Processor | None,
) -> Cause:
    """Who holds the lock that a processor waits for. ``waiting`` is that processor in the dump; None: no dump."""
    caller = waiting.work if waiting is not None and waiting.spins else find_caller(scene)
    lock = f" {waiting.lock}" if waiting is not None and waiting.lock else ""
    begin = f"{head}: it waited for the spin lock{lock}" if lock else f"{head}: it waited for a spin lock"
    begin += f"{scene.where(caller)} that another processor held."
    holders = () if waiting is None else may_hold(read_processors(scene.of_dump("cpus")), waiting)
    if waiting is not None and not holders:
        return _nobody(scene, rule, begin, stopped, evidence, steps, waiting)
    if not holders:
        begin += f"{stopped} The holder is the one to look at; this processor is a victim."
        return _told(
            scene, f"{rule}.spin_lock", begin, Confidence.POSSIBLE, scene.foreign_module, evidence,
            [NextStep("look at the stacks of all other processors in the dump (bt -a): one holds the lock"), *steps],
            ("the stacks of all processors, which the dump holds",),
        )  # fmt: skip
    shown = [processor.evidence() for processor in holders[:_MOST_NAMED]]
    at = "; ".join(_at_work(scene, processor) for processor in holders[:_MOST_NAMED])
    if len(holders) == 1:
        sentence = f"{begin} In the dump only one other is at work in the kernel, so it holds the lock: {at}.{stopped}"
        confidence, blamed = Confidence.LIKELY, holders[0].work
        raises: tuple[str, ...] = ()
    else:
        more = f" and {len(holders) - _MOST_NAMED} more" if len(holders) > _MOST_NAMED else ""
        sentence = f"{begin} In the dump these are at work in the kernel; one of them holds it: {at}{more}.{stopped}"
        confidence, blamed = Confidence.POSSIBLE, None
        raises = ("what the code of each of them locks, by its source",)
    sentence += " This processor is a victim."
    found = blamed if blamed is not None else scene.foreign_module
    return _told(scene, f"{rule}.holder", sentence, confidence, found, [*evidence, *shown], steps, raises)


def _nobody(
    scene: Scene,
    rule: str,
    begin: str,
    stopped: str,
    evidence: Sequence[Evidence],
    steps: Sequence[NextStep],
    waiting: Processor,
) -> Cause:
    interrupted = was_interrupted(waiting)
    begin = begin.replace(" that another processor held.", ".")
    if interrupted is not None:
        sentence = (
            f"{begin} It did so within an interrupt, and no other processor is at work in the kernel: the code that "
            f"was interrupted holds the lock, and the processor waited for itself{scene.where(interrupted)}.{stopped}"
        )
        return _told(
            scene, f"{rule}.itself", sentence, Confidence.LIKELY, interrupted, [*evidence, waiting.evidence()], steps
        )
    sentence = (
        f"{begin} In the dump no other processor is at work in the kernel, so nobody is left who could let go of it: "
        "it was taken twice by the same code, a way out of a function forgot it, or its memory was overwritten."
        f"{stopped}"
    )
    return _told(
        scene, f"{rule}.never_released", sentence, Confidence.POSSIBLE, waiting.work, [*evidence, waiting.evidence()],
        steps,
    )  # fmt: skip


def _at_work(scene: Scene, processor: Processor) -> str:
    if processor.problem:
        return f"processor {processor.cpu}, {processor.task}, which did not answer when the dump was made"
    place = processor.work
    waits = f", which itself waits for the spin lock {processor.lock}" if processor.spins and processor.lock else ""
    return f"processor {processor.cpu}, {processor.task}{scene.where(place) if place else ''}{waits}"


def _told(
    scene: Scene,
    rule: str,
    sentence: str,
    confidence: Confidence,
    blamed: Place | None,
    evidence: Sequence[Evidence],
    steps: Sequence[NextStep],
    raises: tuple[str, ...] = (),
) -> Cause:
    """The cause, with the module named where the blamed place lies in one that does not come with the kernel."""
    if blamed is not None and blamed.module and scene.is_foreign(blamed.module):
        sentence += f" {blamed.module} does not come with the kernel: look at it first."
        steps = [*scene.about_module(blamed.module), *steps]
        return scene.cause(rule, sentence, confidence, Origin.MODULE, evidence, steps, raises)
    steps = [scene.look_up(blamed), *steps] if blamed is not None else steps
    return scene.cause(rule, sentence, confidence, Origin.KERNEL, evidence, steps, raises)


def find_caller(scene: Scene) -> Place | None:
    """Who wanted the lock or the other processors' answer, by the log's stack; None where it prints no such place."""
    return next(
        (place for place in scene.telling if not is_spinning(place.symbol) and not waits_for_processors(place.symbol)),
        None,
    )
