"""What one notebook cell returns: facts, findings, a plan or what was done, words and a figure, ready to be shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kdumpkit.actions.plan import CommandChange, FileChange, Plan
from kdumpkit.checks.finding import Finding, Status


@dataclass(frozen=True)
class Verbatim:
    """Text from a host, shown as it is: a log, a stack, a diff."""

    title: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A figure as data: ``kind`` names the function in :mod:`kdumpkit.render.figures` that draws it.

    ``caption`` says in words what the picture shows; it is also the alternative text.
    """

    kind: str
    caption: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class StepReport:
    """The outcome of one step. Everything in it was read from a host or from a recording of one."""

    title: str
    #: label and value as shown, with its unit
    facts: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    #: what would be changed, or was
    plan: Plan | None = None
    #: what was done, in order; empty in ``check`` and ``plan``
    done: tuple[str, ...] = ()
    #: commands that take it back, in the order in which to type them
    undo: tuple[str, ...] = ()
    texts: tuple[Verbatim, ...] = ()
    figure: Figure | None = None
    #: one sentence: what this means, or what to do next
    conclusion: str = ""
    #: by hand only: the word that has to be typed, and who takes what is typed
    ask: str = ""
    answer: Callable[[str], None] | None = None


@dataclass(frozen=True)
class StageResult:
    """The machine-readable end of a notebook."""

    stage: str
    host: str
    mode: str
    run_id: str
    status: Status
    #: the newest finding for each id, in the order in which the ids first came
    findings: tuple[Finding, ...]
    #: values that later stages and the report go on with
    values: Mapping[str, Any] = field(default_factory=dict)


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """A plan as it is kept in the transcript: exact commands and file differences."""
    changes: list[dict[str, Any]] = []
    for change in plan.changes:
        if isinstance(change, FileChange):
            changes.append({"file": change.path, "diff": change.diff()})
        elif isinstance(change, CommandChange):
            undo = change.undo.shown() if change.undo else None
            changes.append({"command": change.command.shown(), "why": change.why, "undo": undo})
    return {"title": plan.title, "changes": changes, "reason_if_empty": plan.reason_if_empty, "notes": list(plan.notes)}
