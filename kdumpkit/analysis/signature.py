"""What two crashes of the same defect have in common: a title for people, a hash for machines.

The hash is made of the kind, the module and the first telling functions (see :mod:`kdumpkit.analysis.places`). Neither
addresses, offsets, line numbers, build suffixes, processor, task, nor the release take part, so hosts and builds
compare. Where the log prints no function, the place of a BUG or the panic's words with their numbers taken out stand
in; ``weak`` says so.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from kdumpkit.analysis.log.model import CrashBlock
from kdumpkit.analysis.places import (
    Place,
    is_layer,
    is_reporting,
    is_shared,
    most_repeated,
    normalise_module,
    normalise_symbol,
    telling_places,
)

#: changes where the same log would get another hash than before
VERSION = 1
_FRAMES = 3
_NUMBER = re.compile(r"\b(?:0x[0-9a-f]+|[0-9a-f]*\d[0-9a-f]*)\b", re.IGNORECASE)
_SANITIZER = re.compile(
    r"BUG: (?:KASAN|KFENCE|KMSAN|KCSAN): (?P<what>[\w -]{1,60}?)"
    r"(?:(?: in|:) (?P<symbol>[A-Za-z_][\w.]{0,200})(?:\+0x[0-9a-f/x]+(?: \[(?P<module>[\w-]+)\])?)?| (?:on|at) |$)"
)
_CORRUPTED_IN = re.compile(r"stack is corrupted in:? (?P<symbol>[A-Za-z_][\w.]*)\+0x")
#: the processor was caught somewhere within a loop: what it had been sent to do is the same each time, not the place
_FROM_OUTSIDE = frozenset({"soft_lockup", "hard_lockup", "rcu_stall", "stack_overflow", "stack_corruption"})
#: nothing that runs is to blame
_NO_CODE = frozenset(
    {"mce", "hw_error", "nmi", "serror", "external_abort", "oom_panic", "init_killed", "vfs_mount_root"}
)


@dataclass(frozen=True)
class Signature:
    """One kind of crash."""

    #: such as ``null_deref in widget_put [widget]``
    title: str
    #: 16 hexadecimal digits
    hash: str
    #: what the hash is made of, innermost first
    frames: tuple[str, ...]
    #: made without any function: two different defects may have it
    weak: bool

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return {"title": self.title, "hash": self.hash, "frames": list(self.frames), "weak": self.weak}


def find_signature(crash: CrashBlock) -> Signature:
    """The signature of a crash; the same block always gives the same."""
    kind, places = _kind_words(crash), _signature_places(crash)
    if places:
        frames = tuple(place.symbol for place in places)
        module = places[0].module
        title = f"{kind} in {frames[0]}" + (f" [{module}]" if module else "")
        return Signature(title, _digest(kind, module or "", *frames), frames, False)
    stand_in = _stand_in(crash)
    return Signature(f"{kind}: {stand_in}" if stand_in else kind, _digest(kind, "", stand_in), (), True)


def _signature_places(crash: CrashBlock) -> tuple[Place, ...]:
    if crash.kind in _NO_CODE:
        return ()
    places = telling_places(crash)
    corrupted = _CORRUPTED_IN.search(crash.panic_reason or crash.title)
    named_in = normalise_symbol(corrupted["symbol"]) if corrupted is not None else ""
    again = most_repeated(crash) if crash.kind in ("stack_overflow", "stack_corruption") else None
    for place in places:
        # the function that wrote too far, or that called itself, is the same each time; who called it need not be
        if place.symbol == named_in or (again is not None and place.symbol == again[0]):
            return (place,)
    if crash.kind in _FROM_OUTSIDE:
        places = tuple(place for place in places if not is_layer(place.symbol)) or places
        return tuple(reversed(places[-_FRAMES:]))
    named = _SANITIZER.search(crash.title)
    if named is not None and named["symbol"]:
        first = Place(normalise_symbol(named["symbol"]), normalise_module(named["module"]), crash.first_line)
        if not is_shared(first.symbol) and not is_reporting(first.symbol):
            symbols = [place.symbol for place in places]
            below = places[symbols.index(first.symbol) + 1 :] if first.symbol in symbols else ()
            return (first, *below)[:_FRAMES]
    return places[:_FRAMES]


def _kind_words(crash: CrashBlock) -> str:
    found = _SANITIZER.search(crash.title)
    if found is None:
        return crash.kind
    what = "invalid-free" if "free" in found["what"] and "use-after" not in found["what"] else found["what"]
    return f"{crash.kind} {what}"


def _stand_in(crash: CrashBlock) -> str:
    if crash.bug_at:
        # the line moves with every release, the file hardly ever
        return crash.bug_at.rpartition(":")[0].rsplit("/./", 1)[-1]
    words = crash.panic_reason or crash.title
    corrupted = _CORRUPTED_IN.search(words)
    if corrupted is not None:
        return f"stack corrupted in {normalise_symbol(corrupted['symbol'])}"
    return " ".join(_NUMBER.sub("N", words).split())[:120]


def _digest(*parts: str) -> str:
    text = "\0".join((f"kdumpkit signature {VERSION}", *parts))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
