"""The kernel used an address that is none: NULL, freed memory, garbage.

Source: arch/x86/mm/fault.c (show_fault_oops), arch/x86/kernel/traps.c (exc_general_protection),
arch/arm64/mm/fault.c, arch/powerpc/mm/fault.c, arch/s390/mm/fault.c, and include/linux/poison.h.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kdumpkit.analysis.cause.cause import Cause, Confidence, Evidence, NextStep, Origin
from kdumpkit.analysis.cause.pointers import PointerKind, PointerSense, explain_pointer
from kdumpkit.analysis.cause.scene import Scene
from kdumpkit.analysis.log.frames import parse_address

KINDS = frozenset({"null_deref", "paging_request", "gpf", "oops", "stack_segment"})

_FIRST_PAGE = 4096
_REGISTER = re.compile(r"\b(?P<name>[RE][A-Z0-9]{1,3}|[Xx]\d{1,2}|GPR\d\d) ?: ?(?P<value>[0-9a-f]{16})\b")
_STATE_REGISTERS = re.compile(r"(?:EFLAGS|RSP|RIP|CR\d|DR\d)")
_JUMP = re.compile(
    r"kernel tried to execute|instruction fetch|Bad RIP value|Unable to access opcode bytes|RIP: 0010:0x0\b"
)
_WROTE = re.compile(r"supervisor write access|\bon write\b|write to read-only memory")
_PROTECTED = re.compile(r"permissions violation|write to read-only memory|#PF: error_code\(0x0003\)")
_NOT_EXECUTABLE = re.compile(
    r"kernel tried to execute NX-protected page|SMEP|execute from non-executable memory|execute userspace"
)
_KASAN_NULL = re.compile(r"KASAN: (?:probably )?null-ptr-deref in range")
_KASAN_HINT = re.compile(r"^KASAN: |maybe for address|probably for non-canonical")
_CORRUPTION = re.compile(
    r"list_(?:add|del) corruption|Bad page state|Object already free|Freelist|Poison overwritten|Redzone|BUG kmalloc|"
    r"BUG: KASAN|BUG: KFENCE|refcount_t: |use-after-free|double free|stack-out-of-bounds"
)
_MEMORY_ERRORS = re.compile(
    r"EDAC .{0,40}\b(?:CE|UE)\b|Machine [Cc]heck (?:[Ee]vent|[Ee]xception)|\[Hardware Error\]|"
    r"[Cc]orrected (?:memory )?error"
)
_DEBUG_STEP = NextStep(
    "if it comes back, boot once with memory checks on (slower), so that the first wrong access is caught instead of "
    "the last: add this to the kernel's command line",
    "slub_debug=FZPU page_poison=1",
)
_MEMTEST = NextStep("test the machine's memory, and read its event log for corrected errors", "ipmitool sel elist")


def explain(scene: Scene) -> Cause | None:
    """What the bad pointer looked like, and whose code used it."""
    if scene.crash.kind == "null_deref" or scene.find(_KASAN_NULL, 1):
        return _null_pointer(scene)
    sense, source = _sense(scene)
    if sense is not None and sense.kind is PointerKind.NULL:
        return _null_pointer(scene)
    if scene.crash.kind == "oops" and sense is None:
        # die() without its cause: it need not have been an address
        return None
    return _bad_pointer(scene, sense, source)


def _null_pointer(scene: Scene) -> Cause:
    crash = scene.crash
    address = parse_address(crash.fault_address)
    jumped = crash.rip_symbol is None and bool(scene.find(_JUMP, 1))
    foreign = scene.foreign_module
    place = foreign or scene.blamed
    evidence = (*scene.at("fault_address", "rip_symbol", "comm"), *scene.of_stack(scene.telling, 3))
    if jumped:
        act = "The kernel called a function through a pointer that is NULL"
    else:
        verb = "wrote" if scene.find(_WROTE, 1) else "read"
        act = f"The kernel {verb} through a pointer that is NULL"
        if address and address < _FIRST_PAGE:
            act += f" (a field {address} bytes behind it)"
    where = scene.where(place)
    after = " The caller is where the pointer came from." if jumped and where else ""
    if foreign is not None and foreign.module is not None:
        letters = scene.module_letters.get(foreign.module, "")
        first = scene.blamed == foreign
        sentence = (
            f"{act}{where}. That module does not come with the kernel (taint {letters}): a defect of {foreign.module} "
            + ("is the cause to look at first." if first else "is the likeliest cause, as it called this code.")
        )
        return scene.cause(
            "null_pointer.out_of_tree",
            sentence,
            Confidence.LIKELY if first else Confidence.POSSIBLE,
            Origin.MODULE,
            evidence,
            scene.about_module(foreign.module),
            (f"a run without {foreign.module} that does not crash",),
        )
    sentence = f"{act}{where}: a defect of the kernel itself, triggered by {scene.who()}.{after}"
    steps = [scene.look_up(place)]
    raises = []
    if scene.foreign_modules:
        names = ", ".join(scene.foreign_modules[:6])
        sentence += f" Modules that do not come with the kernel were loaded ({names}); none is on this stack."
        raises.append(f"the same crash without {names}, which would clear them of it")
    confidence = Confidence.LIKELY if place is not None else Confidence.POSSIBLE
    return scene.cause("null_pointer.in_tree", sentence, confidence, Origin.KERNEL, evidence, steps, raises)


def _sense(scene: Scene) -> tuple[PointerSense | None, str]:
    """What the address says, and where it stands: the fault's own, or a register's."""
    printed = scene.crash.fault_address
    address = parse_address(printed)
    best: tuple[PointerSense, str] | None = None
    if address is not None:
        sense = explain_pointer(address, 32 if printed is not None and len(printed.removeprefix("0x")) == 8 else 64)
        best = sense, f"the address {printed}"
        if sense.kind not in (PointerKind.PLAIN, PointerKind.NON_CANONICAL, PointerKind.USER):
            return best
    for name, value in _registers(scene):
        sense = explain_pointer(value)
        if sense.kind in (PointerKind.FREED, PointerKind.LIST, PointerKind.UNINITIALISED):
            return sense, f"register {name} ({value:016x})"
    return best if best is not None else (None, "")


def _registers(scene: Scene) -> Iterator[tuple[str, int]]:
    for line in scene.crash.registers:
        for match in _REGISTER.finditer(line):
            if not _STATE_REGISTERS.fullmatch(match["name"]):
                yield match["name"], int(match["value"], 16)


def _bad_pointer(scene: Scene, sense: PointerSense | None, source: str) -> Cause:
    foreign = scene.foreign_module
    place = foreign or scene.blamed
    where = scene.where(place)
    corrupted = scene.before(_CORRUPTION, 3)
    memory_errors = scene.before(_MEMORY_ERRORS, 3)
    evidence = (
        *scene.at("fault_address", "rip_symbol", "comm"),
        *scene.find(_KASAN_HINT, 2),
        *scene.of_stack(scene.telling, 3),
        *_register_evidence(scene, source),
        *corrupted,
        *memory_errors,
    )
    rule, what, confidence, origin, steps = _story(scene, sense, source)
    if memory_errors and sense is not None and sense.kind in (PointerKind.ONE_BIT, PointerKind.NON_CANONICAL):
        what += " The machine had reported memory errors before, which makes failing memory the likelier cause."
        origin, confidence = Origin.HARDWARE, Confidence.LIKELY
    if corrupted:
        what += " The log shows damaged memory before this, of which this crash is the consequence."
        steps = [NextStep("begin with the first of those reports, not with this one"), *steps]
    if foreign is not None and foreign.module is not None and origin is Origin.KERNEL:
        letters = scene.module_letters.get(foreign.module, "")
        what += f" {foreign.module} on this stack does not come with the kernel (taint {letters}): look at it first."
        return scene.cause(
            f"{rule}.out_of_tree",
            f"{what}",
            confidence,
            Origin.MODULE,
            evidence,
            (*scene.about_module(foreign.module), *steps),
            (f"a run without {foreign.module} that does not crash",),
        )
    if not where:
        what += " The log prints no function for it."
    return scene.cause(rule, what, confidence, origin, evidence, [*steps, scene.look_up(place)])


def _story(
    scene: Scene, sense: PointerSense | None, source: str
) -> tuple[str, str, Confidence, Origin, list[NextStep]]:
    place = scene.foreign_module or scene.blamed
    where = scene.where(place)
    used = f"The kernel used a bad pointer{where}"
    if scene.find(_NOT_EXECUTABLE, 1):
        return (
            "bad_pointer.jump",
            f"The kernel jumped to memory that holds no kernel code{where}: a function pointer was overwritten, or "
            "belonged to code that is gone. An attempt to break in looks the same.",
            Confidence.POSSIBLE,
            Origin.KERNEL,
            [_DEBUG_STEP],
        )
    if scene.find(_PROTECTED, 1) and scene.find(_WROTE, 1):
        words = f"The kernel wrote to memory that it had protected against writing{where}: a wrong pointer."
        return "bad_pointer.read_only", words, Confidence.LIKELY, Origin.KERNEL, [_DEBUG_STEP]
    if sense is None:
        words = f"{used}; the log does not print its value, so what kind of bad pointer it was cannot be told."
        return "bad_pointer.unknown", words, Confidence.POSSIBLE, Origin.KERNEL, [_DEBUG_STEP]
    words = f"{used}: {source} holds {sense.words}."
    if sense.kind in (PointerKind.FREED, PointerKind.LIST):
        words = f"The kernel used memory after it had been given back{where}: {source} holds {sense.words}."
        return "bad_pointer.use_after_free", words, Confidence.LIKELY, Origin.KERNEL, [_DEBUG_STEP]
    if sense.kind is PointerKind.ERROR:
        words = f"The kernel took an error code for a pointer{where}: {source} is {sense.words}; a check is missing."
        return "bad_pointer.error_code", words, Confidence.LIKELY, Origin.KERNEL, []
    if sense.kind is PointerKind.ONE_BIT:
        words = f"{used}: {source} is {sense.words}."
        return "bad_pointer.one_bit", words, Confidence.POSSIBLE, Origin.HARDWARE, [_MEMTEST]
    if sense.kind is PointerKind.TEXT:
        return "bad_pointer.text", words, Confidence.LIKELY, Origin.KERNEL, [_DEBUG_STEP]
    unloaded = scene.crash.last_unloaded
    if sense.kind is PointerKind.PLAIN and scene.crash.rip_symbol is None and unloaded:
        words = (
            f"The kernel ran into memory where no code is any more: {source}. The module {unloaded} was removed "
            "before: something still called into it."
        )
        return "bad_pointer.unloaded_module", words, Confidence.POSSIBLE, Origin.KERNEL, []
    words = f"{used}: {source} is {sense.words}."
    return "bad_pointer.wild", words, Confidence.POSSIBLE, Origin.KERNEL, [_DEBUG_STEP, _MEMTEST]


def _register_evidence(scene: Scene, source: str) -> tuple[Evidence, ...]:
    if not source.startswith("register "):
        return ()
    value = source.partition("(")[2].rstrip(")")
    return scene.find(re.compile(re.escape(value)), 1)
