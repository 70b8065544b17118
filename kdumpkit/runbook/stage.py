"""What the six stages share: opening, steps that record themselves, plans that obey the mode, the result."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Concatenate, ParamSpec, Self, TypeVar

from kdumpkit.actions.apply import Applied, Done, apply_plan, partly_applied
from kdumpkit.actions.consent import Consent, check_consent
from kdumpkit.actions.plan import CommandChange, Plan
from kdumpkit.actions.rollback import change_as_json
from kdumpkit.checks.crashkernel import CrashkernelRemedies
from kdumpkit.checks.finding import Finding, Status, finding_as_json, newest_findings, worst_status
from kdumpkit.distributions import Distribution, distribution_for, families
from kdumpkit.errors import (
    ConsentMissing,
    FactNotCollected,
    GateClosed,
    KdumpkitError,
    ParameterError,
    UnsupportedHost,
)
from kdumpkit.evidence.redact import cleaned
from kdumpkit.evidence.rollback_source import CHANGE
from kdumpkit.facts.boot_id import BootIdentity, read_boot_identity
from kdumpkit.facts.survey import Survey
from kdumpkit.facts.system import read_system
from kdumpkit.facts.uname import Uname
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host
from kdumpkit.parameters import Parameters
from kdumpkit.runbook.clock import utc
from kdumpkit.runbook.lock import lock_on_host, recorded_owner, unlock_on_host
from kdumpkit.runbook.session import OnWait, Session, open_session
from kdumpkit.runbook.step import StageResult, StepReport, plan_as_json

MODE_MEANING = {
    "check": "everything is read, nothing is changed",
    "plan": "every change is shown, nothing is changed",
    "apply": "changes are made",
    "rollback": "what an earlier run changed is taken back",
}

#: the steps that mode rollback does not leave out
_IN_ROLLBACK = ("summary", "roll-back")

P = ParamSpec("P")
S = TypeVar("S", bound="Stage")
T = TypeVar("T")


def step(method: Callable[Concatenate[S, P], StepReport]) -> Callable[Concatenate[S, P], StepReport]:
    """A stage's method as a step: its findings and plan are kept, and so is the error that ends it."""

    @functools.wraps(method)
    def recorded(self: S, /, *args: P.args, **options: P.kwargs) -> StepReport:
        name = method.__name__.replace("_", "-")
        self.session.begin_step(name)
        if self.session.interactive and name in self._steps_done:
            # a person runs a cell again because something was mended outside: look again
            self.forget_survey()
        self._steps_done.add(name)
        if self.parameters.mode == "rollback" and name not in _IN_ROLLBACK:
            return StepReport(name.replace("-", " ").capitalize(), conclusion="mode is rollback: this is left out")
        try:
            report = method(self, *args, **options)
        except (UnsupportedHost, FactNotCollected) as error:
            # what another boot loader or a read-only root keeps from being changed is no reason not to look at the rest
            if self.applying or (self.distribution.supported and not isinstance(error, UnsupportedHost)):
                self.fail(error)
                raise
            # nothing is changed here; what needs knowledge that the kit has not is not known, and the rest goes on
            finding = Finding(f"{name.replace('-', '_')}.known", Status.UNKNOWN, error.message, error.hint)
            report = StepReport(name.replace("-", " ").capitalize(), findings=(finding,))
        except KdumpkitError as error:
            self.fail(error)
            raise
        except KeyboardInterrupt:
            if not self.session.interactive:
                raise
            stopped = KdumpkitError(
                f"{name} was stopped by hand; what it had begun on {self.parameters.host} may still go on there",
                "run this cell again: it finds out how things stand",
            )
            self.note_error(stopped)
            raise stopped from None
        except Exception as error:
            try:
                self.session.note("error", {"type": type(error).__name__, "message": str(error), "exit_status": 1})
            finally:
                self.unlock()
            raise
        self.keep_findings(report.findings)
        if report.plan is not None or report.done:
            plan = plan_as_json(report.plan) if report.plan is not None else {"title": report.title}
            self.session.note("plan", {"plan": plan, "done": list(report.done)})
        if report.undo:
            self.session.note("undo", {"commands": list(report.undo)})
        return report

    return recorded


