"""What a host that means harm, or that has had an accident, could put into any text."""

from __future__ import annotations

from kdumpkit.actions.plan import CommandChange, FileChange, Plan
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.command import command
from kdumpkit.runbook.step import Figure, StageResult, StepReport, Verbatim

CANARY = "Zq8CANARYx7"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;</pre></td>"
    f"\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J\x00\x08 user\u202egnp.exe\u2066 password={CANARY} {{{{ 7*7 }}}}"
)


def plan() -> Plan:
    return Plan(
        f"title {HOSTILE}",
        (
            FileChange(f"/etc/{HOSTILE}", f"old {HOSTILE}\n".encode(), f"new {HOSTILE}\n".encode()),
            FileChange("/etc/gone", b"x\n", None),
            CommandChange(command("echo", HOSTILE, stdin=HOSTILE.encode()), f"why {HOSTILE}"),
        ),
        notes=(f"note {HOSTILE}",),
    )


def report(**changes: object) -> StepReport:
    values: dict[str, object] = {
        "title": f"step {HOSTILE}",
        "facts": ((f"label {HOSTILE}", f"value {HOSTILE}"),),
        "findings": (Finding("a.b", Status.FAIL, f"reason {HOSTILE}", f"remedy {HOSTILE}", (1, -1, 3)),),
        "plan": plan(),
        "done": (f"done {HOSTILE}",),
        "undo": (f"undo {HOSTILE}",),
        "texts": (Verbatim(f"log {HOSTILE}", f"line {HOSTILE}\n"),),
        "conclusion": f"so {HOSTILE}",
    }
    return StepReport(**{**values, **changes})  # type: ignore[arg-type]


def result() -> StageResult:
    findings = tuple(Finding(f"of.{s.lower()}", s, f"reason {HOSTILE}", f"remedy {HOSTILE}") for s in Status)
    return StageResult("05-panic-test", f"web {HOSTILE}", "apply", "r1", Status.FAIL, findings, {"x": HOSTILE})


def stack_row(number: int, function: str, **changes: object) -> dict[str, object]:
    values = {"number": number, "function": function, "module": None, "place": "", "inline": False, "reliable": True}
    return {**values, "mark": "", "times": 1, "left_out_before": 0, **changes}


def call_stack() -> Figure:
    rows = [
        stack_row(0, "panic", place="kernel/panic.c:358"),
        stack_row(1, "asm_exc_page_fault", mark="exception"),
        stack_row(2, "_RNvNtCs1_" + "x" * 300, module="y" * 80, place="z" * 90 + ".rs:7", mark="died here"),
        stack_row(3, "kthread", inline=True, reliable=False, times=40),
        stack_row(90, "a program's own code", mark="program", left_out_before=47),
    ]
    return Figure("call-stack", "Stack of sh.", {"source": "dump", "rows": rows, "frames": 91, "words": "Stack of sh."})


def bars() -> list[Figure]:
    mib = 1 << 20
    states = [
        {"letter": "D", "meaning": "in uninterruptible sleep", "tasks": 1},
        {"letter": "S", "meaning": "sleeping", "tasks": 400},
        {"letter": "?", "meaning": "", "tasks": 2},
    ]
    uses = [
        {"name": name, "size_bytes": n * mib} for n, name in ((700, "free"), (100, "page cache (files)"), (3, "other"))
    ]
    composition = {
        "held_bytes": 90 * mib,
        "zero_bytes": 10 * mib,
        "left_out_bytes": 1900 * mib,
        "stored_bytes": 30 * mib,
    }
    composition |= {"total_bytes": 2000 * mib, "dump_level": 31, "compression": "zlib", "words": "w"}
    tasks = {"total": 403, "states": states, "longest_wait_s": None, "words": "403 tasks"}
    return [
        Figure("tasks-by-state", "403 tasks.", tasks),
        Figure("memory-by-use", "803 MiB.", {"total_bytes": 803 * mib, "uses": uses, "words": "803 MiB."}),
        Figure("dump-composition", "Of 2 GiB.", composition),
    ]


def figures() -> list[Figure]:
    gib = 1 << 30
    return [
        Figure(
            "memory-map",
            "Physical memory of web01: 4 GiB, of which 256 MiB are kept.",
            {
                "ranges": [
                    [4096, 3 * gib, "System RAM"],
                    [4 * gib, 5 * gib, "System RAM"],
                    [gib, gib + (256 << 20), "Crash kernel"],
                ]
            },
        ),
        Figure(
            "crash-timeline",
            "From the panic to the host's return: 71 s.",
            {"phases": [["connection lost", 0.0, 11.1], ["dump written", 19.6, 31.9], ["back", 31.9, 71.5]]},
        ),
        Figure(
            "log-timeline",
            "The last 60 s of the log.",
            {
                "begin_s": -60.0,
                "end_s": 0.0,
                "bins": [1, 2, 3] * 20,
                "lines": 120,
                "marks_left_out": 0,
                "marks": [[-9.5, "hang", "a task is blocked"], [0.0, "fatal", "a panic"]],
            },
        ),
        Figure("dump-space", "The dump fits.", {"bars": [["free", 3 * gib], ["dump", 20 << 20], ["memory", gib]]}),
        call_stack(),
        *bars(),
    ]


def harmless(text: str) -> None:
    """Raise AssertionError where anything of it got through into text or HTML."""
    assert CANARY not in text
    assert "[masked]" in text
    assert not [c for c in text if not c.isprintable() and c not in "\n\t"]
