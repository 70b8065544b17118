"""``mode: rollback``: what an earlier run changed on the host is taken back, stage by stage, the last one first."""

from __future__ import annotations

from kdumpkit.actions.apply import BACKUP_ROOT, apply_plan
from kdumpkit.actions.plan import Change, FileChange
from kdumpkit.actions.rollback import (
    HostFile,
    RecordedChange,
    change_from_json,
    check_taken_back,
    expected_after,
    paths_of,
    plan_rollback,
)
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.errors import FactNotCollected
from kdumpkit.evidence.rollback_source import TAKEN_BACK
from kdumpkit.facts.fingerprint import read_file_digests
from kdumpkit.facts.kexec_crash import read_kexec_crash
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.files import FileContent, read_files
from kdumpkit.runbook.earlier_runs import source_of_rollback
from kdumpkit.runbook.session import ROLLBACK_STAGES
from kdumpkit.runbook.stage import Stage, step
from kdumpkit.runbook.step import StepReport, plan_as_json

#: a file that is larger is none that the kit changes
_MAX_BYTES = 4 << 20
_ID = "rollback.taken_back"


class ChangingStage(Stage):
    """A stage that changes files, packages or services, and can take that back."""

    @step
    def roll_back(self) -> StepReport:
        """In ``mode: rollback``, what this stage changed in an earlier run is taken back; nothing in other modes.

        In ``mode: plan`` it is shown, where ``rollback_run`` names the run.
        """
        mode = self.parameters.mode
        if mode == "rollback" or (mode == "plan" and self.parameters.rollback_run):
            return _roll_back(self)
        return StepReport("Taking back", conclusion=f"mode is {mode}: nothing is taken back")


def _roll_back(stage: Stage) -> StepReport:
    # refused as a whole, with nothing changed, where somebody else has changed one of the files since
    title = "Taking back"
    source = source_of_rollback(stage.session)
    run_id, by = str(source["run_id"]), str(source["taken_back_by"])
    changes = [change_from_json(data) for data in source["changes"]]
    if not changes or by:
        nothing = f"run {run_id} changed nothing in this stage" if run_id else "no run has changed this host"
        reason = f"{nothing}." if not by else f"Run {by} has taken back what run {run_id} changed in this stage."
        return StepReport(title, findings=(Finding(_ID, Status.PASS, reason[0].upper() + reason[1:]),))
    only_shown = stage.parameters.mode == "plan"
    if not only_shown:
        stage.lock()
    files = _read(stage, changes)
    plan = plan_rollback(run_id, changes, files, stage.parameters.host)
    if only_shown:
        return StepReport(title, plan=plan, conclusion="mode is plan: nothing was changed")
    expected = expected_after(changes, files)
    stage.session.note("intent", {"what": "rollback", "run_id": run_id, "plan": plan_as_json(plan)})
    applied = apply_plan(stage.target, plan, backup_suffix=stage.session.run_id)
    stage.forget_survey()
    records: tuple[int, ...] = ()
    if expected:
        digests = read_file_digests(stage.target, tuple(expected))
        found = stage.known(digests)
        check_taken_back(expected, found.digests, stage.parameters.host)
        records = found.records
    stage.session.note(TAKEN_BACK, {"run_id": run_id})
    reason = f"What run {run_id} changed in this stage is taken back, {len(expected)} files byte for byte."
    facts = [("run that is taken back", run_id), *(("changed by it", change.what) for change in changes)]
    findings = (
        Finding(_ID, Status.PASS, reason, "", (*applied.records, *records)),
        *_reservation(stage),
        *_unfinished(run_id, [str(name) for name in source["unfinished"]]),
    )
    stays = list(plan.notes)
    if stage.name == ROLLBACK_STAGES[-1]:
        stays.append("dumps and kernels stay, and so do settings of removed packages until they are purged")
    done = tuple(_words(change) for change in plan.changes)
    conclusion = f"what stays: {'; '.join(stays)}" if stays else ""
    return StepReport(
        title,
        facts=tuple(facts),
        plan=plan,
        done=done,
        undo=applied.undo_lines,
        findings=findings,
        conclusion=conclusion,
    )


def _words(change: Change) -> str:
    return f"put {change.path} back" if isinstance(change, FileChange) else f"ran {change.command.shown()}"


def _read(stage: Stage, changes: list[RecordedChange]) -> dict[str, HostFile]:
    # digests are the host's own: the record of a content has secrets masked, and a replay would find another digest
    paths = paths_of(changes)
    if not paths:
        return {}
    found = stage.known(read_file_digests(stage.target, paths))
    states = read_files(stage.target, paths, max_bytes=_MAX_BYTES)
    files: dict[str, HostFile] = {}
    for path in paths:
        state = states[path]
        content = state.data if isinstance(state, FileContent) and not state.truncated else None
        digest = found.digests[path]
        if digest is not None and content is None:
            raise FactNotCollected(
                f"{stage.parameters.host}: {path} cannot be read, so nothing is taken back",
                f"on the host: ls -l {path}",
            )
        files[path] = HostFile(digest, content if digest is not None else None)
    return files


def _reservation(stage: Stage) -> tuple[Finding, ...]:
    if stage.name != "02-grub-crashkernel":
        return ()
    id = "rollback.reservation"
    kexec = read_kexec_crash(stage.target)
    size = kexec.size_bytes
    if isinstance(size, Unknown) and size.absent:
        return (Finding(id, Status.SKIP, "This kernel knows no reservation for a capture kernel.", "", kexec.records),)
    if isinstance(size, Unknown):
        return (unknown_finding(id, "how much this boot has reserved", size),)
    if size == 0:
        return (Finding(id, Status.PASS, "This boot has nothing reserved.", "", kexec.records),)
    reason = f"{size_text(size)} stay reserved for a capture kernel until the next boot."
    return (Finding(id, Status.WARN, reason, "reboot", kexec.records),)


def _unfinished(run_id: str, titles: list[str]) -> tuple[Finding, ...]:
    if not titles:
        return ()
    reason = (
        f"Run {run_id} was killed within `{', '.join(titles)}`: its last change there is not in the record, and may "
        "have been made."
    )
    remedy = f"find {BACKUP_ROOT}/{run_id} -type f, and compare each with the file that it is the original of"
    return (Finding("rollback.unfinished", Status.WARN, reason, remedy),)
