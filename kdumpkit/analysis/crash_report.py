"""What a drgn report says, typed. Reading one needs neither drgn nor the dump."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from kdumpkit import errors
from kdumpkit.analysis.sections import (
    SECTIONS,
    Section,
    SectionError,
    SectionTable,
    crashed_task,
    kernel_log,
    loaded_modules,
)
from kdumpkit.analysis.sections import panic as panic_section
from kdumpkit.analysis.sections import system as system_section
from kdumpkit.analysis.sections import tasks as tasks_section
from kdumpkit.errors import KdumpkitError, ParseError, VmcoreError

FORMAT = "kdumpkit drgn report 1"
#: the log's tail and the modules are bounded, so a report is some 100 kB
_MOST_BYTES = 64 << 20
#: titles of tables that people are shown in a form of their own
LOG_AND_STACK = frozenset({"The log's end", "Last words", "The crashed task"})

T = TypeVar("T")


@dataclass(frozen=True)
class DumpSummary:
    """Headers of the dump; None for what they do not say."""

    name: str
    size_bytes: int
    #: such as ``flattened kdump-compressed dump, version 6, zlib``
    kind: str
    machine: str | None
    release: str | None
    #: host name of the kernel that died
    node: str | None
    #: of uname: number and date of the build
    version: str | None
    cpus: int | None
    dump_level: int | None
    #: :class:`kdumpkit.vmcore.completeness.DumpState`
    state: str
    #: one sentence on how much of it is there
    state_reason: str
    pages: int | None
    pages_there: int | None
    #: one sentence where it is of another architecture than the machine that read it; "" where it is not
    architecture: str = ""
    #: one sentence on how a packed dump was unpacked; None: it was not packed
    unpacked: str | None = None


@dataclass(frozen=True)
class VmcoreinfoSummary:
    """What VMCOREINFO in the dump says; None for what it does not."""

    release: str | None
    build_id: str | None
    #: seconds since the epoch, by the clock of the kernel that died
    crash_time: int | None
    kaslr_offset: int | None
    page_size_bytes: int | None


@dataclass(frozen=True)
class SymbolsSummary:
    """``used`` false: no vmlinux was given. ``compared`` false: the dump has no build id to compare with."""

    used: bool
    compared: bool
    build_id: str | None
    reason: str


@dataclass(frozen=True)
class CrashReport:
    """One dump, read by drgn."""

    #: None: drgn did not open the dump
    drgn_version: str | None
    dump: DumpSummary
    #: None: the dump holds none
    vmcoreinfo: VmcoreinfoSummary | None
    symbols: SymbolsSummary
    #: by name; sections that this version of kdumpkit does not know are left out
    sections: Mapping[str, Any]

    def get(self, section: Section[T]) -> T | SectionError:
        """The answer of one section, or why there is none."""
        found: T | SectionError = self.sections.get(section.name, SectionError("the report does not have this section"))
        return found

    @property
    def log(self) -> kernel_log.LogTail | SectionError:
        return self.get(kernel_log.SECTION)

    @property
    def panic(self) -> panic_section.PanicMessage | SectionError:
        return self.get(panic_section.SECTION)

    @property
    def crashed_task(self) -> crashed_task.CrashedTask | SectionError:
        return self.get(crashed_task.SECTION)

    @property
    def tasks(self) -> tasks_section.TaskCounts | SectionError:
        return self.get(tasks_section.SECTION)

    @property
    def modules(self) -> loaded_modules.LoadedModules | SectionError:
        return self.get(loaded_modules.SECTION)

    @property
    def system(self) -> system_section.System | SectionError:
        return self.get(system_section.SECTION)

    def tables(self) -> Iterator[SectionTable]:
        """All answers for people; one sentence for a section that has none. The log's end comes last."""
        first, *others = SECTIONS
        for section in (*others, first):
            answer = self.get(section)
            if isinstance(answer, SectionError):
                yield SectionTable(
                    section.name.replace("_", " ").capitalize(), f"Not read: {answer.error.rstrip('.')}."
                )
            else:
                yield from section.describe(answer)

    def machine_tables(self) -> tuple[SectionTable, ...]:
        """The same without the log's end and the stack, and without sections that have no answer."""
        return tuple(
            table
            for section in SECTIONS
            if not isinstance(answer := self.get(section), SectionError)
            for table in section.describe(answer)
            if table.title not in LOG_AND_STACK
        )


def parse_drgn_report(document: bytes) -> CrashReport:
    """The report out of the JSON document that ``python -m kdumpkit.analysis.drgn_report`` printed.

    Where the document is that of a failure, raises the error that it tells of (NotAVmcore, VmcoreIncomplete,
    SymbolsMismatch, VmcoreError). Raises ParseError where it is no such document.
    """
    if not document.strip():
        raise VmcoreError(
            "the process that read the dump ended without an answer",
            "run it by hand and look at its exit status: python -m kdumpkit.analysis.drgn_report VMCORE",
        )
    if len(document) > _MOST_BYTES:
        raise ParseError(f"a drgn report of {len(document)} bytes is too long to be one")
    try:
        content = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"the drgn report is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ParseError(f"this JSON is not a drgn report: its format is not {FORMAT!r}")
    if isinstance(content.get("error"), dict):
        raise _raised(content["error"])
    try:
        sections = TypeAdapter(dict[str, dict[str, Any]]).validate_python(content.get("sections"))
        return CrashReport(
            drgn_version=TypeAdapter(str | None).validate_python(content.get("drgn")),
            dump=_typed(DumpSummary, content.get("dump")),
            vmcoreinfo=_typed(VmcoreinfoSummary, content["vmcoreinfo"]) if content.get("vmcoreinfo") else None,
            symbols=_typed(SymbolsSummary, content.get("symbols")),
            sections={
                section.name: _typed(SectionError if "error" in sections[section.name] else section.content, answer)
                for section in SECTIONS
                if (answer := sections.get(section.name)) is not None
            },
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ParseError(f"the drgn report is not understood: {error.title} {where}: {first['msg']}") from error


def _typed(kind: type[T], value: object) -> T:
    # through JSON once more, so that strict types still take lists for tuples
    return TypeAdapter(kind).validate_json(json.dumps(value), strict=True)


def _raised(said: dict[str, Any]) -> KdumpkitError:
    kind = getattr(errors, str(said.get("type")), VmcoreError)
    if not isinstance(kind, type) or not issubclass(kind, KdumpkitError):
        kind = VmcoreError
    error: KdumpkitError = kind(str(said.get("message", "")), str(said.get("hint", "")))
    return error
