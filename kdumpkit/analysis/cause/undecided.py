"""No rule knows: what is seen is said, and that the cause is not known."""

from __future__ import annotations

from kdumpkit.analysis.cause.cause import Cause, Confidence, NextStep, Origin
from kdumpkit.analysis.cause.scene import Scene


def explain(scene: Scene) -> Cause:
    """The kernel's own words, and that no rule fits them."""
    crash = scene.crash
    said = crash.panic_reason or crash.title
    sentence = (
        f'Why this kernel died is not known. Its own words are "{said}"{scene.where()}; kdumpkit has no rule that fits '
        "them."
    )
    steps = [NextStep("search the distribution's bug tracker for these words")]
    if scene.blamed is not None:
        steps.append(scene.look_up())
    if scene.foreign_modules:
        names = ", ".join(scene.foreign_modules[:8])
        steps.append(
            NextStep(f"see whether it comes back without the modules that do not come with the kernel: {names}")
        )
    return scene.cause(
        "undecided",
        sentence,
        Confidence.UNKNOWN,
        Origin.UNKNOWN,
        (*scene.at("panic_reason", "rip_symbol", "comm"), *scene.of_stack(scene.telling, 4)),
        steps,
    )
