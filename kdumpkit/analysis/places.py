"""Where the kernel was when it died, out of a stack: what only reports, waits or leads there is taken out.

A stack as printed begins with the code that prints it and ends with the way into the kernel. Between them stand
functions that thousands of callers share (list, lock, string and reference count functions): a pointer that is bad
shows in them, and the defect is with who called them. What is left is what two kernels of different builds have in
common.

Which function plays which part stands in :mod:`kdumpkit.analysis.function_roles`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from kdumpkit.analysis.function_roles import is_entry, is_interrupt, is_reporting, is_shared

if TYPE_CHECKING:
    # the log's reader is not what a report out of a dump has time to import
    from kdumpkit.analysis.log.model import CrashBlock

#: what compilers add to the name of a copy or a part of a function
_SUFFIX = re.compile(r"(?:\.(?:isra|part|constprop|cold|lto_priv|llvm)(?:\.\d+)?)+$")
_MODULE_SUFFIX = re.compile(r"\.(?:ko|o)$")


#: a function that is so often on a stack calls itself
_RECURSION = 4


#: the first thing that runs when an interrupt comes: below it on the stack stands what was interrupted
_ARRIVAL = re.compile(
    "(?:"
    + "|".join(
        (
            r"asm_(?:sysvec|exc)_\w+",
            r"(?:apic_timer|common|reschedule|call_function(?:_single)?|irq_work|hardware)_interrupt\w*",
            r"el1h?_(?:64_)?irq\w*",
            r"ret_from_intr|retint_\w+|end_repeat_nmi|asm_nmi|ext_int_handler|decrementer_common\w*|__irq_svc",
        )
    )
    + r")\Z"
)
#: what was interrupted by the watcher says little: the same loop is hit in other places of it each time
_INTERRUPTED_KINDS = frozenset({"soft_lockup", "hard_lockup", "rcu_stall", "nmi", "workqueue_lockup"})


class Place(NamedTuple):
    """A function on the stack."""

    #: without what the compiler added
    symbol: str
    #: None: the kernel itself
    module: str | None
    #: of the log; 0 where it comes from somewhere else
    line_number: int


def normalise_symbol(symbol: str) -> str:
    """The function's name in the source: the same for each build.

    >>> normalise_symbol("widget_put.isra.0.cold")
    'widget_put'
    >>> normalise_symbol(".panic")
    'panic'
    """
    return _SUFFIX.sub("", symbol.lstrip("."))


def normalise_module(module: str | None) -> str | None:
    """A module's name as modinfo knows it: underscores for hyphens, no suffix."""
    return None if module is None else _MODULE_SUFFIX.sub("", module.replace("-", "_"))


def own_stack(crash: CrashBlock) -> tuple[Place, ...]:
    """The report's stack, innermost first, names normalised.

    The instruction pointer comes first, then the frames that the kernel vouches for (all of them where it vouches for
    none). What reports is left out; repetitions are too.
    """
    places: list[Place] = []
    if crash.rip_symbol:
        line = crash.line_numbers.get("rip_symbol", 0)
        places.append(Place(normalise_symbol(crash.rip_symbol), normalise_module(crash.rip_module), line))
    frames = [frame for frame in crash.frames if frame.reliable] or list(crash.frames)
    if crash.kind == "rcu_stall" and any(frame.symbol == "rcu_gp_kthread" for frame in frames):
        # the stack is that of the thread that waits for the processors, not of the one that does not answer
        return ()
    stack = [Place(normalise_symbol(f.symbol), normalise_module(f.module), f.line_number) for f in frames]
    start = _after_arrival(stack) if crash.kind in _INTERRUPTED_KINDS else _after_reporting(stack)
    below = stack[start:]
    places += [place for place in below if not is_reporting(place.symbol)]
    return tuple(_without_repetition(places))


def _after_arrival(stack: list[Place]) -> int:
    """Where on a watched processor's stack its own work begins."""
    seen_reporting = False
    for number, place in enumerate(stack):
        seen_reporting = seen_reporting or is_reporting(place.symbol)
        if seen_reporting and _ARRIVAL.match(place.symbol):
            # what it interrupted may be the work of another interrupt, which arrived before
            return number + 1
    return _after_reporting(stack)


def _after_reporting(stack: list[Place]) -> int:
    # what stands above the newest exception printed the report
    first = next((n for n, place in enumerate(stack) if is_reporting(place.symbol)), None)
    if first is None or not all(is_interrupt(place.symbol) for place in stack[:first]):
        return 0
    end = first
    while end < len(stack) and (is_reporting(stack[end].symbol) or is_interrupt(stack[end].symbol)):
        end += 1
    return end if end < len(stack) else 0


def _without_repetition(places: Iterable[Place]) -> Iterable[Place]:
    before: Place | None = None
    for place in places:
        if before is None or (place.symbol, place.module) != (before.symbol, before.module):
            yield place
        before = place


def telling_places(crash: CrashBlock, stack: Sequence[Place] | None = None) -> tuple[Place, ...]:
    """The functions that tell this crash from others, innermost first; empty where the log prints none.

    ``stack`` is looked at instead of the log's own where it is given: one that was read out of a dump.
    """
    given = own_stack(crash) if stack is None else stack
    below_entry = [
        place
        for place in given
        if not (is_interrupt(place.symbol) or is_reporting(place.symbol) or is_entry(place.symbol))
    ]
    telling = tuple(place for place in below_entry if not is_shared(place.symbol))
    work = work_function(crash.workqueue)
    if not telling and work is not None:
        return (work,)
    return telling or tuple(below_entry)


def most_repeated(crash: CrashBlock) -> tuple[str, int] | None:
    """The function that is most often on the stack, and how often; None where none recurs enough to be a recursion."""
    counts = Counter(
        symbol
        for frame in crash.frames
        if frame.reliable and not is_shared(symbol := normalise_symbol(frame.symbol)) and not is_reporting(symbol)
    )
    symbol, times = counts.most_common(1)[0] if counts else ("", 0)
    return (symbol, times) if times >= _RECURSION else None


def work_function(workqueue: str | None) -> Place | None:
    """What a worker was at, by its ``Workqueue: events widget_work [widget]`` line; None where there is none."""
    words = (workqueue or "").split()
    if len(words) < 2 or not words[1].isidentifier():
        return None
    module = words[2].strip("[]") if len(words) > 2 and words[2].startswith("[") else None
    return Place(normalise_symbol(words[1]), normalise_module(module), 0)
