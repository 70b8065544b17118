"""Stage 04: the capture kernel in its place, now and after every boot."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from kdumpkit.actions.kdump_service import plan_enable, plan_settings, plan_start, plan_stop
from kdumpkit.actions.kexec_load import plan_kexec_load
from kdumpkit.actions.plan import Plan
from kdumpkit.checks.capture_initramfs import check_capture_initramfs
from kdumpkit.checks.capture_mounts import check_capture_mounts
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.kdump_default import check_by_default
from kdumpkit.checks.kexec import check_load_allowed, check_loaded
from kdumpkit.checks.kexec_failure import check_kexec_failure
from kdumpkit.checks.service import check_service_active, check_service_enabled
from kdumpkit.checks.settings import check_settings
from kdumpkit.command import Command
from kdumpkit.distributions.answers import KexecLoad as KexecLoadAnswer
from kdumpkit.distributions.answers import SettingsWanted
from kdumpkit.errors import CommandFailed
from kdumpkit.facts.capture_initramfs import CaptureInitramfs, capture_initramfs_from, read_build_inputs
from kdumpkit.facts.cpus import threads_from
from kdumpkit.facts.directory_tree import DirectoryTree
from kdumpkit.facts.fstab import fstab_from
from kdumpkit.facts.kdump_settings import DumpTargetKind
from kdumpkit.facts.kexec_crash import read_kexec_crash
from kdumpkit.facts.reading import record_numbers
from kdumpkit.facts.systemd_unit import SystemdUnit
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.files import Absent, FileContent, read_files
from kdumpkit.runbook.capture_files import capture_facts, read_capture_files
from kdumpkit.runbook.clock import utc
from kdumpkit.runbook.rollback import ChangingStage
from kdumpkit.runbook.stage import step
from kdumpkit.runbook.step import StepReport, Verbatim


class KexecLoad(ChangingStage):
    """Loads the capture kernel and proves that it can be loaded and unloaded."""

    name: ClassVar[str] = "04-kexec-load"

    @step
    def read_loaded(self) -> StepReport:
        self.survey.begin("mounts", "files", "units")
        kexec = self.survey.kexec_crash
        loaded = kexec.loaded
        shown = loaded.sentence() if isinstance(loaded, Unknown) else str(int(loaded))
        # whether it is loaded is judged at the end; at this point 0 is an ordinary answer
        return StepReport(
            "Before",
            facts=(("kexec_crash_loaded", shown),),
            findings=(check_load_allowed(kexec, self.survey.firmware),),
            conclusion=check_loaded(kexec).reason,
        )

    @step
    def check_settings(self) -> StepReport:
        return StepReport("Settings and service", facts=self._settings_facts(), findings=self._settings_findings())

    def _settings_facts(self) -> tuple[tuple[str, str], ...]:
        settings = self.survey.settings
        if isinstance(settings, Unknown):
            return ()
        where = settings.directory or "a place that is not mounted now"
        if settings.target_kind is not DumpTargetKind.LOCAL:
            where = f"{settings.target} by {settings.target_kind}" + (
                f", {settings.directory}" if settings.directory else ""
            )
        return (
            ("settings", ", ".join(settings.paths)),
            ("dumps go to", where),
            ("core collector", settings.collector),
            *((name, value) for name, value in settings.values),
        )

    def _settings_findings(self) -> tuple[Finding, ...]:
        unknown = isinstance(self.survey.settings, Unknown) and self.survey.settings.absent
        names = [need.name for need in self.distribution.package_needs() if need.required] if unknown else []
        found = check_settings(self.survey.settings, self.distribution.install_remedy(names) if names else "")
        return (*found, *self._by_default())

    def _by_default(self) -> tuple[Finding, ...]:
        default, survey = self.distribution.kdump_default(), self.survey
        if default is None:
            return ()
        threads = threads_from(survey.other_files)
        unit = self._unit_fact()
        return (check_by_default(default, self.uname.machine, survey.firmware, threads, survey.meminfo, unit),)

    @step
    def change_settings(self) -> StepReport:
        """Kdump switched on, and where the parameters say so, directory, collector and dump level set."""
        parameters = self.parameters
        wanted = SettingsWanted(
            directory=parameters.dump_directory or None,
            collector=parameters.core_collector or None,
            dump_level=parameters.dump_level or None,
        )
        states = self.survey.settings_files
        for state in states.values():
            if not isinstance(state, FileContent | Absent):
                self.known(self.survey.settings)
        files = {path: state.data for path, state in states.items() if isinstance(state, FileContent)}
        plan = plan_settings(self.distribution, files, wanted)
        report = self.change("The change to the settings", plan, self._settings_findings)
        if report.done:
            # what is loaded was made from the settings before
            self.keep(settings_changed=True)
        return report

    @step
    def show_kexec_command(self) -> StepReport:
        load = self._kexec_load()
        facts = (
            ("kernel", load.kernel),
            ("kdump initramfs", load.initramfs),
            ("left out of the command line", " ".join(load.removed) or "nothing"),
            ("added to it", " ".join(load.added) or "nothing"),
        )
        texts = (Verbatim("the command", load.command.shown()),)
        return StepReport(
            "An explicit kexec", facts=facts, texts=texts, conclusion=" ".join(f"{r}." for r in load.reasons)
        )

    @step
    def check_capture_initramfs(self) -> StepReport:
        """The initramfs that would be loaded: for which kernel it is, and whether it is up to date."""
        title = "The capture initramfs"
        survey, release = self.survey, self.uname.release
        files = read_capture_files(self)
        inputs = read_build_inputs(self.target, self.distribution.capture_inputs(release))
        tree = survey.files
        settings = survey.settings
        named = None if isinstance(settings, Unknown) else settings.initramfs
        initramfs, kernel = files.initramfs, files.kernel
        link = files.initramfs_link if named in (None, files.initramfs_link) else None
        # a link that is not made yet is made by the first load, to the files of the running kernel
        if link and isinstance(tree, DirectoryTree) and tree.get(link):
            initramfs, kernel = link, files.kernel_link or files.kernel
        found = capture_initramfs_from(tree, initramfs, kernel, inputs)
        rebuild = self.distribution.rebuild_remedy(release) or files.build.shown()
        findings = check_capture_initramfs(found, release, rebuild=rebuild)
        facts: list[tuple[str, str]] = [("what is loaded", initramfs)]
        if isinstance(found, CaptureInitramfs):
            if found.file is not None:
                facts.append((found.file.path, f"{size_text(found.file.size_bytes)}, {utc(found.file.modified_s)}"))
            facts += [(newer.path, f"changed {utc(newer.modified_s)}, after it") for newer in found.newer_inputs[:10]]
            if found.file is None and self.applying:
                # the load that follows builds it, and says why where it does not
                return StepReport(
                    title,
                    facts=tuple(facts),
                    findings=self._capture_mounts(),
                    conclusion="it is not there yet: loading builds it",
                )
        return StepReport(title, facts=tuple(facts), findings=(*findings, *self._capture_mounts()))

    def _capture_mounts(self) -> tuple[Finding, ...]:
        if not self.distribution.capture_mounts_fstab:
            return ()
        settings, files = self.survey.settings, self.survey.other_files
        local = not isinstance(settings, Unknown) and settings.target_kind is DumpTargetKind.LOCAL
        directory = settings.directory if local and not isinstance(settings, Unknown) else None
        records = record_numbers(*(state.record for state in files.values()))
        return (check_capture_mounts(fstab_from(files), directory, records),)

    @step
    def load(self) -> StepReport:
        title = "Loading"
        loaded = self._loaded()
        if self.parameters.load_by == "kexec":
            files = read_capture_files(self)
            plan = plan_kexec_load(
                self._kexec_load(), loaded=loaded, files=files, initramfs_exists=self._exists(files.initramfs)
            )
            return self._change_and_explain(title, plan)
        changed = bool(self.session.recall_value("settings_changed"))
        plan = plan_start(self.distribution, self._unit(), loaded=loaded and not changed)
        return self._change_and_explain(title, plan)

    def _change_and_explain(self, title: str, plan: Plan) -> StepReport:
        # why nothing was loaded is told by kexec itself, which the service's journal has
        by_service = self.parameters.load_by == "service"
        try:
            report = self.change(title, plan, self._load_findings)
        except CommandFailed as error:
            found = self._why_not_loaded(None if by_service else error.said)
            self.keep_findings((found,))
            error.message += f"; {found.reason}"
            error.hint = f"{found.remedy}; {error.hint}"
            raise
        failed = report.done and any(finding.status is Status.FAIL for finding in report.findings)
        if not failed:
            return report
        return replace(report, findings=(*report.findings, self._why_not_loaded(None if by_service else "")))

    def _why_not_loaded(self, said: str | None) -> Finding:
        size = self.survey.kexec_crash.size_bytes
        reserved_bytes = None if isinstance(size, Unknown) else size
        if said is not None:
            return check_kexec_failure(said, reserved_bytes)
        argv = ("journalctl", "-b", "--no-pager", "-o", "cat", "-n", "60", "-u", self.service_unit)
        result = self.target.run(Command(argv, timeout_s=30, as_root=True))
        return check_kexec_failure(result.text, reserved_bytes, (result.record,) if result.record >= 0 else ())

    @step
    def enable_service(self) -> StepReport:
        plan = plan_enable(self.distribution, self._unit())
        return self.change("Service at every boot", plan, lambda: (check_service_enabled(self._unit_fact()),))

    @step
    def prove_switch(self) -> StepReport:
        """Stop gives 0, start gives 1: in ``apply`` both are done, one after the other."""
        title = "Stop gives 0, start gives 1"
        if not self.applying:
            return StepReport(title, conclusion=f"mode is {self.parameters.mode}: the service was left alone")
        name = "service.switch"
        stopped = self.change(title, plan_stop(self.distribution, self._unit(), loaded=self._loaded()), lambda: ())
        self.survey.begin("units")
        after_stop = self._loaded_now()
        self.session.note("values", {"values": {"loaded_after_stop": after_stop}})
        start = plan_start(self.distribution, self._unit(), loaded=False)
        started = self.change(title, start, lambda: ())
        self.survey.begin("units")  # for the reading back
        after_start = self._loaded()
        good = not after_stop and after_start
        reason = f"kexec_crash_loaded was {int(after_stop)} after the stop and {int(after_start)} after the start"
        unit = self.distribution.kdump_service().unit
        finding = Finding(
            name, Status.PASS if good else Status.FAIL, reason, "" if good else f"journalctl -b -u {unit}"
        )
        return StepReport(title, done=(*stopped.done, *started.done), undo=started.undo, findings=(finding,))

    @step
    def read_back(self) -> StepReport:
        survey = self.survey
        return StepReport(
            "The kernel's own word",
            findings=(
                check_loaded(survey.kexec_crash, unit=self.service_unit),
                check_service_active(self._unit_fact(), survey.kexec_crash, survey.settings),
                check_service_enabled(self._unit_fact()),
            ),
        )

    def _loaded(self) -> bool:
        return self.known(self.survey.kexec_crash.loaded)

    def _loaded_now(self) -> bool:
        return self.known(read_kexec_crash(self.target).loaded)

    def _load_findings(self) -> tuple[Finding, ...]:
        return (check_loaded(self.survey.kexec_crash, unit=self.service_unit),)

    def _unit_fact(self) -> SystemdUnit | Unknown:
        units = self.survey.units
        return units if isinstance(units, Unknown) else units.get(self.distribution.kdump_service().unit)

    def _unit(self) -> SystemdUnit:
        return self.known(self._unit_fact())

    def _kexec_load(self) -> KexecLoadAnswer:
        survey = self.survey
        root = survey.root_device
        return self.distribution.kexec_load(
            capture_facts(self),
            command_line=self.known(survey.command_line),
            root=None if isinstance(root, Unknown) else root.kernel_root,
            signed=check_load_allowed(survey.kexec_crash, survey.firmware).status is Status.WARN,
        )

    def _exists(self, path: str) -> bool:
        return not isinstance(read_files(self.target, [path], max_bytes=1)[path], Absent)
