"""Stage 03: reboot under consent where the running kernel lacks the reservation, and look at what the new boot has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from kdumpkit.actions.reboot import trigger_reboot
from kdumpkit.actions.waiting import Progress, read_boot_sighting, wait_for_new_boot
from kdumpkit.checks.boot import check_rebooted
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.errors import GateClosed, HostNeverCameBack
from kdumpkit.facts.boot_id import MACHINE_ID, BootIdentity
from kdumpkit.facts.uname import read_uname
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.runbook.consent import consent_report
from kdumpkit.runbook.console import console_tail
from kdumpkit.runbook.figures import memory_map
from kdumpkit.runbook.reservation import check_reservation_as_wanted
from kdumpkit.runbook.stage import Stage, step
from kdumpkit.runbook.step import StepReport

#: seconds from shutdown to login that the progress shows as expected
EXPECTED_REBOOT_S = 60


class RebootCheck(Stage):
    """Reboots the host at most once."""

    name: ClassVar[str] = "03-reboot-check"

    @step
    def compare_before(self) -> StepReport:
        findings = check_reservation_as_wanted(
            self.survey.reservation,
            self.crashkernel_wanted,
            self.uname.machine,
            remedies=self.crashkernel_remedies(self.crashkernel_wanted),
        )
        once = self.parameters.boot_once
        other = bool(once) and once != self.uname.release
        needed = other or any(finding.status is Status.FAIL for finding in findings)
        self.keep(reboot_needed=needed)
        conclusion = "a reboot is needed" if needed else "this boot has it already: no reboot is needed"
        return StepReport(
            "The running kernel, before",
            facts=(
                (
                    "asked for",
                    f"crashkernel={self.crashkernel_wanted}"
                    if self.crashkernel_wanted
                    else "nothing by stage 02 in this run",
                ),
            ),
            findings=findings,
            conclusion=f"a reboot is needed, once into {once}" if other else conclusion,
        )

    @step
    def give_consent(self) -> StepReport:
        return consent_report(self, needed=bool(self.session.recall_value("reboot_needed")), deed="rebooted")

    @step
    def trigger_reboot(self) -> StepReport:
        title = "Reboot"
        if not self.session.recall_value("reboot_needed"):
            return StepReport(title, conclusion="not needed: this boot has what was asked for")
        if not self.applying:
            return StepReport(title, conclusion=f"mode is {self.parameters.mode}: nothing was rebooted")
        if self.session.attempted_before("intent", "reboot"):
            return StepReport(title, conclusion="an earlier attempt of this run asked for the reboot: not asked again")
        consent, boot = self.read_consent()
        self.lock()
        machine_id = "" if isinstance(boot.machine_id, Unknown) else boot.machine_id
        intent = {"what": "reboot", "boot_id": boot.boot_id, "machine_id": machine_id, "host": consent.nodename}
        self.session.note("intent", intent)
        result = trigger_reboot(self.target, consent)
        self.target.disconnect()
        self.keep(reboot_from_boot_id=boot.boot_id, reboot_triggered_at=result.started_at)
        return StepReport(title, facts=(("boot id before", boot.boot_id),), done=("the host reboots in one second",))

    @step
    def wait_for_return(self) -> StepReport:
        title = "Return"
        intents = [data for data in self.session.recall("intent") if data.get("what") == "reboot"]
        if not intents:
            return StepReport(title, conclusion="nothing was rebooted, so there is nothing to wait for")
        old_boot_id = str(intents[-1]["boot_id"])
        timeout_s = float(self.parameters.boot_timeout_s)

        def tell(progress: Progress) -> None:
            seen = progress.seen.split(" (")[0]
            self.session.tell_wait(f"reboot: the host {seen}", progress.elapsed_s, EXPECTED_REBOOT_S)

        try:
            back = wait_for_new_boot(
                lambda: read_boot_sighting(self.target),
                self.session.clock,
                old_boot_id,
                timeout_s,
                tell,
                host=self.parameters.host,
            )
        except HostNeverCameBack as error:
            error.hint += console_tail(self.session)
            self.session.note("outcome", {"what": "reboot", "came_back": False})
            raise
        self.session.note("outcome", {"what": "reboot", "came_back": True, "boot_id": back.boot_id})
        self.forget_boot()
        triggered_at = self.session.recall_value("reboot_triggered_at")
        took_s = back.back_at - float(triggered_at) if triggered_at else back.away_s
        self.keep(reboot_s=round(took_s, 1))
        findings = (
            Finding(
                "reboot.returned",
                Status.PASS,
                f"the host is back in another boot ({back.boot_id}) {took_s:.0f} s after the reboot was asked for",
            ),
            check_rebooted(_before(intents[-1]), self.survey.boot),
        )
        if findings[-1].status is Status.FAIL:
            self.keep_findings(findings)
            raise GateClosed(
                f"what answers for {self.parameters.host} is not the host that was asked to reboot: "
                f"{findings[-1].reason} Nothing more is done",
                f"look who has its address now: ssh-keyscan {self.parameters.ssh_destination or self.parameters.host}",
            )
        return StepReport(
            title,
            facts=(("boot id before", old_boot_id), ("boot id now", back.boot_id), ("back after", f"{took_s:.1f} s")),
            findings=findings,
        )

    @step
    def compare_reservation(self) -> StepReport:
        findings = check_reservation_as_wanted(
            self.survey.reservation,
            self.crashkernel_wanted,
            self.uname.machine,
            remedies=self.crashkernel_remedies(self.crashkernel_wanted),
        )
        return StepReport("The running kernel, now", findings=(*findings, *self._booted_as_asked()))

    def _booted_as_asked(self) -> tuple[Finding, ...]:
        once = self.parameters.boot_once
        if not once or not self.applying:
            return ()
        now = self.known(read_uname(self.target))
        if now.release == once:
            return (
                Finding("kernels.booted_once", Status.PASS, f"{once} runs, as asked for this boot", "", now.records),
            )
        reason = (
            f"{now.release} runs and not {once}, which was to be booted once: it did not come up, or was not chosen"
        )
        return (Finding("kernels.booted_once", Status.FAIL, reason, "journalctl --list-boots", now.records),)

    @step
    def plot_memory_map(self) -> StepReport:
        iomem = self.known(self.survey.iomem)
        return StepReport("Physical memory", figure=memory_map(iomem, self.parameters.host))


def _before(intent: Mapping[str, Any]) -> BootIdentity:
    # the boot that was asked to end, as far as the record of that tells it
    untold = Unknown(MACHINE_ID, Why.NOT_ANSWERED, "it was not told before the reboot")
    machine_id = str(intent.get("machine_id") or "")
    return BootIdentity(str(intent["boot_id"]), untold, machine_id or untold, untold)
