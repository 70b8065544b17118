"""The crash utility's second opinion: its answers to one batch of questions, kept as they are and read with care.

Its exit status is no verdict. Seen with crash 8.0.2: 0 with the symbols of another kernel and wrong function names
under one warning line; 0 with 4 tasks of 71 and "active task not found in PID hash" on Linux 6.1.192, with the right
symbols; stale frames after the first ones of a stack. So build ids are compared before it is started
(:func:`kdumpkit.analysis.symbols.check_symbols`), ``doubts`` says what of its answer not to trust, and
:mod:`kdumpkit.analysis.crash_comparison` holds it against drgn's.

From documents, not from a recording: a crash that is older than the kernel stops before its first question (of 9.0.2
with Linux 7.0: crash-utility/crash issue 232; with "cannot determine length of symbol": issue 74; with "invalid
structure member offset": issue 115), and PANIC of ``sys`` may go on over the lines that follow it in the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kdumpkit.analysis.sections.table import counted
from kdumpkit.command import Command
from kdumpkit.errors import VmcoreError

#: in the order of asking. The log comes last: it is the one that holds text of others' making
BATCH = ("sys", "bt", "mod", "ps", "log")
#: with the stacks of all CPUs and memory by use, which take some seconds more on a large machine
WHOLE_BATCH = ("sys", "bt", "bt -a", "mod", "ps", "kmem -i", "log")
_MARK = "kdumpkit section: "
_SYS_LINE = re.compile(r" *([A-Z][A-Z ]*): (.*)")
_FRAME = re.compile(r" *#\d+ \[[0-9a-f]+\] (\S+) at ([0-9a-f]+)(?: \[([^\]]+)\])?")
_TASK_HEAD = re.compile(r'PID: (\d+) +TASK: [0-9a-f]+ +CPU: (\d+) +COMMAND: "(.*)"')
_MEMORY_LINE = re.compile(r" *([A-Z][A-Z ]*[A-Z]) +(\d+) ")
#: what crash says where it does not know a structure or a variable of the kernel
_TOO_OLD = re.compile(
    r"invalid structure (?:member offset|size)|cannot determine length of symbol|cannot resolve|unknown (?:symbol|type)"
)
_PS_LINE = re.compile(r"[> ] *(\d+) +-?\d+ +\d+ +[0-9a-f]+ +[A-Z?]{2} ")
_MODULE_LINE = re.compile(r"[0-9a-f]{8,16} +(\S+) +[0-9a-f]{8,16} +\d+ ")
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class CrashFrame:
    """One frame of crash's ``bt``."""

    function: str
    address: str
    #: None: the kernel's own code
    module: str | None


@dataclass(frozen=True)
class CrashStack:
    """The stack of a task that was on a CPU, by crash's ``bt -a``."""

    cpu: int
    pid: int
    command: str
    frames: tuple[CrashFrame, ...]


@dataclass(frozen=True)
class CrashOutput:
    """What crash answered. Empty and None: it did not say."""

    #: each command's answer as text, by name; a command that gave none has no entry
    sections: dict[str, str]
    #: of ``sys``, by crash's own names, such as TASKS and PANIC
    system: dict[str, str] = field(default_factory=dict)
    pid: int | None = None
    cpu: int | None = None
    command: str | None = None
    frames: tuple[CrashFrame, ...] = ()
    #: of all CPUs, where ``bt -a`` was asked
    cpus: tuple[CrashStack, ...] = ()
    #: of ``kmem -i``, in pages, by crash's own names, such as FREE and SLAB
    memory_pages: dict[str, int] = field(default_factory=dict)
    #: tasks that ``ps`` lists, the idle task of each CPU left out
    tasks: int | None = None
    modules: tuple[str, ...] = ()
    #: crash's own warnings and errors
    warnings: tuple[str, ...] = ()
    #: which parts of the answer not to trust and why, one sentence each
    doubts: tuple[str, ...] = ()


def crash_command(
    vmcore: Path, vmlinux: Path, program: str = "crash", timeout_s: float = 600, batch: Sequence[str] = BATCH
) -> Command:
    """One batch. ``env`` keeps a ~/.crashrc and debuginfod out of it. Every exit status of crash itself is accepted.

    Flattened dumps are read in place, slowly: large ones are better put together with ``makedumpfile -R`` first.
    """
    asked = "".join(f'!echo "{_MARK}{name}"\n{name}\n' for name in batch) + "quit\n"
    argv = ("env", "-u", "DEBUGINFOD_URLS", "HOME=/nonexistent", program, "-s", str(vmlinux), str(vmcore))
    title = f"crash -s {vmlinux.name} {vmcore.name} ({', '.join(batch)})"
    return Command(argv, timeout_s=timeout_s, stdin=asked.encode(), accepted=(0, 1), title=title)


