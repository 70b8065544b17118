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
    ]


def harmless(text: str) -> None:
    """Raise AssertionError where anything of it got through into text or HTML."""
    assert CANARY not in text
    assert "[masked]" in text
    assert not [c for c in text if not c.isprintable() and c not in "\n\t"]
