"""What two crashes of the same defect have in common: a title for people, a hash for machines.

The hash is made of the kind and of one function with its module, the one that the defect is known by: where the kernel
died, with code that thousands share left out (:mod:`kdumpkit.analysis.places`); for a processor that was stuck, what it
had been sent to do (:mod:`kdumpkit.analysis.dispatch`); for a hung task, what it waited for. Who called that function
takes no part: compilers inline callers in one build and not in the next. Nor do addresses, offsets, line numbers, build
suffixes, processor, task and release, so hosts and builds compare. Where the log prints no function, the place of a
BUG or the panic's words with their numbers taken out stand in; ``weak`` says so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kdumpkit.analysis.dispatch import find_outermost_sent, find_sent_to_do
from kdumpkit.analysis.function_roles import is_entry, is_layer, is_reporting, is_shared
from kdumpkit.analysis.log.model import CrashBlock
from kdumpkit.analysis.places import (
    Place,
    most_repeated,
    normalise_module,
    normalise_symbol,
    own_stack,
    telling_places,
    work_function,
)

#: changes where the same log would get another hash than before
VERSION = 2
_NUMBER = re.compile(r"\b(?:0x[0-9a-f]+|[0-9a-f]*\d[0-9a-f]*s?)\b", re.IGNORECASE)
#: subsystems put their names in front of these from one release on, carriers of a log what they like
_WORDS_BEGIN = re.compile(r"\b(?:(?:BUG|INFO|WARNING): |(?=Unable to handle |An NMI occurred|Watchdog detected ))")
#: which task, processor, pool it was
_NAMES = (
    (re.compile(r"\bon CPU[ #]?\{? ?\d.*$"), "on CPU"),
    (re.compile(r"\bpool cpus=\d.*$"), "pool"),
    (re.compile(r"^Pool '.{1,255}?' has "), "Pool has "),
    (re.compile(r"\btask .{1,64}:\d{1,10} blocked\b"), "task blocked"),
    (re.compile(r" \[.{1,64}:\d{1,10}\]$"), ""),
    (re.compile(r" in process .{1,64}? {1,4}(?=p[a-z]{2}:)"), " in process "),
    (re.compile(r"(?<=while atomic): .{1,64}/\d{1,10}/.*$"), ""),
)
#: where the kernel was built is in front of the file in the packages of some distributions
_KERNEL_FILE = re.compile(
    r"/(?:.*/linux[^/]*/)?((?:arch|block|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|security|sound|virt)/.*)"
)
_SANITIZER = re.compile(
    r"BUG: (?:KASAN|KASan|KFENCE|KMSAN|KCSAN): (?P<what>[\w -]{1,60}?)"
    r"(?:(?: in|:) (?P<symbol>[A-Za-z_][\w.]{0,200})(?:\+0x[0-9a-f/x]+(?: \[(?P<module>[\w-]+)\])?)?| (?:on|at) |$)"
)
_CORRUPTED_IN = re.compile(r"stack is corrupted in:? (?P<symbol>[A-Za-z_][\w.]*)\+0x")
#: the processor was caught somewhere within a loop: what it had been sent to do is the same each time, not the place
_FROM_OUTSIDE = frozenset({"soft_lockup", "hard_lockup", "rcu_stall", "workqueue_lockup"})
#: whatever was called last found the stack full or overwritten: what is on it as a whole is the same each time
_STACK_USED_UP = frozenset({"stack_overflow", "stack_corruption"})
_RCU_WAIT = re.compile(r"synchronize_(?:rcu|sched|net)\w*|__wait_rcu_gp")
#: what a report that the kernel outlives is about, where one function may cause several
_WARNINGS = (
    (re.compile(r"(?:circular|recursive|irq) lock|inversion|inconsistent lock|lock order"), "deadlock"),
    (re.compile(r"suspicious (?:rcu|RCU)"), "rcu usage"),
    (re.compile(r"held lock freed"), "held lock freed"),
    (re.compile(r"sleeping function|scheduling while atomic"), "sleeps while atomic"),
    (re.compile(r"memory leak"), "memory leak"),
)
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
    #: the function that the hash is made of; empty where there is none
    frames: tuple[str, ...]
    #: made without a function, or of one that thousands call: two different defects may have it
    weak: bool

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "title": self.title,
            "hash": self.hash,
            "version": VERSION,
            "frames": list(self.frames),
            "weak": self.weak,
        }


def find_signature(crash: CrashBlock) -> Signature:
    """The signature of a crash; the same block always gives the same."""
    kind, place = _kind_words(crash), _blamed(crash)
    if place is not None:
        title = f"{kind} in {place.symbol}" + (f" [{place.module}]" if place.module else "")
        return Signature(
            title, _digest(kind, place.module or "", place.symbol), (place.symbol,), _says_little(crash, place)
        )
    stand_in = _stand_in(crash)
    return Signature(f"{kind}: {stand_in}" if stand_in else kind, _digest(kind, "", stand_in), (), True)


def _says_little(crash: CrashBlock, place: Place) -> bool:
    """Whether thousands call the function, and the log prints no caller of it."""
    return is_shared(place.symbol) and crash.kind not in ("sysrq", "hung_task")


def _blamed(crash: CrashBlock) -> Place | None:
    """The one function by which this crash is known; None where the log prints none."""
    if crash.kind in _NO_CODE:
        return None
    stack = own_stack(crash)
    telling = telling_places(crash, stack)
    corrupted = _CORRUPTED_IN.search(crash.panic_reason or crash.title)
    if corrupted is not None:
        # the function that wrote too far is the same each time; who called it need not be
        symbol = normalise_symbol(corrupted["symbol"])
        return next((place for place in telling if place.symbol == symbol), Place(symbol, None, crash.first_line))
    again = most_repeated(crash) if crash.kind == "stack_overflow" else None
    if again is not None:
        return next((place for place in telling if place.symbol == again[0]), None)
    if crash.kind in _STACK_USED_UP:
        return work_function(crash.workqueue) or find_outermost_sent(stack) or _last(telling)
    if crash.kind in _FROM_OUTSIDE:
        return find_sent_to_do(stack) or work_function(crash.workqueue) or _first(telling)
    if crash.kind == "hung_task":
        return next(filter(None, map(_waited_for, stack)), None) or _first(telling)
    named = _SANITIZER.search(crash.title)
    if named is not None and named["symbol"]:
        first = Place(normalise_symbol(named["symbol"]), normalise_module(named["module"]), crash.first_line)
        if not is_shared(first.symbol) and not is_reporting(first.symbol):
            return first
    return _first(telling)


def _first(places: Sequence[Place]) -> Place | None:
    return places[0] if places else None


def _last(places: Sequence[Place]) -> Place | None:
    return next((place for place in reversed(places) if not is_layer(place.symbol)), _first(places))


def _waited_for(place: Place) -> Place | None:
    """What a hung task waits for, where it is nothing of its own: everything else that waits for it is stuck too."""
    if _RCU_WAIT.fullmatch(place.symbol):
        return Place("synchronize_rcu", None, place.line_number)
    if is_shared(place.symbol) or is_entry(place.symbol) or is_reporting(place.symbol):
        return None
    return place


def _kind_words(crash: CrashBlock) -> str:
    found = _SANITIZER.search(crash.title)
    if found is None:
        doubt = next((words for pattern, words in _WARNINGS if pattern.search(crash.title)), "")
        return f"{crash.kind} {doubt}" if doubt and crash.kind == "warning" else crash.kind
    # until 4.5 KASan wrote the words apart
    what = found["what"].replace(" ", "-") if "KASan" in found[0] else found["what"]
    what = what.removeprefix("slab-") if "use-after-free" in what else what
    what = "invalid-free" if "free" in what and "use-after" not in what else what
    return f"{crash.kind} {what}"


def _stand_in(crash: CrashBlock) -> str:
    if crash.bug_at:
        # the line moves with every release, the file hardly ever
        file = crash.bug_at.rpartition(":")[0].rsplit("/./", 1)[-1]
        built = _KERNEL_FILE.search(file) if file[:1] == "/" else None
        file = built[1] if built is not None else file
        if crash.kind != "zfs_assert" or "PANIC at" in crash.title:
            return file
        # several assertions stand in one file, and their words are in the title
        return f"{file} {_NUMBER.sub('N', crash.title)}"[:120]
    words = crash.panic_reason or crash.title
    corrupted = _CORRUPTED_IN.search(words)
    if corrupted is not None:
        return f"stack corrupted in {normalise_symbol(corrupted['symbol'])}"
    begin = _WORDS_BEGIN.search(words)
    words = words if begin is None else words[begin.end() :].removesuffix(" ]")
    for pattern, instead in _NAMES:
        words = pattern.sub(instead, words)
    return " ".join(_NUMBER.sub("N", words).split())[:120]


def _digest(*parts: str) -> str:
    text = "\0".join((f"kdumpkit signature {VERSION}", *parts))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
