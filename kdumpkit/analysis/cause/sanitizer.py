"""A checker that is built into the kernel caught a wrong access as it happened: KASAN, KFENCE, KMSAN, KCSAN, UBSAN.

Source: mm/kasan/report.c, mm/kfence/report.c, mm/kmsan/report.c, kernel/kcsan/report.c, lib/ubsan.c.
"""

from __future__ import annotations

import re

from kdumpkit.analysis.cause.cause import Cause, Confidence, Origin
from kdumpkit.analysis.cause.scene import Scene
from kdumpkit.analysis.function_roles import is_reporting, is_shared
from kdumpkit.analysis.places import Place, normalise_module, normalise_symbol

KINDS = frozenset({"kasan", "kfence", "kmsan", "kcsan", "ubsan"})
_TITLE = re.compile(
    r"(?P<checker>KASAN|KASan|KFENCE|KMSAN|KCSAN|UBSAN): (?P<what>[\w -]{1,60}?)"
    r"(?: on .*|(?: in|:) (?P<symbol>[A-Za-z_][\w.]{0,200})(?:\+0x[0-9a-f/x]+(?: \[(?P<module>[\w-]+)\])?)?| in |$)"
)
_ACCESS = re.compile(
    r"^(?:Read|Write) of size \d+ (?:at addr|by task)|^(?:Use-after-free|Out-of-bounds|Invalid) (?:read|write|free)"
)
_WORDS = (
    ("use-after-free", "used memory after it had been given back"),
    ("slab-out-of-bounds", "read or wrote beyond the end of an object"),
    ("out-of-bounds", "read or wrote beyond the end of an object"),
    ("double-free", "gave the same memory back twice"),
    ("invalid-free", "gave back memory that it had not been given"),
    ("invalid free", "gave back memory that it had not been given"),
    ("null-ptr-deref", "used a NULL pointer"),
    ("wild-memory-access", "used an address that is none"),
    ("user-memory-access", "used an address of user space directly"),
    ("uninit-value", "used a value that was never set"),
    ("data-race", "used the same data from two processors without a lock"),
    ("memory corruption", "wrote beyond the end of an object"),
    ("shift-out-of-bounds", "shifted a number by more bits than it has"),
    ("signed-integer-overflow", "computed a number that does not fit"),
    ("array-index-out-of-bounds", "used an index beyond an array's end"),
)


def explain(scene: Scene) -> Cause | None:
    """Which function did what: caught in the act, so likely even from one report."""
    match = _TITLE.search(scene.crash.title)
    if match is None:
        return None
    what, checker = match["what"].strip(), match["checker"].upper()
    if match["checker"] == "KASan":
        # until 4.5 the words stood apart
        what = what.replace(" ", "-")
    words = next((words for name, words in _WORDS if name in what), f"did what {checker} calls {what}")
    place = scene.foreign_module or scene.blamed
    if match["symbol"] and scene.foreign_module is None:
        named = Place(normalise_symbol(match["symbol"]), normalise_module(match["module"]), scene.crash.first_line)
        # the checker names where the access was made; functions that thousands share tell nothing
        if place is None or not (is_shared(named.symbol) or is_reporting(named.symbol)):
            place = named
    where = scene.where(place)
    subject = f"Code{where}" if where else "Kernel code"
    sentence = f"{subject} {words}; {checker} caught it as it happened."
    foreign = place is not None and place.module is not None and scene.is_foreign(place.module)
    steps = [scene.look_up(place)]
    origin = Origin.KERNEL
    if foreign and place is not None and place.module is not None:
        sentence += f" {place.module} does not come with the kernel."
        origin, steps = Origin.MODULE, list(scene.about_module(place.module))
    if scene.crash.panicked:
        sentence += " The kernel is set to panic on such a report."
    evidence = (*scene.find(_ACCESS, 2), *scene.at("panic_reason", "comm"), *scene.of_stack(scene.telling, 4))
    return scene.cause(f"sanitizer.{scene.crash.kind}", sentence, Confidence.LIKELY, origin, evidence, steps)
