"""What the six stages share: opening, steps that record themselves, plans that obey the mode, the result."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Concatenate, ParamSpec, Self, TypeVar

from kdumpkit.checks.finding import Finding, Status, finding_as_json, newest_findings, worst_status
from kdumpkit.errors import GateClosed, KdumpkitError
from kdumpkit.hosts.base import Host
from kdumpkit.parameters import Parameters
from kdumpkit.runbook.session import Session, open_session
from kdumpkit.runbook.step import StageResult, StepReport, plan_as_json

P = ParamSpec("P")
S = TypeVar("S", bound="Stage")


def step(method: Callable[Concatenate[S, P], StepReport]) -> Callable[Concatenate[S, P], StepReport]:
    """A stage's method as a step: its findings and plan are kept, and so is the error that ends it."""

    @functools.wraps(method)
    def recorded(self: S, *args: P.args, **options: P.kwargs) -> StepReport:
        self.session.begin_step(method.__name__.replace("_", "-"))
        try:
            report = method(self, *args, **options)
        except KdumpkitError as error:
            self.note_error(error)
            raise
        except Exception as error:
            self.session.note("error", {"type": type(error).__name__, "message": str(error), "exit_status": 1})
            raise
        self.findings.extend(report.findings)
        if report.findings:
            self.session.note("findings", {"findings": [finding_as_json(f) for f in report.findings]})
        if report.plan is not None:
            self.session.note("plan", {"plan": plan_as_json(report.plan), "done": list(report.done)})
        if report.undo:
            self.session.note("undo", {"commands": list(report.undo)})
        return report

    return recorded


class Stage:
    """One notebook's worth of steps on one host."""

    #: the notebook's name without its ending
    name: ClassVar[str]

    def __init__(self, session: Session) -> None:
        self.session = session
        self.findings: list[Finding] = []
        self.values: dict[str, Any] = {}

    @classmethod
    def open(cls, namespace: Mapping[str, object]) -> Self:
        """The stage with the parameters that the notebook's cells have set; checked at once."""
        stage = cls(open_session(cls.name, namespace))
        try:
            stage.prepare()
        except KdumpkitError as error:
            stage.note_error(error)
            raise
        return stage

    def prepare(self) -> None:
        """What must hold before any step; most stages need nothing."""

    @property
    def parameters(self) -> Parameters:
        return self.session.parameters

    @property
    def target(self) -> Host:
        return self.session.target

    @property
    def applying(self) -> bool:
        return self.parameters.mode == "apply"

    def keep(self, **values: Any) -> None:
        """Keep values for the stages that follow, and for the report."""
        self.values.update(values)
        self.session.note("values", {"values": values})

    def note_error(self, error: KdumpkitError) -> None:
        self.session.note(
            "error",
            {
                "type": type(error).__name__,
                "message": error.message,
                "hint": error.hint,
                "exit_status": error.exit_status,
            },
        )

    def close_gate(self, findings: tuple[Finding, ...], before: str) -> None:
        """Raise GateClosed where, in ``apply``, one of the findings is FAIL or UNKNOWN."""
        bad = [f for f in findings if f.status in (Status.FAIL, Status.UNKNOWN)]
        if bad and self.applying:
            # keep what closed the gate: the step itself does not come to its end
            self.findings.extend(findings)
            self.session.note("findings", {"findings": [finding_as_json(f) for f in findings]})
            reasons = "; ".join(f"{f.id} is {f.status}: {f.reason}" for f in bad)
            raise GateClosed(f"{before} is not done on {self.parameters.host}: {reasons}", bad[0].remedy)

    def result(self) -> StageResult:
        """The stage's end: the newest finding for each id and the worst of them. Kept in the record."""
        self.session.begin_step("result")
        result = StageResult(
            self.name,
            self.parameters.host,
            self.parameters.mode,
            self.session.run_id,
            worst_status(newest_findings(self.findings)),
            newest_findings(self.findings),
            dict(self.values),
        )
        self.session.note(
            "result",
            {"status": str(result.status), "findings": [finding_as_json(f) for f in result.findings]},
        )
        self.target.disconnect()
        return result
