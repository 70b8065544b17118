"""What a rule looks at: the crash, what the log has around it, and the dump's report where there is one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kdumpkit.analysis.cause.cause import Cause, Confidence, Evidence, NextStep, Origin
from kdumpkit.analysis.cause.processors import own_work
from kdumpkit.analysis.crash_report import CrashReport
from kdumpkit.analysis.crashing_frame import crashing_number
from kdumpkit.analysis.kernel_origin import KernelOrigin, changelog_command, find_origin
from kdumpkit.analysis.log.excerpt import LINES_BEFORE, Excerpt
from kdumpkit.analysis.log.model import CrashBlock, Severity
from kdumpkit.analysis.places import (
    Place,
    normalise_symbol,
    own_stack,
    telling_places,
)
from kdumpkit.analysis.sections.section import SectionError
from kdumpkit.analysis.signature import find_signature

#: an out-of-tree, proprietary or force-loaded module
_FOREIGN_LETTERS = frozenset("OPF")
_MODULE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_HYPERVISOR = re.compile(
    r"KVM|VMware|Hyper-V|Xen|QEMU|VirtualBox|HVM domU|Amazon EC2|Google Compute|Standard PC|RHEV|dummy-virt"
)
_MOST_EVIDENCE = 12
#: so long before a crash, another report may have to do with it
_SHORTLY_S = 600.0


@dataclass(frozen=True)
class Scene:
    """One crash with its surroundings."""

    crash: CrashBlock
    #: reports of the same log before this one
    earlier: tuple[CrashBlock, ...] = ()
    excerpt: Excerpt = field(default_factory=Excerpt)
    report: CrashReport | None = None

    @property
    def on_hypervisor(self) -> bool:
        """Whether the machine's name is that of a virtual one; False too where the log does not print it."""
        return _HYPERVISOR.search(self.crash.hardware_name or "") is not None

    # --- what is known of the place ---

    @cached_property
    def stack(self) -> tuple[Place, ...]:
        """As :func:`kdumpkit.analysis.places.own_stack`; the dump's where the log prints none that tells."""
        printed = own_stack(self.crash)
        if telling_places(self.crash, printed):
            return printed
        return self._stuck_stack or self._dump_stack() or printed

    @cached_property
    def _stuck_stack(self) -> tuple[Place, ...]:
        """What the processor that the report is about was at: another one may have found it stuck, and panicked."""
        cpus = getattr(self.of_dump("cpus"), "cpus", ())
        if self.crash.severity is not Severity.HANG or self.crash.cpu is None:
            return ()
        return next((own_work(cpu.frames) for cpu in cpus if cpu.cpu == self.crash.cpu and not cpu.idle), ())

    def _dump_stack(self) -> tuple[Place, ...]:
        task = self.of_dump("crashed_task")
        frames = getattr(task, "frames", ())
        below = frames[crashing_number(frames) or 0 :]
        return tuple(
            Place(normalise_symbol(frame.function), None if frame.module == "kernel" else frame.module, 0)
            for frame in below
            if frame.function
        )

    @cached_property
    def telling(self) -> tuple[Place, ...]:
        """As :func:`kdumpkit.analysis.places.telling_places`."""
        return telling_places(self.crash, self.stack)

    @property
    def blamed(self) -> Place | None:
        """The function where the defect shows; None where the log prints none."""
        return self.telling[0] if self.telling else None

    @cached_property
    def foreign_module(self) -> Place | None:
        """The innermost place, near to the fault, in a module that does not come with the kernel; None: none is."""
        return next((place for place in self.telling[:6] if place.module and self.is_foreign(place.module)), None)

    @cached_property
    def module_letters(self) -> dict[str, str]:
        """The taint letters of each module that the log or the dump gives some."""
        letters = {name.replace("-", "_"): value for name, value in self.crash.module_taints.items()}
        modules = None if self.report is None else self.report.modules
        if modules is not None and not isinstance(modules, SectionError):
            letters |= {m.name.replace("-", "_"): m.taint for m in modules.modules if m.taint}
        return letters

    def is_foreign(self, module: str) -> bool:
        """Whether a module is out of tree or proprietary by its taint letters."""
        return bool(_FOREIGN_LETTERS & set(self.module_letters.get(module, "")))

    @cached_property
    def foreign_modules(self) -> tuple[str, ...]:
        """All out-of-tree or proprietary modules that were loaded, by name."""
        return tuple(sorted(name for name in self.module_letters if self.is_foreign(name)))

    @cached_property
    def origin(self) -> KernelOrigin | None:
        """Who built the kernel; None where the log does not name the release."""
        return find_origin(self.crash.kernel_release, self.crash.kernel_version or "")

    def of_dump(self, name: str) -> Any:
        """A section of the dump's report; None where there is none, or where it could not be read.

        A section that this version does not know is None as well, so a rule asks for attributes with a default.
        """
        found = None if self.report is None else self.report.sections.get(name)
        return None if isinstance(found, SectionError) else found

    # --- words ---

    def where(self, place: Place | None = None) -> str:
        """``in widget_put() of the module widget``; empty where the log prints no function."""
        place = place or self.blamed
        if place is None:
            return ""
        source = self._source_of(place)
        module = f" of the module {place.module}" if place.module else ""
        return f" in {place.symbol}(){module}{source}"

    def _source_of(self, place: Place) -> str:
        for stack in (self.of_dump("crashed_task"), *getattr(self.of_dump("cpus"), "cpus", ())):
            for frame in getattr(stack, "frames", ()):
                if frame.function == place.symbol and frame.source_file:
                    return f" ({frame.source_file}:{frame.line})"
        return ""

    def who(self) -> str:
        """``task bash (pid 458)``; ``the kernel`` where no task is named."""
        if not self.crash.comm:
            return "the kernel"
        pid = f" (pid {self.crash.pid})" if self.crash.pid is not None else ""
        return f"task {self.crash.comm}{pid}"

    # --- evidence ---

    def at(self, *fields: str) -> tuple[Evidence, ...]:
        """The lines that fields of the crash rest on, each once, in the order of the log; title first of all."""
        numbers = [self.crash.first_line]
        numbers += [self.crash.line_numbers[name] for name in fields if name in self.crash.line_numbers]
        return self.lines(numbers)

    def lines(self, numbers: Iterable[int]) -> tuple[Evidence, ...]:
        """Lines of the log by number; what the excerpt does not hold is told by the title alone."""
        found = []
        for number in sorted(set(numbers)):
            line = self.excerpt.line(number)
            if line is not None:
                found.append(Evidence("log", number, line.text))
            elif number == self.crash.first_line:
                found.append(Evidence("log", number, self.crash.title))
        return tuple(found)

    def find(self, pattern: re.Pattern[str], limit: int = 4, *, before: int | None = None) -> tuple[Evidence, ...]:
        """The last lines of the excerpt in which the pattern is found."""
        found = self.excerpt.find(pattern, before=before, limit=limit)
        return tuple(Evidence("log", line.number, line.text) for line in found)

    def before(self, pattern: re.Pattern[str], limit: int = 4) -> tuple[Evidence, ...]:
        """The same, of the lines before the crash's own report."""
        return self.find(pattern, limit, before=self.crash.first_line)

    def of_stack(self, places: Iterable[Place], limit: int = 4) -> tuple[Evidence, ...]:
        """The lines of a few places on the stack."""
        shown = list(places)[:limit]
        if shown and not any(place.line_number for place in shown):
            names = " < ".join(place.symbol for place in shown)
            section = "cpus" if self._stuck_stack else "crashed_task"
            return (Evidence(f"dump: {section}", None, f"on its stack: {names}"),)
        return self.lines([place.line_number for place in shown if place.line_number])

    # --- a cause ---

    def cause(
        self,
        rule: str,
        sentence: str,
        confidence: Confidence,
        origin: Origin,
        evidence: Iterable[Evidence] = (),
        steps: Iterable[NextStep] = (),
        raises: Iterable[str] = (),
    ) -> Cause:
        """A cause, with the title as the first evidence and what every cause would be surer by."""
        if origin in (Origin.KERNEL, Origin.MODULE) and self.crash.severity >= Severity.HANG:
            sentence, confidence = self._with_history(sentence, confidence, origin)
        before = self._reports_before() if confidence is not Confidence.CERTAIN else ()
        if before:
            named = find_signature(before[-1]).title
            sentence += (
                f" Shortly before, the kernel had reported something else: {named} (line {before[-1].first_line})."
            )
        evidence = (*evidence, *self.lines(block.first_line for block in before))
        own = {(e.source, e.line, e.text): e for e in (*self.at(), *evidence)}
        ordered = sorted(own.values(), key=lambda e: (e.line is None, e.line or 0))
        return Cause(
            rule,
            " ".join(sentence.split()),
            confidence,
            origin,
            tuple(ordered[:_MOST_EVIDENCE]),
            tuple(step for step in steps if step.text),
            tuple(raises) + (() if confidence is Confidence.CERTAIN else self._general_raises()),
        )

    def _with_history(self, sentence: str, confidence: Confidence, origin: Origin) -> tuple[str, Confidence]:
        """What the taint says of the time before: an earlier death makes this one a consequence."""
        letters = self.crash.tainted or ""
        if "D" in letters or (self.crash.oops_number or 1) > 1:
            sentence += (
                " The kernel had died once before (taint D): this may be the consequence, so look at that first."
            )
            confidence = Confidence.POSSIBLE if confidence is not Confidence.UNKNOWN else confidence
        elif "M" in letters:
            sentence += " A machine check was seen before (taint M): failing hardware is as likely."
            confidence = Confidence.POSSIBLE if confidence is not Confidence.UNKNOWN else confidence
        elif "B" in letters:
            sentence += " Damaged memory was found before (taint B): begin with that report."
        foreign = "".join(letter for letter in letters if letter in _FOREIGN_LETTERS)
        if foreign and not self.module_letters and origin is not Origin.MODULE:
            sentence += (
                f" A module that does not come with the kernel was loaded (taint {foreign}); the log does not say"
            )
            sentence += " which."
        return sentence, confidence

    def _reports_before(self) -> tuple[CrashBlock, ...]:
        """The last reports before the crash, near enough to have to do with it; never more than three."""
        crash = self.crash
        near = []
        for block in self.earlier:
            if block.severity is Severity.NOTE or crash.first_line - block.last_line > LINES_BEFORE:
                continue
            if block.time_s is None or crash.time_s is None or 0 <= crash.time_s - block.time_s <= _SHORTLY_S:
                near.append(block)
        return tuple(near[-3:])

    def _general_raises(self) -> tuple[str, ...]:
        raises = []
        task = None if self.report is None else self.report.crashed_task
        if task is None or isinstance(task, SectionError):
            raises.append("the dump with matching debug symbols: source lines, arguments and all other tasks")
        raises.append("a second crash with the same signature, here or on another host")
        return tuple(raises)

    # --- next steps that several rules share ---

    def look_up(self, place: Place | None = None) -> NextStep:
        """Look for a fix in newer kernels of the same builder."""
        place = place or self.blamed
        if place is not None and place.module is not None and self.is_foreign(place.module):
            # the distribution's changes do not tell of a module of others' making; a step without words is left out
            return NextStep("")
        if place is None:
            return NextStep("update to the newest kernel of this series, and see whether the crash comes back")
        command = "" if self.origin is None else changelog_command(self.origin, place.symbol)
        return NextStep(
            f"look for a fix: search the distribution's bug tracker and the changes of newer kernels for "
            f"{place.symbol}, then update",
            command,
        )

    def about_module(self, module: str) -> tuple[NextStep, ...]:
        """Whose a module is, its version, and what to do about it."""
        if not _MODULE_NAME.match(module):
            return ()
        return (
            NextStep(f"see whose {module} is and which version", f"modinfo {module} | head -n 12"),
            NextStep(
                f"update {module} to a version that its maker supports on this kernel, or take it out and see whether "
                "the crash comes back; report the log to its maker, not to the distribution"
            ),
        )
