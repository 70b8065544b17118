"""Stage 01: what has to be on the host before a crash dump can be hoped for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

from kdumpkit.actions.kernels import plan_boot_once, plan_default_kernel, plan_remove_kernel
from kdumpkit.actions.packages import missing_packages, plan_install
from kdumpkit.actions.plan import CommandChange, Plan
from kdumpkit.analysis.symbols_search import symbols_search_command
from kdumpkit.checks.cluster import check_cluster
from kdumpkit.checks.debug_symbols import check_debug_symbols
from kdumpkit.checks.dump_target import check_dump_file_system
from kdumpkit.checks.fadump import check_fadump
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.fingerprint import check_proof
from kdumpkit.checks.gates import check_fits
from kdumpkit.checks.guest import check_guest
from kdumpkit.checks.kernels import check_newest_is_running, check_running_is_default, check_second_kernel
from kdumpkit.checks.packages import check_packages
from kdumpkit.checks.sysctls import PanicPolicy, check_sysctls
from kdumpkit.checks.watchdog import check_watchdog_budget
from kdumpkit.facts.debug_symbols import DebugSymbols
from kdumpkit.facts.fingerprint import Fingerprint
from kdumpkit.facts.installed_kernels import InstalledKernels
from kdumpkit.facts.kernel_build_id import KernelBuildId
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown
from kdumpkit.runbook.capture_time import capture_time
from kdumpkit.runbook.clock import utc
from kdumpkit.runbook.earlier_runs import as_earlier_proof, proof_before
from kdumpkit.runbook.fingerprint import read_fingerprint
from kdumpkit.runbook.rollback import ChangingStage
from kdumpkit.runbook.stage import step
from kdumpkit.runbook.step import StepReport, Verbatim


class Prerequisites(ChangingStage):
    """Looks at everything, installs what is missing."""

    name: ClassVar[str] = "01-prerequisites"

    @step
    def identify_host(self) -> StepReport:
        survey = self.survey
        survey.begin("packages")
        boot, memory, firmware = survey.boot, survey.meminfo, survey.firmware
        facts = [
            ("its own name", self.uname.nodename),
            ("distribution", self.distribution.name),
            ("kernel", f"{self.uname.release} {self.uname.machine}"),
            ("memory", memory.sentence() if isinstance(memory, Unknown) else size_text(memory.total_bytes)),
            ("firmware", firmware.sentence() if isinstance(firmware, Unknown) else str(firmware.kind)),
            ("boot id", boot.sentence() if isinstance(boot, Unknown) else boot.boot_id),
        ]
        self.keep(system=f"{self.distribution.name}, kernel {self.uname.release} {self.uname.machine}")
        family = self.distribution.family
        if self.distribution.supported:
            reason = f"{self.distribution.name} is of the {family} family, which the kit knows"
            finding = Finding("host.supported", Status.PASS, reason)
        else:
            reason = (
                f"{self.distribution.name} is of no family that the kit knows: what any Linux shows is checked, "
                "the rest is UNKNOWN, and nothing is changed"
            )
            finding = Finding("host.supported", Status.WARN, reason)
        return StepReport("The host", facts=tuple(facts), findings=(finding,))

    @step
    def check_packages(self) -> StepReport:
        needs = self.distribution.package_needs()
        facts = []
        if not isinstance(self.survey.packages, Unknown):
            for need in needs:
                package = self.survey.packages.get(need.name)
                state = f"{package.version} {package.status}" if package.version else str(package.status)
                facts.append((need.name, f"{state}: {need.why}"))
        return StepReport("Packages", facts=tuple(facts), findings=self._package_findings())

    def _package_findings(self) -> tuple[Finding, ...]:
        needs = self.distribution.package_needs()
        return (
            check_packages(
                self.survey.packages,
                [need.name for need in needs if need.required],
                [need.name for need in needs if not need.required],
                install_command=self.distribution.install_remedy(()).rstrip(),
                repair_command=self.distribution.repair_remedy(),
            ),
        )

    @step
    def install_packages(self) -> StepReport:
        missing = missing_packages(self.distribution, self.known(self.survey.packages), recommended=True)
        return self.change("Installation of packages", self._plan_install(missing), self._package_findings)

    def _plan_install(self, packages: tuple[str, ...]) -> Plan:
        plan = plan_install(self.distribution, packages)
        limit_s = float(self.parameters.install_timeout_s)
        changes = tuple(
            replace(change, command=replace(change.command, timeout_s=limit_s))
            if isinstance(change, CommandChange)
            else change
            for change in plan.changes
        )
        return replace(plan, changes=changes)

    @step
    def check_kernels(self) -> StepReport:
        self.survey.begin("mounts", "guest", "surroundings")
        kernels = self.survey.kernels
        facts: tuple[tuple[str, str], ...] = ()
        if not isinstance(kernels, Unknown):
            facts = tuple(
                (
                    kernel.release,
                    ", ".join(
                        words
                        for words in (
                            "running" if kernel.running else "",
                            "complete" if kernel.bootable else "without initrd or modules",
                        )
                        if words
                    ),
                )
                for kernel in kernels.kernels
            )
        return StepReport("Kernels", facts=facts, findings=self._kernel_findings())

    def _kernel_findings(self) -> tuple[Finding, ...]:
        survey = self.survey
        return (
            check_second_kernel(survey.kernels),
            check_newest_is_running(survey.kernels),
            check_running_is_default(
                survey.kernels, survey.boot_loader, regenerate=self.crashkernel_remedies(None).regenerate
            ),
        )

    @step
    def install_second_kernel(self) -> StepReport:
        kernels = self.known(self.survey.kernels)
        title = "Installation of a second kernel"
        if self.parameters.second_kernel == "keep":
            plan = Plan("install a second kernel", (), "second_kernel is keep: the kernels stay as they are")
            return self.change(title, plan, lambda: ())
        if sum(kernel.bootable for kernel in kernels.kernels) > 1:
            plan = Plan("install a second kernel", (), "there is more than one complete kernel")
            return self.change(title, plan, lambda: ())
        offered = self.target.run(self.distribution.kernel_packages_command()).checked().text
        package = self.distribution.second_kernel(self.uname.release, [k.release for k in kernels.kernels], offered)
        if package is None:
            plan = Plan(
                "install a second kernel", (), "the archive that is set up on the host offers no other of its kind"
            )
        else:
            plan = self._plan_install((package,))
        return self.change(title, plan, lambda: (check_second_kernel(self.survey.kernels),))

    @step
    def change_kernels(self) -> StepReport:
        """Another default, another kernel for the next boot alone, one kernel fewer: what the parameters ask for."""
        title = "Kernels as asked for"
        asked = self.parameters
        if not (asked.default_kernel or asked.boot_once or asked.remove_kernel):
            return StepReport(
                title, conclusion="default_kernel, boot_once and remove_kernel are empty: the kernels stay as they are"
            )
        plans = tuple(self._kernel_plans())
        changes = tuple(change for plan in plans for change in plan.changes)
        reasons = "; ".join(f"{plan.title}: {plan.reason_if_empty}" for plan in plans if not plan.changes)
        notes = tuple(note for plan in plans for note in plan.notes)
        plan = Plan("; ".join(plan.title for plan in plans), changes, "" if changes else reasons, notes)
        return self.change(title, plan, self._kernel_findings)

    def _kernel_plans(self) -> Iterator[Plan]:
        # the default first: a kernel may be removed once another one is the default
        asked, survey, distribution = self.parameters, self.survey, self.distribution
        kernels = self.known(survey.kernels)
        files = survey.boot_loader_contents
        if asked.default_kernel:
            yield plan_default_kernel(distribution, kernels, files, asked.default_kernel)
        if asked.remove_kernel:
            yield self._plan_remove_kernel(kernels)
        if asked.boot_once:
            yield plan_boot_once(distribution, kernels, files, asked.boot_once, survey.mounts)

    def _plan_remove_kernel(self, kernels: InstalledKernels) -> Plan:
        release, distribution = self.parameters.remove_kernel, self.distribution
        packages: tuple[str, ...] = ()
        would_remove: tuple[str, ...] = ()
        if any(kernel.release == release for kernel in kernels.kernels):
            owners = self.target.run(distribution.kernel_owner_command(release)).checked()
            packages = distribution.parse_kernel_owners(owners.text, release)
        if packages:
            said = self.target.run(distribution.simulated_removal_command(packages)).checked()
            would_remove = distribution.parse_simulated_removal(said.text)
        return plan_remove_kernel(
            distribution,
            kernels,
            self.survey.boot_loader,
            release,
            packages,
            would_remove,
            new_default=self.parameters.default_kernel,
            boot_once=self.parameters.boot_once,
        )

    @step
    def check_debug_symbols(self) -> StepReport:
        on_host = self.survey.debug_symbols
        package = self.distribution.symbol_packages(self.uname.release)
        findings = check_debug_symbols(on_host, install_command=package.install)
        running = on_host.running if isinstance(on_host, DebugSymbols) else on_host
        facts: list[tuple[str, str]] = [
            ("package", " or ".join(package.packages)),
            ("its vmlinux", package.vmlinux_path),
        ]
        if isinstance(running, KernelBuildId):
            facts.insert(0, ("build id of the running kernel", running.build_id))
            here = self._symbols_here(running.build_id)
            if here["vmlinux"]:
                facts.append(("matching vmlinux on this machine", str(here["vmlinux"])))
                findings = _found_here(findings, str(here["vmlinux"]), running.build_id)
        self.keep(symbol_package=package.packages[0])
        commands = "\n".join(package.if_not_found_commands)
        return StepReport(
            "Debug symbols of the running kernel",
            facts=tuple(facts),
            findings=(findings,),
            texts=(Verbatim("where the package is not found", commands),) if findings.remedy and commands else (),
            conclusion=f"where the package is not found: {package.if_not_found}. {package.name_note}"
            if findings.remedy
            else "",
        )

    def _symbols_here(self, build_id: str) -> dict[str, Any]:
        command = symbols_search_command(build_id, self.uname.release, self.parameters.vmlinux)
        found: dict[str, Any] = json.loads(self.session.here.run(command).checked().stdout)
        return found

    @step
    def check_dump_target(self) -> StepReport:
        target, memory = self.survey.dump_target, self.survey.meminfo
        facts: list[tuple[str, str]] = []
        if not isinstance(target, Unknown):
            facts.append(("directory", f"{target.directory} ({target.kind})"))
            if not isinstance(target.space, Unknown):
                facts.append(("file system", f"{target.space.target}, {target.space.fstype}"))
                facts.append(("free", size_text(target.space.free_bytes)))
        if not isinstance(memory, Unknown):
            facts.append(("a dump needs at most", f"{size_text(memory.total_bytes)} (all of RAM)"))
        return StepReport(
            "Dump target",
            facts=tuple(facts),
            findings=(check_dump_file_system(target), check_fits(self.survey)),
        )

    @step
    def check_earlier_proof(self) -> StepReport:
        """What an earlier run of this host has proved, and whether it still stands."""
        title = "What was proved before"
        proof = proof_before(self.session)
        if proof is None:
            return StepReport(title, findings=(check_proof(None, Fingerprint({}, {})),))
        if proof["capture_s"]:
            self.keep(capture_measured={"seconds": proof["capture_s"], "run_id": proof["run_id"]})
        facts = [("run", str(proof["run_id"])), ("proved at", utc(float(proof["proved_at"])))]
        if proof["capture_s"]:
            facts.append(("from the panic until the dump was written", f"{float(proof['capture_s']):g} s"))
        earlier = as_earlier_proof(proof)
        if earlier is None:
            reason = (
                f"Run {proof['run_id']} proved a dump and kept no fingerprint: whether it still stands cannot be told."
            )
            finding = Finding("proof.current", Status.WARN, reason, "kdumpkit run HOST.yaml --set mode=apply")
            return StepReport(title, facts=tuple(facts), findings=(finding,))
        return StepReport(title, facts=tuple(facts), findings=(check_proof(earlier, read_fingerprint(self)),))

    @step
    def check_surroundings(self) -> StepReport:
        """Hypervisor, cluster and firmware: who may keep a capture from coming to its end."""
        survey = self.survey
        guest = survey.guest
        facts = [("machine", " ".join(word for word in (guest.vendor, guest.product) if word) or "not told")]
        if not isinstance(guest.hypervisor, Unknown):
            facts.append(("virtual machine", "yes" if guest.hypervisor else "no"))
        return StepReport(
            "What the machine stands in",
            facts=tuple(facts),
            findings=(
                *check_guest(guest),
                *check_cluster(survey.cluster, capture_time(self.session)),
                check_fadump(survey.fadump),
            ),
        )

    @step
    def check_panic_policy(self) -> StepReport:
        survey = self.survey
        return StepReport(
            "Panic policy and watchdogs",
            facts=(("policy", self.parameters.panic_policy),),
            findings=(
                *check_sysctls(survey.sysctls, PanicPolicy(self.parameters.panic_policy)),
                check_watchdog_budget(survey.watchdogs, survey.sysctls.watchdog_thresh, capture_time(self.session)),
            ),
        )


def _found_here(on_host: Finding, path: str, build_id: str) -> Finding:
    # symbols are needed where the dump is read, which is here
    return Finding(on_host.id, Status.PASS, f"{path} on this machine has the running kernel's build id {build_id}")
