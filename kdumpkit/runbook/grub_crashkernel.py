"""Stage 02: one crashkernel= value, the right one, for the next boot."""

from __future__ import annotations

import re
from typing import ClassVar

from kdumpkit.actions.boot_loader import plan_crashkernel, verify_crashkernel
from kdumpkit.checks.crashkernel import check_crashkernel_configured
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.distributions.answers import CrashkernelRecommendation, ReadBack
from kdumpkit.facts.crashkernel import requested_reservation
from kdumpkit.facts.grub_cfg import default_entry
from kdumpkit.facts.survey import read_reservation
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.files import FileContent, read_files
from kdumpkit.runbook.reservation import check_reservation_as_wanted
from kdumpkit.runbook.stage import Stage, step
from kdumpkit.runbook.step import StepReport

#: a generated grub.cfg is read up to this size
GENERATED_BYTES = 4 << 20
_PACKAGED = re.compile(rb"crashkernel=([^\s\"']+)")


class GrubCrashkernel(Stage):
    """Makes the boot loader ask for the reservation; nothing takes effect before the next boot."""

    name: ClassVar[str] = "02-grub-crashkernel"

    @step
    def read_reservation(self) -> StepReport:
        reservation = read_reservation(self.target)
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
        findings = check_reservation_as_wanted(reservation, None, self.uname.machine, self.survey.grub_defaults)
        # what this boot has is judged in stage 03; here it is only the starting point
        return StepReport("The reservation of the running kernel", facts=tuple(facts), conclusion=findings[-1].reason)

    @step
    def recommend_size(self) -> StepReport:
        recommended = self._recommendation()
        given = self.parameters.crashkernel
        value = given or recommended.value
        iomem = self.known(self.survey.iomem)
        request = requested_reservation((value,), iomem.system_ram_bytes, self.uname.machine)
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
        return StepReport("Size", facts=facts, findings=(self._judge_size(value, recommended, request.size_bytes),))

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
        packaged = None
        for path, content in self._files(self.distribution.boot_loader_files().settings).items():
            found = _PACKAGED.findall(content)
            if found and "kdump" in path and "kdumpkit" not in path:
                packaged = found[-1].decode("ascii", "replace")
        return self.distribution.recommend_crashkernel(iomem.system_ram_bytes, self.uname.machine, packaged)

    @step
    def check_boot_loader(self) -> StepReport:
        survey = self.survey
        facts = []
        if not isinstance(survey.grub_defaults, Unknown):
            for word in survey.grub_defaults.crashkernel_words():
                facts.append((str(word.origin), word.text))
        back = self._read_back()
        for entry in back.entries:
            values = " ".join(f"crashkernel={v}" for v in entry.values) or "no crashkernel="
            facts.append((entry.title, values + ("" if entry.counts else " (not counted: recovery or no Linux)")))
        return StepReport(
            "Which file decides", facts=tuple(facts), findings=self._configured(), conclusion=self._token_words(back)
        )

    def _token_words(self, back: ReadBack) -> str:
        several = [entry for entry in back.entries if len(entry.values) > 1]
        if not several:
            return ""
        return f"{len(several)} entries carry more than one crashkernel=; of plain values the kernel takes the last"

    def _configured(self) -> tuple[Finding, ...]:
        survey = self.survey
        config, environment = survey.grub_config, survey.grub_environment
        entry = None if isinstance(config, Unknown) else default_entry(config, environment)
        return (
            check_crashkernel_configured(
                config, entry, survey.grub_defaults, survey.iomem, wanted=self._wanted(), machine=self.uname.machine
            ),
        )

    def _wanted(self) -> str:
        return str(self.session.recall_value("crashkernel_wanted"))

    @step
    def change_boot_loader(self) -> StepReport:
        files = self.distribution.boot_loader_files()
        plan = plan_crashkernel(
            self.distribution, self._files(files.settings), self._files(files.generated), self._wanted()
        )
        return self.change("The change to the boot loader", plan, lambda: ())

    @step
    def read_back(self) -> StepReport:
        title = "Read back from the generated boot menu"
        generated = self._files(self.distribution.boot_loader_files().generated)
        if self.applying:
            verify_crashkernel(self.distribution, generated, self._wanted(), self.parameters.host)
        back = self.distribution.read_back_crashkernel(generated, self._wanted())
        facts = tuple(
            (entry.title, " ".join(f"crashkernel={v}" for v in entry.values) or "no crashkernel=")
            for entry in back.entries
        )
        return StepReport(title, facts=facts, findings=self._configured())

    def _read_back(self) -> ReadBack:
        generated = self._files(self.distribution.boot_loader_files().generated)
        return self.distribution.read_back_crashkernel(generated, self._wanted())

    def _files(self, paths: tuple[str, ...]) -> dict[str, bytes]:
        states = read_files(self.target, paths, max_bytes=GENERATED_BYTES)
        return {path: state.data for path, state in states.items() if isinstance(state, FileContent)}
