"""Stage 06: why the kernel died, from its dump: header, log, stack, a second opinion, one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from kdumpkit.analysis.crash_comparison import compare_with_drgn
from kdumpkit.analysis.crash_report import CrashReport, parse_drgn_report
from kdumpkit.analysis.crash_utility import WHOLE_BATCH, crash_command, parse_crash_output
from kdumpkit.analysis.drgn_report import DRGN_TIMEOUT_S, drgn_report_command
from kdumpkit.analysis.dump_symbols import symbols_match
from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.excerpt import Excerpt, read_excerpt
from kdumpkit.analysis.log.model import CrashLog
from kdumpkit.analysis.symbols_search import parse_symbols_search, symbols_search_command
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.command import Command, CommandResult
from kdumpkit.distributions.answers import DumpState
from kdumpkit.errors import KdumpkitError, NotAVmcore
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.ahead import Ahead
from kdumpkit.hosts.on_host import OnHost
from kdumpkit.runbook import crash_figures
from kdumpkit.runbook.cause import explain, show_sections
from kdumpkit.runbook.clock import utc
from kdumpkit.runbook.conclusion import conclusion
from kdumpkit.runbook.crash_words import crash_facts, kept_fields, kind_words, stack_words
from kdumpkit.runbook.dump_reading import (
    IN_PLACE,
    IN_PLACE_TIMEOUT_S,
    fetch_dump,
    on_host,
    read_dump_on_host,
)
from kdumpkit.runbook.dumps import check_test_label, list_dumps
from kdumpkit.runbook.figures import dump_space
from kdumpkit.runbook.fingerprint import same_machine
from kdumpkit.runbook.stage import Stage, step
from kdumpkit.runbook.step import StepReport, Verbatim

NO_DUMP = "there is no dump to look at"


class Analysis(Stage):
    """Reads one dump. Nothing on the host is changed in any mode."""

    name: ClassVar[str] = "06-analysis"
    looks_at_host: ClassVar[bool] = False
    _log: CrashLog | None = None
    _excerpt: Excerpt = Excerpt()
    _report: CrashReport | None = None
    #: crash at work, begun beside drgn; None: it is not installed here
    _crash: Callable[[], CommandResult] | None = None
    _crash_asked = False

    @cached_property
    def _here(self) -> Ahead:
        return Ahead(self.session.here)

    def forget_survey(self) -> None:
        super().forget_survey()
        self._here.settle()

    @step
    def locate_dump(self) -> StepReport:
        title = "The dump"
        found = self.session.recall_value("dump_path")
        if found:
            self.keep(analysed_path=found, dump_of_test=True)
            return StepReport(title, facts=(("found by stage 05", str(found)),))
        panicked = any(data.get("what") == "panic" for data in self.session.recall("intent"))
        if panicked:
            reason = "the panic test of this run left no dump that was finished"
            return StepReport(title, findings=(Finding("dump.found", Status.FAIL, reason, "see stage 05"),))
        target = self.known(self.survey.dump_target)
        if target.kind.on_network:
            reason = f"dumps go to {target.remote} by {target.kind}: kdumpkit analyse reads one that was fetched"
            return StepReport(title, findings=(Finding("dump.found", Status.SKIP, reason),))
        if target.directory is None:
            reason = "the settings name no directory on this host for dumps"
            return StepReport(title, findings=(Finding("dump.found", Status.UNKNOWN, reason),))
        dumps = list_dumps(self.target, self.distribution, target.directory)
        finished = [dump for dump in dumps if dump.state is DumpState.FINISHED]
        if not finished:
            reason = f"{target.directory} on {self.parameters.host} holds no finished dump"
            return StepReport(title, findings=(Finding("dump.found", Status.SKIP, reason),))
        newest = finished[-1]
        self.keep(analysed_path=newest.path, dump_of_test=False, dump_size_bytes=newest.size_bytes)
        return StepReport(title, facts=(("newest on the host", f"{newest.path}, {size_text(newest.size_bytes)}"),))

    @step
    def fetch_dump(self) -> StepReport:
        title = "Copy"
        path = self._remote()
        if path is None:
            return StepReport(title, conclusion=NO_DUMP)
        if self.parameters.transport == "local":
            self.keep(local_path=path)
            return StepReport(title, conclusion=f"{path} is on this machine and is read where it lies")
        if self.parameters.dump_reading == IN_PLACE:
            return self._leave_in_place(title, path)
        name = path.rsplit("/", 1)[-1]
        fetched = fetch_dump(self.session, path, self.session.dumps_dir / name)
        self.keep(local_path=name, dump_sha256=fetched.sha256, dump_size_bytes=fetched.size_bytes)
        # both walk through the dump; they do so at the same time
        self._here.begin_ahead(self._header_command(name))
        self._here.begin_ahead(self._log_command(name))
        reason = f"both copies of {name} have {fetched.size_bytes} bytes and the digest {fetched.sha256}"
        return StepReport(
            title,
            facts=(("size", size_text(fetched.size_bytes)), ("sha256", fetched.sha256)),
            findings=(Finding("dump.copied", Status.PASS, reason, "", (fetched.record,)),),
        )

    def _leave_in_place(self, title: str, path: str) -> StepReport:
        there = read_dump_on_host(self.session, path)
        self.keep(local_path=None, in_place_path=path, dump_sha256=there.sha256, dump_size_bytes=there.size_bytes)
        reason = (
            f"{path} stays on {self.parameters.host} and is read there: {there.size_bytes} bytes, "
            f"of which the host computed the digest {there.sha256}"
        )
        return StepReport(
            title,
            facts=(("size", size_text(there.size_bytes)), ("sha256", there.sha256)),
            findings=(Finding("dump.in_place", Status.PASS, reason, "", (there.record,)),),
        )

    @step
    def read_header(self) -> StepReport:
        title = "Header"
        path = self._local()
        if path is None:
            return StepReport(title, conclusion=NO_DUMP)
        found = self._json(self._header_command(path))
        self.keep(vmcore=found)
        if "error" in found:
            finding = Finding("dump.whole", Status.FAIL, str(found["error"]), str(found["hint"]))
            return StepReport(title, findings=(finding,))
        whole = found["state"] == "whole"
        crash_time = found["crash_time"]
        facts = (
            ("format", str(found["described"])),
            ("kernel that died", f"{found['release']} {found['machine']}"),
            ("its build id", str(found["build_id"] or "not in VMCOREINFO (kernels before 5.9)")),
            ("died at", utc(float(crash_time)) if crash_time else "not in VMCOREINFO"),
            ("pages", f"{found['pages_there']} of {found['pages']}"),
        )
        status = Status.PASS if whole else Status.UNKNOWN if found["state"] == "packed" else Status.FAIL
        remedy = "" if whole else "look at stage 05 and the console for what stopped the capture kernel"
        if found["state"] == "packed" and self._on_host() is not None:
            remedy = "a packed dump is not read where it lies; set dump_reading: copy"
        return StepReport(title, facts=facts, findings=(Finding("dump.whole", status, str(found["reason"]), remedy),))

    @step
    def read_log(self) -> StepReport:
        title = "Log"
        path = self._local()
        if path is None:
            return StepReport(title, conclusion=NO_DUMP)
        result = self._here.run(self._log_command(path))
        records = (result.record,)
        if not result.ok:
            said = result.stderr.decode("utf-8", "replace").strip()
            finding = Finding("dump.log", Status.FAIL, f"the kernel's log could not be read out of {path}: {said}")
            return StepReport(title, findings=(finding,))
        log = result.stdout
        findings = [self._judge_label(log, records)]
        self._log = read_crash(log.splitlines())
        self._excerpt = read_excerpt(log.splitlines(), self._log)
        block = self._log.fatal
        if block is None:
            findings.append(Finding("dump.crash_block", Status.FAIL, f"the log of {path} shows no crash", "", records))
            return StepReport(title, findings=tuple(findings))
        self.keep(crash=kept_fields(block))
        if self._log.capture_death is not None:
            self.keep(capture_death=kept_fields(self._log.capture_death))
        reason = f"the log shows {kind_words(block)}: {block.title}"
        findings.append(Finding("dump.crash_block", Status.PASS, reason, "", records))
        facts = [(label, value) for label, value in crash_facts(block) if value]
        lines = log.decode("utf-8", "replace").splitlines()
        excerpt = "\n".join(lines[max(0, block.first_line - 6) : block.last_line])
        return StepReport(
            title,
            facts=tuple(facts),
            findings=tuple(findings),
            texts=(Verbatim("the kernel's last words", excerpt),),
        )

    def _judge_label(self, log: bytes, records: tuple[int, ...]) -> Finding:
        name = "dump.label"
        if not self.session.recall_value("dump_of_test"):
            reason = "this dump is not from a panic test of this run, so there is no label to look for"
            return Finding(name, Status.SKIP, reason)
        return check_test_label(name, log, self.session.run_id, "the log inside the dump", records)

    @step
    def find_symbols(self) -> StepReport:
        title = "Symbols"
        vmcore = self._vmcore()
        if vmcore is None:
            return StepReport(title, conclusion=NO_DUMP)
        release, build_id = str(vmcore["release"]), str(vmcore["build_id"] or "")
        install = self.distribution.symbol_packages(release).install
        given = self.parameters.vmlinux
        result = self.session.here.run(symbols_search_command(build_id, release, given)).checked()
        found = parse_symbols_search(result.stdout, build_id, release)
        finding = symbols_match(found, given=bool(given), remedy=install)
        self.keep(vmlinux=None if found.path is None else str(found.path))
        path = self._local()
        if found.path is not None and path is not None and self._on_host() is None:
            self._begin_crash(Path(path), found.path)
        facts = tuple((str(candidate.path), candidate.reason) for candidate in found.candidates)
        return StepReport(title, facts=facts, findings=(replace(finding, records=(result.record,)),))

    @step
    def read_stack(self) -> StepReport:
        title = "The crashed task"
        path, vmlinux = self._local(), self.session.recall_value("vmlinux")
        if path is None:
            return StepReport(title, conclusion=NO_DUMP)
        if not vmlinux:
            return StepReport(title, conclusion="without symbols there is no stack but the one in the log")
        there = self._on_host()
        timeout_s = DRGN_TIMEOUT_S if there is None else IN_PLACE_TIMEOUT_S
        result = self.session.here.run(
            drgn_report_command(
                Path(path),
                Path(str(vmlinux)),
                "python",
                timeout_s,
                on_host=there,
                known=self._vmcore() if there is not None else None,
            )
        )
        try:
            report = parse_drgn_report(result.stdout)
        except KdumpkitError as error:
            finding = Finding("analysis.stack", Status.FAIL, error.message, error.hint, (result.record,))
            return StepReport(title, findings=(finding,))
        self._report = report
        stack_report, values = stack_words(title, report, result.record)
        self.keep(**values)
        return stack_report

    @step
    def show_machine(self) -> StepReport:
        """What else drgn read: processors, blocked tasks, locks, memory, I/O, mounts, network, settings."""
        if self._report is None:
            return StepReport(
                "The machine as it was", conclusion="drgn read no dump with symbols, so this is not known"
            )
        return show_sections(self._report)

    @step
    def plot_call_stack(self) -> StepReport:
        return crash_figures.plot_call_stack(self._log, self._report)

    @step
    def plot_tasks_by_state(self) -> StepReport:
        return crash_figures.plot_tasks_by_state(self._report)

    @step
    def plot_memory_by_use(self) -> StepReport:
        return crash_figures.plot_memory_by_use(self._report)

    @step
    def second_opinion(self) -> StepReport:
        title = "The crash utility"
        path, vmlinux = self._local(), self.session.recall_value("vmlinux")
        if path is None:
            return StepReport(title, conclusion=NO_DUMP)
        if not vmlinux:
            return StepReport(title, conclusion="it needs the same symbols, which are not here")
        if self._on_host() is not None:
            reason = f"left out: crash reads files, and with dump_reading: {IN_PLACE} the dump is none here"
            return StepReport(title, conclusion=f"{reason}; drgn's reading stands alone")
        if not self._crash_asked:
            self._begin_crash(Path(path), Path(str(vmlinux)))
        # asked anew where a person runs this cell again
        self._crash_asked, begun = False, self._crash
        if begun is None:
            return StepReport(title, conclusion="crash is not installed on this machine; drgn's reading stands alone")
        result = begun()
        records = (result.record,)
        try:
            found = parse_crash_output(result.stdout, (Path(str(vmlinux)),), batch=WHOLE_BATCH)
        except KdumpkitError as error:
            finding = Finding("analysis.second_opinion", Status.WARN, error.message, error.hint, records)
            return StepReport(title, findings=(finding,))
        if self._report is not None:
            found = compare_with_drgn(found, self._report)
        frames = ", ".join(frame.function for frame in found.frames[:4])
        says = f"crash names {found.command} (pid {found.pid}) on CPU {found.cpu}: {frames}"
        status = Status.WARN if found.doubts else Status.PASS
        reason = says + "".join(f"; {doubt}" for doubt in found.doubts)
        finding = Finding("analysis.second_opinion", status, reason, "", records)
        texts = tuple(Verbatim(name, found.sections[name]) for name in WHOLE_BATCH if name in found.sections)
        return StepReport(title, findings=(finding,), texts=texts)

    def _begin_crash(self, path: Path, vmlinux: Path) -> None:
        # it takes ten times as long as drgn, so it reads the dump while that and the figures are made
        probe = self.session.here.run(Command(("sh", "-c", "command -v crash"), title="is crash installed here"))
        self._crash = self.session.here.begin(crash_command(path, vmlinux, batch=WHOLE_BATCH)) if probe.ok else None
        self._crash_asked = True

    @step
    def plot_dump_size(self) -> StepReport:
        title = "The dump's size"
        size_bytes = self.session.recall_value("dump_size_bytes")
        if self._remote() is None or not size_bytes:
            return StepReport(title, conclusion=NO_DUMP)
        survey = self.survey
        memory, target = self.known(survey.meminfo), survey.dump_target
        bars = [("the dump", int(size_bytes))]
        caption = f"The dump took {size_text(int(size_bytes))}, {int(size_bytes) / memory.total_bytes:.1%} of the RAM"
        if not isinstance(target, Unknown) and not isinstance(target.space, Unknown):
            bars.append((f"free on {target.space.target} now", target.space.free_bytes))
            caption += f"; {size_text(target.space.free_bytes)} are left on {target.space.target}"
        bars.append(("all of RAM", memory.total_bytes))
        return StepReport(title, figure=dump_space(bars, caption + "."), findings=same_machine(self))

    @step
    def plot_dump_composition(self) -> StepReport:
        vmcore = self._vmcore()
        if vmcore is None:
            return StepReport("What the dump holds", conclusion=NO_DUMP)
        return crash_figures.plot_dump_composition(vmcore)

    @step
    def explain_cause(self) -> StepReport:
        """The rule that knows this crash: a sentence, how sure it is, what it rests on, what to do next."""
        found = explain(self._log, self._excerpt, self._report) if self._log is not None else None
        if found is None:
            return StepReport("Cause", conclusion="no log with a crash was read, so no cause is named")
        report, cause, signature = found
        self.keep(cause=cause.as_json(), signature=signature.as_json())
        return report

    @step
    def plot_log_timeline(self) -> StepReport:
        return crash_figures.plot_log_timeline(self._log, self._excerpt)

    @step
    def conclude(self) -> StepReport:
        """One sentence on why the kernel died and how that is known."""
        sentence = conclusion(self.session)
        if sentence is None:
            return StepReport("Conclusion", conclusion="No dump was read, so nothing is concluded.")
        self.keep(conclusion=sentence)
        return StepReport("Conclusion", conclusion=sentence)

    def _remote(self) -> str | None:
        path = self.session.recall_value("analysed_path")
        return None if path is None else str(path)

    def _local(self) -> str | None:
        """The dump's path: here, or on the host where it is read in place."""
        path = self.session.recall_value("local_path") or self.session.recall_value("in_place_path")
        return None if path is None else str(path)

    def _on_host(self) -> OnHost | None:
        """Where the dump is read in place; None: it lies here."""
        here, there = self.session.recall_value("local_path"), self.session.recall_value("in_place_path")
        return on_host(self.parameters) if there is not None and here is None else None

    def _where(self) -> tuple[str, ...]:
        there = self._on_host()
        return () if there is None else there.arguments()

    def _vmcore(self) -> Mapping[str, Any] | None:
        found = self.session.recall_value("vmcore")
        if found is None or "error" in found:
            return None
        return dict(found)

    def _header_command(self, path: str) -> Command:
        argv = ("python", "-m", "kdumpkit.vmcore.report", path, *self._where())
        timeout_s = 600 if self._on_host() is None else IN_PLACE_TIMEOUT_S
        return Command(argv, timeout_s=timeout_s, title=f"header of {path}")

    def _log_command(self, path: str) -> Command:
        argv = ("python", "-m", "kdumpkit.vmcore.dmesg", path, *self._where())
        timeout_s = 300 if self._on_host() is None else IN_PLACE_TIMEOUT_S
        return Command(argv, timeout_s=timeout_s, title=f"kernel log of {path}")

    def _json(self, command: Command) -> dict[str, Any]:
        result = self._here.run(command)
        try:
            found = json.loads(result.stdout)
        except ValueError as error:
            said = result.stderr.decode("utf-8", "replace").strip().splitlines()
            raise NotAVmcore(f"{command.title}: {said[-1] if said else 'no answer'}", " ".join(command.argv)) from error
        return dict(found)
