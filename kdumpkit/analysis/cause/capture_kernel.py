"""What is told beside a crash whose capture kernel died in its turn: why there may be no dump of it."""

from __future__ import annotations

from dataclasses import replace

from kdumpkit.analysis.cause.cause import Cause, Evidence, NextStep
from kdumpkit.analysis.log.model import CrashBlock

_STEPS = {
    "vfs_mount_root": "rebuild the capture kernel's initramfs, and load it again",
    "init_killed": "look at what the capture kernel's initramfs printed before: a script or a library of it failed",
    "oom_panic": "reserve more memory for the capture kernel (crashkernel=)",
}


def with_capture_death(cause: Cause, died: CrashBlock) -> Cause:
    """The same cause, with the capture kernel's own death in its sentence, evidence and next steps."""
    said = died.panic_reason or died.title
    place = f" in {died.rip_symbol}()" if died.rip_symbol else ""
    sentence = (
        f'{cause.sentence} The capture kernel died too: "{said}"{place} (line {died.first_line}), so there may be no '
        "dump of this crash, or one that is cut off."
    )
    step = _STEPS.get(died.kind, "look for a driver that the capture kernel can do without, and leave it out of it")
    return replace(
        cause,
        sentence=sentence,
        evidence=(*cause.evidence, Evidence("log", died.first_line, died.title)),
        next_steps=(*cause.next_steps, NextStep(f"so that the next crash leaves a dump: {step}; then test it again")),
    )