class Stage:
    """One notebook's worth of steps on one host."""

    #: the notebook's name without its ending
    name: ClassVar[str]
    #: its first step looks at the host as it is, so that is read from the moment on in which the host is known
    looks_at_host: ClassVar[bool] = True

    def __init__(self, session: Session) -> None:
        self.session = session
        self.findings: list[Finding] = []
        self.values: dict[str, Any] = {}
        #: what was given as consent: by the parameter, or where a person sits there, by typing it
        self.consent_text = "" if session.interactive else session.parameters.consent
        if session.replaying and not session.interactive and not self.consent_text:
            # what was typed when the record was made
            self.consent_text = next((str(data["given"]) for data in session.recall("consent")), "")
        self._survey: Survey | None = None
        self._locked = False
        self._steps_done: set[str] = set()

    @classmethod
    def open(cls, namespace: Mapping[str, object], on_wait: OnWait | None = None) -> Self:
        """The stage with the parameters that the notebook's cells have set, checked, and the host asked who it is.

        ``on_wait`` is told about waits where a person sits at the front end.
        """
        stage = cls(open_session(cls.name, namespace))
        stage.session.on_wait = on_wait
        stage.session.begin_step("open")
        try:
            stage.identify()
        except KdumpkitError as error:
            stage.fail(error)
            raise
        return stage

    def identify(self) -> None:
        """Ask the host what it is. Raises UnsupportedHost for a distribution that the kit does not know."""
        uname, os_release = read_system(self.target)
        self.uname: Uname = self.known(uname)
        self.distribution: Distribution = distribution_for(os_release)
        self._refuse_another_name()
        given = self.consent_text
        if self.applying and given and given.strip() != self.uname.nodename and not self.session.interactive:
            raise ConsentMissing(
                f"consent is for {given!r}, but the host calls itself {self.uname.nodename!r}; nothing was done",
                f"check that this is the right host, then set consent to {self.uname.nodename}",
            )
        if self.parameters.mode in ("apply", "rollback") and not self.distribution.supported:
            raise UnsupportedHost(
                f"{self.parameters.host} is {self.distribution.name}, which this version of the kit does not know; "
                f"{self.name} stops here and nothing was changed",
                f"mode: check reads what can be read on any Linux; changed are only: {', '.join(families())}",
            )
        if self.looks_at_host and self.parameters.mode != "rollback":
            self.survey.begin("kernel")

    def _refuse_another_name(self) -> None:
        # `host: web01` alone would tell of this machine as of web01, for transport is local where it is not named
        host, own = self.parameters.host, self.uname.nodename
        is_own = host == "localhost" or host.partition(".")[0] == own.partition(".")[0]
        if self.parameters.transport == "local" and not is_own:
            raise ParameterError(
                f"transport is local, which reads the machine that runs kdumpkit, and that calls itself {own}, "
                f"not {host}; nothing was read of {host}",
                f"transport: ssh reaches {host}; for this machine itself: host: {own}",
            )

    @step
    def summary(self) -> StepReport:
        """What this notebook is about to work with."""
        parameters = self.parameters
        by_hand = self.session.replaying and self.session.interactive
        reached = "on this machine" if parameters.transport == "local" else f"ssh {self._destination()}"
        return StepReport(
            f"{self.name} for {parameters.host}",
            facts=(
                ("run", f"{self.session.run_id}, this stage begun {utc(self.session.begin.started_at)}"),
                ("host", f"{self.uname.nodename}, {reached}"),
                ("system", f"{self.distribution.name}, kernel {self.uname.release}, {self.uname.machine}"),
                ("mode", f"{parameters.mode}: {MODE_MEANING[parameters.mode]}"),
                *((("replay", "no host is reached: every answer is that of the recorded run"),) if by_hand else ()),
            ),
        )

    def _destination(self) -> str:
        return self.parameters.ssh_destination or self.parameters.host

    @property
    def parameters(self) -> Parameters:
        return self.session.parameters

    @property
    def target(self) -> Host:
        return self.session.target

    @property
    def applying(self) -> bool:
        return self.parameters.mode == "apply"

    @property
    def survey(self) -> Survey:
        """The facts about the host, each read when first asked for, and again after a change."""
        if self._survey is None:
            request = self.distribution.survey_request(self.uname.release)
            self._survey = Survey(self.target, request, uname=self.uname)
        return self._survey

    @property
    def service_unit(self) -> str:
        """The unit that loads the capture kernel; "" on a host whose distribution the kit does not know."""
        return self.distribution.kdump_service().unit if self.distribution.supported else ""

    @property
    def crashkernel_wanted(self) -> str | None:
        """The value that stage 02 made ready in this run; else the parameter's, else None: any reservation will do."""
        return self.session.recall_value("crashkernel_wanted") or self.parameters.crashkernel or None

    def crashkernel_remedies(self, value: str | None) -> CrashkernelRemedies:
        """Lines to paste on this host; empty where the kit does not know its distribution or no value is wanted."""
        if not self.distribution.supported:
            return CrashkernelRemedies()
        set_value = self._crashkernel_remedy(value) if value else ""
        auto = self.distribution.crashkernel_auto(self.uname.machine)
        return CrashkernelRemedies(self.distribution.regenerate_remedy(), set_value, auto)

    def _crashkernel_remedy(self, value: str) -> str:
        try:
            self.distribution.edit_crashkernel(self.survey.boot_loader_contents, value)
        except UnsupportedHost as error:
            # another boot loader than the family's own decides
            return error.hint
        except KdumpkitError:
            # said where the change itself is planned
            pass
        return self.distribution.crashkernel_remedy(value)

    def forget_survey(self) -> None:
        """The host was changed, or another boot of it runs: read the facts again when next asked."""
        if self._survey is not None:
            self._survey.settle()
        self._survey = None

    def known(self, fact: T | Unknown) -> T:
        """The fact; raises FactNotCollected where it could not be read and nothing can go on without it."""
        if isinstance(fact, Unknown):
            raise FactNotCollected(f"{self.parameters.host}: {fact.sentence()}", fact.look_again())
        return fact

    def keep(self, **values: Any) -> None:
        """Keep values for the stages that follow, and for the report."""
        self.values.update(values)
        self.session.note("values", {"values": values})

    def keep_findings(self, findings: tuple[Finding, ...]) -> None:
        """Keep findings in the record, so that they count even where the step ends in an error."""
        self.findings.extend(findings)
        if findings:
            self.session.note("findings", {"findings": [finding_as_json(f) for f in findings]})

    def fail(self, error: KdumpkitError) -> None:
        """Keep the error that ends a step, and give the lock on the host back."""
        self.forget_survey()
        try:
            self.note_error(error)
        finally:
            # the record may be what failed, as on a full disk
            self.unlock()

    def note_error(self, error: KdumpkitError) -> None:
        """Keep the error that ends a step."""
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
            self.keep_findings(findings)
            reasons = "; ".join(f"{f.id} is {f.status}: {f.reason}" for f in bad)
            raise GateClosed(f"{before} is not done on {self.parameters.host}: {reasons}", bad[0].remedy)

    def change(self, title: str, plan: Plan, recheck: Callable[[], tuple[Finding, ...]]) -> StepReport:
        """A plan shown, and in ``apply`` carried out and read back by ``recheck``."""
        if not plan.changes:
            return StepReport(title, plan=plan, findings=recheck())
        if self.parameters.mode == "check":
            count = f"{len(plan.changes)} change{'s' if len(plan.changes) > 1 else ''}"
            return StepReport(title, conclusion=f"{plan.title}: {count} would be needed; mode plan shows them")
        if not self.applying:
            return StepReport(title, plan=plan, conclusion="mode is plan: nothing was changed")
        self.lock()
        self.session.note("intent", {"what": "change", "plan": plan_as_json(plan)})
        try:
            applied = apply_plan(self.target, plan, backup_suffix=self.session.run_id, on_done=self._note_change)
        except KdumpkitError as error:
            partly = partly_applied(error)
            if partly is not None and partly.undo_lines:
                self.session.note("undo", {"commands": list(partly.undo_lines)})
            raise
        self.forget_survey()
        return StepReport(title, plan=plan, done=_done_lines(applied), undo=applied.undo_lines, findings=recheck())

    def _note_change(self, done: Done) -> None:
        # on disk before the next change is made: mode rollback works from this alone
        self.session.note(CHANGE, {"change": change_as_json(done)})

    def lock(self) -> None:
        """Take the lock on the host for this run, unless this stage has it."""
        if self._locked:
            return
        owner = recorded_owner(self.session.recorded, self.session.run_id)
        lock_on_host(self.target, self.session.run_id, owner)
        self._locked = True

    def forget_boot(self) -> None:
        """Another boot of the host runs: what was read is old, and the lock went with /run."""
        self._locked = False
        self.forget_survey()

    def unlock(self) -> None:
        """Give the lock back; a host that cannot be reached loses it with its next boot."""
        if self._locked:
            self._locked = False
            try:
                unlock_on_host(self.target, self.session.run_id)
            except KdumpkitError:
                return

    def read_consent(self, there: BootIdentity | None = None) -> tuple[Consent, BootIdentity]:
        """Consent for this boot of this host, or ConsentMissing with the reason.

        ``there`` is that boot, where it was read a moment ago.
        """
        there = there or self.known(read_boot_identity(self.target))
        here = self.known(read_boot_identity(self.session.here))
        nodename = self.known(there.nodename)
        try:
            consent = check_consent(self.consent_text, nodename, there.boot_id, here.boot_id)
        except ConsentMissing as error:
            if self.session.interactive and there.boot_id != here.boot_id:
                error.hint = f"type {cleaned(nodename)} into the field of the cell above, then run this cell again"
            raise
        self.session.note("consent", {"given": self.consent_text, "boot_id": there.boot_id})
        return consent, there

    def give_consent_text(self, text: str) -> None:
        """What a person typed into the consent field."""
        self.consent_text = text

    def result(self) -> StageResult:
        """The stage's end: the newest finding for each id and the worst of them. Kept in the record."""
        self.session.begin_step("result")
        self.forget_survey()
        self.unlock()
        result = StageResult(
            self.name,
            self.parameters.host,
            self.parameters.mode,
            self.session.run_id,
            worst_status(newest_findings(self.findings)),
            newest_findings(self.findings),
            self.session.values_of_steps_left_out(self._steps_done) | self.values,
        )
        self.session.note(
            "result",
            {"status": str(result.status), "findings": [finding_as_json(f) for f in result.findings]},
        )
        self.target.release()
        return result


def _done_lines(applied: Applied) -> tuple[str, ...]:
    lines = []
    for done in applied.done:
        if isinstance(done.change, CommandChange):
            took = f", {done.result.duration_s:.1f} s" if done.result is not None else ""
            lines.append(f"ran {done.change.command.shown()}{took}")
        else:
            lines.append(f"wrote {done.change.path}")
        lines += [f"kept the original of it as {backup}" for backup in done.backups]
    return tuple(lines)
