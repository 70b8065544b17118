"""Stage 02: one crashkernel= value, the right one, for the next boot."""

from __future__ import annotations

from typing import ClassVar

from kdumpkit.actions.boot_loader import compare_crashkernel, plan_crashkernel, verify_crashkernel
from kdumpkit.checks.crashkernel import check_crashkernel_configured
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.kernels import KernelsAsked, check_kernels_as_asked
from kdumpkit.distributions.answers import CrashkernelRecommendation, SizingFacts
from kdumpkit.facts.boot_loader import BootEntry
from kdumpkit.facts.crashkernel import requested_reservation
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown
from kdumpkit.runbook.reservation import check_reservation_as_wanted
from kdumpkit.runbook.rollback import ChangingStage
from kdumpkit.runbook.stage import step
from kdumpkit.runbook.step import StepReport


class GrubCrashkernel(ChangingStage):
    """Makes the boot loader ask for the reservation; nothing takes effect before the next boot."""

    name: ClassVar[str] = "02-grub-crashkernel"

    @step
    def read_reservation(self) -> StepReport:
        reservation = self.survey.reservation
        iomem, command_line = reservation.iomem, reservation.command_line
        facts = []
        if not isinstance(command_line, Unknown):
            values = command_line.values("crashkernel")
            facts.append(("asked for by this boot", " ".join(f"crashkernel={v}" for v in values) or "nothing"))
        if not isinstance(iomem, Unknown):
            facts.append(("System RAM", size_text(iomem.system_ram_bytes)))
            shown = ", ".join(f"{size_text(r.size_bytes)} at {r.start:#x}-{r.end:#x}" for r in iomem.crash_kernel)
            facts.append(("reserved in /proc/iomem", shown or "nothing"))
        size = reservation.kexec_crash.size_bytes
        facts.append(("reserved by /sys/kernel", size.sentence() if isinstance(size, Unknown) else size_text(size)))
        findings = check_reservation_as_wanted(
            reservation, None, self.uname.machine, self.survey.boot_loader, self.crashkernel_remedies(None)
        )
        # what this boot has is judged in stage 03; here it is only the starting point
        return StepReport("The reservation of the running kernel", facts=tuple(facts), conclusion=findings[-1].reason)

    @step
    def recommend_size(self) -> StepReport:
        recommended = self._recommendation()
        given = self.parameters.crashkernel
        value = given or recommended.value
        iomem = self.known(self.survey.iomem)
        request = requested_reservation(
            [word.removeprefix("crashkernel=") for word in value.split()],
            iomem.system_ram_bytes,
            self.uname.machine,
            self.distribution.crashkernel_auto(self.uname.machine),
        )
        self.keep(crashkernel_wanted=value, crashkernel_wanted_bytes=request.size_bytes)
        facts = (
            ("System RAM", size_text(iomem.system_ram_bytes)),
            (
                "the distribution's own value",
                f"{recommended.packaged_value} (here {size_text(recommended.packaged_bytes)})",
            ),
            ("recommended", f"crashkernel={recommended.value} ({size_text(recommended.size_bytes)})"),
            ("why", recommended.why),
            ("source", recommended.source),
            ("to be set", f"crashkernel={value}" + (" (the parameter crashkernel)" if given else " (as recommended)")),
        )
        return StepReport("Size", facts=facts, findings=(self._judge_size(value, recommended, request.total_bytes),))

    def _judge_size(self, value: str, recommended: CrashkernelRecommendation, size_bytes: int) -> Finding:
        name = "crashkernel.size"
        if size_bytes == 0:
            ram = size_text(self.known(self.survey.iomem).system_ram_bytes)
            reason = f"crashkernel={value} reserves nothing on a machine with {ram} of RAM"
            return Finding(name, Status.FAIL, reason, f"set crashkernel: {recommended.value}")
        if size_bytes < recommended.size_bytes:
            reason = (
                f"crashkernel={value} reserves {size_text(size_bytes)}, less than the "
                f"{size_text(recommended.size_bytes)} that are recommended: {recommended.why}"
            )
            return Finding(name, Status.WARN, reason, f"set crashkernel: {recommended.value}")
        return Finding(name, Status.PASS, f"crashkernel={value} reserves {size_text(size_bytes)} here")

    def _recommendation(self) -> CrashkernelRecommendation:
        iomem = self.known(self.survey.iomem)
        estimate = None
        command = self.distribution.estimate_command()
        if command is not None:
            result = self.target.run(command)
            estimate = result.text if result.ok else None
        facts = SizingFacts(
            iomem.system_ram_bytes,
            self.uname.machine,
            self.uname.release,
            self._files(),
            estimate,
            self.survey.el_machine,
        )
        return self.distribution.recommend_crashkernel(facts)

    @step
    def check_boot_loader(self) -> StepReport:
        boot_loader = self.survey.boot_loader
        title = "Which file decides"
        if isinstance(boot_loader, Unknown):
            return StepReport(title, findings=self._configured())
        facts = [(str(word.origin), word.text) for word in boot_loader.configured]
        facts += [(entry.title, _entry_words(entry)) for entry in boot_loader.entries]
        several = [entry for entry in boot_loader.entries if len(entry.values("crashkernel")) > 1]
        notes = [*boot_loader.notes]
        if several:
            notes.append(
                f"{len(several)} entries carry more than one crashkernel=; of plain values the kernel takes the last"
            )
        return StepReport(title, facts=tuple(facts), findings=self._configured(), conclusion="; ".join(notes))

    def _configured(self) -> tuple[Finding, ...]:
        survey, wanted = self.survey, self._wanted()
        return (
            check_crashkernel_configured(
                survey.boot_loader,
                survey.iomem,
                wanted=wanted,
                machine=self.uname.machine,
                remedies=self.crashkernel_remedies(wanted),
            ),
        )

    def _wanted(self) -> str | None:
        wanted = self.session.recall_value("crashkernel_wanted")
        return None if wanted is None else str(wanted)

    @step
    def change_boot_loader(self) -> StepReport:
        wanted = self._wanted() or self._recommendation().value
        plan = plan_crashkernel(self.distribution, self._files(), self.survey.boot_loader, wanted)
        return self.change("The change to the boot loader", plan, lambda: ())

    @step
    def read_back(self) -> StepReport:
        title = "Read back from the boot menu"
        boot_loader, wanted = self.survey.boot_loader, self._wanted()
        if self.applying and wanted is not None:
            verify_crashkernel(self.known(boot_loader), wanted, self.parameters.host)
        if isinstance(boot_loader, Unknown):
            return StepReport(title, findings=(*self._configured(), *self._kernels()))
        entries = compare_crashkernel(boot_loader, wanted or "").entries
        facts = tuple((entry.title, _entry_words(entry)) for entry in entries)
        return StepReport(title, facts=facts, findings=(*self._configured(), *self._kernels()))

    def _kernels(self) -> tuple[Finding, ...]:
        asked = KernelsAsked(
            self.parameters.default_kernel,
            # a boot is asked for by a run that changes the host, and by no other
            self.parameters.boot_once if self.applying else "",
            self.parameters.remove_kernel,
        )
        if not asked:
            return ()
        findings = (check_kernels_as_asked(self.survey.kernels, self.survey.boot_loader, asked),)
        self.close_gate(findings, "the reboot")
        return findings

    def _files(self) -> dict[str, bytes]:
        return self.survey.boot_loader_contents


def _entry_words(entry: BootEntry) -> str:
    values = " ".join(f"crashkernel={value}" for value in entry.values("crashkernel")) or "no crashkernel="
    return values + ("" if entry.counts else " (not counted: recovery or no Linux)")