def parse_crash_output(
    output: bytes, hidden: Iterable[Path] = (), drgn_tasks: int | None = None, batch: Sequence[str] = BATCH
) -> CrashOutput:
    """Crash's answer, split into its commands.

    ``hidden`` are files that are shown by their name alone. ``drgn_tasks``: how many tasks drgn counted, for
    comparison. ``batch``: what it was asked, as given to :func:`crash_command`. Raises VmcoreError where crash did not
    come as far as its first command.
    """
    text = output[:_MOST_BYTES].decode("utf-8", "replace")
    for path in hidden:
        text = text.replace(str(path), path.name)
    before, sections = _split(text, batch)
    warnings = tuple(
        dict.fromkeys(_warnings(before + "\n" + "\n".join(sections.get(n, "") for n in batch if n != "log")))
    )
    if not any(body.strip() for body in sections.values()):
        raise _did_not_open(before)
    bt = sections.get("bt", "")
    head = _TASK_HEAD.search(bt)
    found = CrashOutput(
        sections=sections,
        system=_system(sections.get("sys", "")),
        pid=int(head[1]) if head else None,
        cpu=int(head[2]) if head else None,
        command=head[3] if head else None,
        frames=_frames(bt),
        cpus=_stacks(sections.get("bt -a", "")),
        memory_pages={m[1]: int(m[2]) for m in map(_MEMORY_LINE.match, sections.get("kmem -i", "").splitlines()) if m},
        tasks=_count_tasks(sections["ps"]) if "ps" in sections else None,
        modules=tuple(m[1] for m in map(_MODULE_LINE.match, sections.get("mod", "").splitlines()) if m),
        warnings=warnings,
    )
    return CrashOutput(**{**vars(found), "doubts": tuple(_doubts(found, drgn_tasks, batch))})


def _did_not_open(before: str) -> VmcoreError:
    said = next((line.removeprefix("crash: ") for line in before.splitlines() if line.startswith("crash: ")), "")[:300]
    if _TOO_OLD.search(said):
        return VmcoreError(
            f"crash does not know this kernel and stopped: {said}; the kernel is newer than this crash",
            "rely on drgn's answer, or build a newer crash: https://github.com/crash-utility/crash",
        )
    return VmcoreError(
        "crash did not open the dump" + (f": {said}" if said else ", and did not say why"),
        "see what drgn says of it: python -m kdumpkit.analysis.drgn_report VMCORE",
    )


def _system(text: str) -> dict[str, str]:
    # a line that names no field goes on with the one before: PANIC has been seen to swallow lines of the log
    found: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if match := _SYS_LINE.fullmatch(line):
            last = match[1]
            found[last] = match[2]
        elif last and line.strip():
            found[last] += f"\n{line}"
    return found


def _frames(text: str) -> tuple[CrashFrame, ...]:
    return tuple(CrashFrame(m[1], f"0x{m[2]}", m[3]) for m in map(_FRAME.match, text.splitlines()) if m)


def _stacks(text: str) -> tuple[CrashStack, ...]:
    heads = list(_TASK_HEAD.finditer(text))
    found = []
    for number, head in enumerate(heads):
        end = heads[number + 1].start() if number + 1 < len(heads) else len(text)
        found.append(CrashStack(int(head[2]), int(head[1]), head[3], _frames(text[head.end() : end])))
    return tuple(found)


def _split(text: str, batch: Sequence[str]) -> tuple[str, dict[str, str]]:
    # each command's mark is looked for after the one before it, so text that imitates an earlier mark changes nothing
    places, at = [], 0
    for name in batch:
        mark = f"{_MARK}{name}\n"
        found = text.find(mark, at) if text.startswith(mark, at) else text.find("\n" + mark, at)
        if found < 0:
            continue
        start = text.index(mark, found)
        places.append((name, start, start + len(mark)))
        at = start + len(mark) - 1
    sections = {}
    for number, (name, _, start) in enumerate(places):
        end = places[number + 1][1] if number + 1 < len(places) else len(text)
        sections[name] = text[start:end]
    return text[: places[0][1]] if places else text, sections


def _warnings(text: str) -> Iterable[str]:
    for line in text.splitlines():
        if line.startswith(("WARNING: ", "crash: ", "bt: ", "ps: ", "mod: ", "sys: ", "kmem: ")):
            yield line[:300]


def _count_tasks(ps: str) -> int:
    numbers = [match[1] for match in map(_PS_LINE.match, ps.splitlines()) if match]
    return sum(number != "0" for number in numbers)


def _doubts(found: CrashOutput, drgn_tasks: int | None, batch: Sequence[str]) -> Iterable[str]:
    warnings = "\n".join(found.warnings)
    if "version inconsistency" in warnings:
        yield (
            "crash found that vmlinux is not of this kernel's version and went on: function names in its answer are "
            "those of another build"
        )
    if "not found in PID hash" in warnings:
        yield "crash does not find the running tasks in its own list of tasks: do not use its ps and its TASKS count"
    if drgn_tasks is not None and found.tasks is not None and found.tasks < drgn_tasks:
        yield f"crash lists {counted(found.tasks, 'task')} and drgn {drgn_tasks}: crash lost the others"
    panic = found.system.get("PANIC", "")
    if len(panic.splitlines()) > 1 or "RIP:" in panic or panic.count('"') % 2:
        yield "the PANIC field of crash's sys holds more than the panic message: take the message from the log"
    missing = [name for name in batch if not found.sections.get(name, "").strip()]
    if missing:
        yield f"crash gave no answer to {', '.join(missing)}"
    if "bt" not in missing and not found.frames:
        yield "crash's bt shows no frame"
