"""Stage 05: the host's kernel is made to panic, once, and the dump that this must leave is looked into."""

from __future__ import annotations

from typing import Any, ClassVar

from kdumpkit.actions.crash import MARK, trigger_panic
from kdumpkit.actions.waiting import BootReturn, BootSighting, Progress, read_boot_sighting, wait_for_new_boot
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.gates import check_fits, check_ready_to_panic
from kdumpkit.command import command
from kdumpkit.distributions.answers import DumpCandidate, DumpState
from kdumpkit.errors import FactNotCollected, GateClosed, HostNeverCameBack, KdumpkitError
from kdumpkit.facts.dump_size import HIGHEST_LEVEL, MemoryUsage
from kdumpkit.facts.fingerprint import Fingerprint, fingerprint_as_json
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.files import FileContent, read_files
from kdumpkit.runbook.capture_time import capture_time
from kdumpkit.runbook.clock import utc
from kdumpkit.runbook.consent import consent_report
from kdumpkit.runbook.console import console_tail
from kdumpkit.runbook.dumps import check_dump_ends, check_test_label, list_dumps
from kdumpkit.runbook.figures import crash_timeline, dump_space
from kdumpkit.runbook.fingerprint import read_fingerprint
from kdumpkit.runbook.stage import Stage, step
from kdumpkit.runbook.step import StepReport, Verbatim

#: seconds from panic to return that the progress shows as expected
EXPECTED_PANIC_S = 120
#: a host that still answers from the same boot this long after the intent was never crashed
SURELY_DOWN_BY_S = 60.0
#: a log is read up to this size
LOG_BYTES = 4 << 20


class PanicTest(Stage):
    """Crashes the host at most once in a run."""

    name: ClassVar[str] = "05-panic-test"
    _fingerprint: Fingerprint | None = None

    def forget_survey(self) -> None:
        """Read everything again, what is being proved too."""
        super().forget_survey()
        self._fingerprint = None

    def _what_is_proved(self) -> Fingerprint:
        # read at the gates already, beside makedumpfile
        if self._fingerprint is None:
            self._fingerprint = read_fingerprint(self)
        return self._fingerprint

    @property
    def intent(self) -> dict[str, Any] | None:
        """The panic that this run has asked for, by this or an earlier attempt; None where none was."""
        panics = [data for data in self.session.recall("intent") if data.get("what") == "panic"]
        return dict(panics[-1]) if panics else None

    @step
    def check_gates(self) -> StepReport:
        title = "Gates before the panic"
        if self.session.attempted_before("intent", "panic"):
            return StepReport(title, conclusion="this run has asked for the panic already: it is not asked for again")
        if self.parameters.mode != "check":
            # makedumpfile walks through all memory for seconds; the rest is read meanwhile
            self.survey.begin_memory_usage()
        if self.applying:
            self._what_is_proved()
        _ = self.survey.dump_target
        findings = check_ready_to_panic(
            self.survey,
            unit=self.service_unit,
            remedies=self.crashkernel_remedies(self.crashkernel_wanted),
            usage=self._measure(),
            capture=capture_time(self.session),
        )
        self.close_gate(findings, "the panic test")
        return StepReport(title, findings=findings)

    def _measure(self) -> MemoryUsage | Unknown | None:
        # how long it takes on a large host was not measured, so a mere look does not do it
        if self.parameters.mode == "check":
            return None
        usage = self.survey.memory_usage
        settings = self.survey.settings
        level = None if isinstance(settings, Unknown) else settings.dump_level
        if isinstance(usage, MemoryUsage) and level is not None and level <= HIGHEST_LEVEL:
            self.keep(dump_level=level, dump_measured_bytes=usage.dump_bytes(level))
        return usage

    @step
    def plot_dump_space(self) -> StepReport:
        target = self.known(self.survey.dump_target)
        memory = self.known(self.survey.meminfo)
        if target.remote is not None:
            return StepReport("Room for the dump", findings=(check_fits(self.survey),))
        space = self.known(target.space)
        bars = [
            (f"free on {space.target}", space.free_bytes),
            ("all of RAM (a dump never needs more)", memory.total_bytes),
        ]
        measured = self.session.recall_value("dump_measured_bytes")
        words = "far less where free and user pages are left out"
        if measured is not None:
            level = self.session.recall_value("dump_level")
            bars.append((f"measured at level {level}, uncompressed", int(measured)))
            words = f"{size_text(int(measured))} at level {level} before compression, as measured"
        caption = (
            f"Room for the dump of {self.parameters.host}: {size_text(space.free_bytes)} free on {space.target}; "
            f"a dump takes at most the {size_text(memory.total_bytes)} of RAM, and {words}."
        )
        return StepReport("Room for the dump", figure=dump_space(bars, caption))

    @step
    def take_baseline(self) -> StepReport:
        title = "Baseline"
        if self.session.recall_value("baseline_boot_id") and self.session.attempted_before("intent", "panic"):
            return StepReport(title, conclusion="kept from the attempt that asked for the panic")
        elsewhere = self._dumps_elsewhere()
        if elsewhere:
            if self.applying:
                raise GateClosed(
                    f"{self.parameters.host}: {elsewhere}; nothing was crashed",
                    "let it dump to a file system of its own for the test, or crash it by hand and look there",
                )
            return StepReport(title, findings=(Finding("dump.baseline", Status.SKIP, elsewhere),))
        directory = self._dump_directory()
        dumps = list_dumps(self.target, self.distribution, directory)
        boot = self.known(self.survey.boot)
        clock = self.target.run(command("date", "+%s.%N", title="the host's clock"))
        skew_s = float(clock.checked().text) - (clock.started_at + clock.duration_s / 2)
        self.keep(
            baseline_boot_id=boot.boot_id,
            baseline_dumps=[dump.path or dump.directory for dump in dumps],
            dump_directory=directory,
            clock_skew_s=round(skew_s, 3),
        )
        return StepReport(
            title,
            facts=(
                ("boot id", boot.boot_id),
                ("dumps in " + directory, str(len(dumps))),
                *((dump.directory, f"{dump.state}, {size_text(dump.size_bytes)}") for dump in dumps[-10:]),
                ("the host's clock", f"{skew_s:+.1f} s from this machine's"),
            ),
        )

    @step
    def take_fingerprint(self) -> StepReport:
        """What the test is about to prove something about, kept beside it: a later run tells by it what has changed."""
        title = "What is being proved"
        if not self.applying:
            return StepReport(title, conclusion=f"mode is {self.parameters.mode}: nothing is proved")
        if self.session.attempted_before("intent", "panic"):
            return StepReport(title, conclusion="kept from the attempt that asked for the panic")
        found = self._what_is_proved()
        self.keep(fingerprint=fingerprint_as_json(found))
        facts = (*found.parts.items(), *((name, f"not known: {why}") for name, why in found.unknown.items()))
        return StepReport(title, facts=facts, conclusion="a change of any of these makes the proof stale")

    @step
    def give_consent(self) -> StepReport:
        return consent_report(self, needed=not self.session.attempted_before("intent", "panic"), deed="crashed")

    @step
    def trigger_panic(self) -> StepReport:
        title = "Panic"
        if not self.applying:
            return StepReport(title, conclusion=f"mode is {self.parameters.mode}: nothing was crashed")
        if self.intent is not None:
            return StepReport(title, conclusion="this run has asked for the panic already: it is never asked for twice")
        if not self.session.recall_value("baseline_boot_id"):
            raise GateClosed(
                f"there is no baseline of {self.parameters.host}, so a new dump could not be told from an old one; "
                "nothing was crashed",
                "run the cell `Baseline` first",
            )
        consent, boot = self.read_consent()
        label = self.session.run_id
        self.lock()
        self.session.note(
            "intent", {"what": "panic", "boot_id": boot.boot_id, "label": label, "host": consent.nodename}
        )
        result = trigger_panic(self.target, label, consent)
        self.target.disconnect()
        self.keep(panic_triggered_at=result.started_at + result.duration_s)
        return StepReport(
            title,
            facts=(("label in the kernel's log", MARK + label), ("boot id", boot.boot_id)),
            done=("the kernel panics in one second",),
        )

    @step
    def wait_for_return(self) -> StepReport:
        title = "Return"
        intent = self.intent
        if intent is None:
            return StepReport(title, conclusion="nothing was crashed, so there is nothing to wait for")
        try:
            back = self._wait(str(intent["boot_id"]))
        except HostNeverCameBack as error:
            error.hint += console_tail(self.session)
            self.session.note("outcome", {"what": "panic", "came_back": False})
            raise
        triggered_at = self.session.recall_value("panic_triggered_at")
        began_at = float(triggered_at) if triggered_at else back.started_at
        self.session.note("outcome", {"what": "panic", "came_back": True, "boot_id": back.boot_id})
        self.keep(
            lost_at=back.lost_at, capture_seen_at=back.capture_seen_at, back_at=back.back_at,
            away_s=round(back.back_at - began_at, 1),
        )  # fmt: skip
        self.forget_boot()
        away_s = back.back_at - began_at
        return StepReport(
            title,
            facts=(
                ("boot id before", str(intent["boot_id"])),
                ("boot id now", back.boot_id),
                ("its capture kernel answered", "yes" if back.capture_seen_at else "no, as is usual"),
                ("away for", f"{away_s:.1f} s"),
            ),
            findings=(
                Finding(
                    "panic_test.returned",
                    Status.PASS,
                    f"the host is back in another boot ({back.boot_id}) {away_s:.0f} s after the panic",
                ),
            ),
        )

    def _wait(self, old_boot_id: str) -> BootReturn:
        timeout_s = float(self.parameters.dump_timeout_s)
        resumed = self.session.attempted_before("intent", "panic")
        began = self.session.clock.now()

        def look() -> BootSighting:
            sighting = read_boot_sighting(self.target)
            same_boot = sighting.boot_id == old_boot_id
            if resumed and same_boot and self.session.clock.now() - began > SURELY_DOWN_BY_S:
                self.session.note("outcome", {"what": "panic", "came_back": False, "happened": False})
                raise GateClosed(
                    f"{self.parameters.host} still runs the boot in which the panic was asked for: the run was "
                    "stopped before the kernel was made to panic, and it is not asked for a second time",
                    "begin a new run: kdumpkit run HOST.yaml",
                )
            return sighting

        def tell(progress: Progress) -> None:
            seen = progress.seen.split(" (")[0]
            self.session.tell_wait(f"panic: the host {seen}", progress.elapsed_s, EXPECTED_PANIC_S)

        return wait_for_new_boot(
            look,
            self.session.clock,
            old_boot_id,
            timeout_s,
            tell,
            host=self.parameters.host,
        )

    @step
    def find_dump(self) -> StepReport:
        title = "The new dump"
        if self.intent is None:
            return StepReport(title, conclusion="nothing was crashed, so there is no new dump")
        known = set(self.session.recall_value("baseline_dumps") or ())
        directory = self._dump_directory()
        dumps = list_dumps(self.target, self.distribution, directory)
        new = [dump for dump in dumps if (dump.path or dump.directory) not in known]
        finding = _judge_new_dumps(new, directory, self.parameters.host)
        finished = [dump for dump in new if dump.state is DumpState.FINISHED]
        facts: list[tuple[str, str]] = [
            (dump.directory, f"{dump.state}, {size_text(dump.size_bytes)}" + (f" ({dump.note})" if dump.note else ""))
            for dump in new
        ]
        if finished:
            dump = finished[-1]
            self.keep(dump_path=dump.path, dump_size_bytes=dump.size_bytes, dmesg_path=dump.dmesg_path)
            facts += self._keep_file_times(dump)
        return StepReport(title, facts=tuple(facts), findings=(finding,))

    @step
    def verify_dump(self) -> StepReport:
        title = "What is in the dump"
        path = self.session.recall_value("dump_path")
        intent = self.intent
        if intent is None or path is None:
            return StepReport(title, conclusion="there is no new dump to look into")
        size_bytes = int(self.session.recall_value("dump_size_bytes"))
        findings = [check_dump_ends(self.target, str(path), size_bytes)]
        dmesg_path = self.session.recall_value("dmesg_path")
        texts: tuple[Verbatim, ...] = ()
        if dmesg_path:
            state = read_files(self.target, [str(dmesg_path)], max_bytes=LOG_BYTES)[str(dmesg_path)]
            data = state.data if isinstance(state, FileContent) else b""
            findings.append(
                check_test_label("panic_test.log_label", data, str(intent["label"]), str(dmesg_path), (state.record,))
            )
            last = data.decode("utf-8", "replace").splitlines()[-30:]
            texts = (Verbatim(f"the end of {dmesg_path}", "\n".join(last)),)
        return StepReport(title, findings=tuple(findings), texts=texts)

    @step
    def plot_timeline(self) -> StepReport:
        recall = self.session.recall_value
        if self.intent is None or recall("panic_triggered_at") is None or recall("back_at") is None:
            return StepReport("Crash timeline", conclusion="nothing was crashed, so there are no times to draw")
        zero = float(recall("panic_triggered_at"))
        end = float(recall("back_at")) - zero
        began, written = recall("dump_began_at"), recall("dump_written_at")
        phases: list[tuple[str, float, float]] = []
        if recall("lost_at"):
            phases.append(("connection loss noticed", 0.0, float(recall("lost_at")) - zero))
        if began and written:
            phases += [
                ("panic, capture kernel boots", 0.0, float(began) - zero),
                ("dump is written", float(began) - zero, float(written) - zero),
                ("reboot to the normal kernel", float(written) - zero, end),
            ]
        else:
            phases.append(("panic, dump and reboot", 0.0, end))
        caption = f"{self.parameters.host} was away for {end:.1f} s after the panic of {utc(zero)}" + (
            f": {float(began) - zero:.1f} s until its capture kernel began to write, "
            f"{float(written) - float(began):.1f} s of writing, {end - float(written) + zero:.1f} s until it was back."
            if began and written
            else "."
        )
        return StepReport("Crash timeline", figure=crash_timeline(phases, caption))

    def _dumps_elsewhere(self) -> str:
        # why a new dump could not be found from this host; "" where it could
        target = self.survey.dump_target
        if isinstance(target, Unknown) or target.remote is None:
            return ""
        return (
            f"dumps go to {target.remote} by {target.kind}, where the kit does not look: a test could not tell whether "
            "the panic left one"
        )

    def _dump_directory(self) -> str:
        kept = self.session.recall_value("dump_directory")
        if kept:
            return str(kept)
        target = self.survey.dump_target
        if isinstance(target, Unknown) or target.directory is None:
            reason = target.sentence() if isinstance(target, Unknown) else "its settings name none"
            raise FactNotCollected(
                f"{self.parameters.host}: where dumps go is not known: {reason}",
                f"look at {self.distribution.kdump_service().settings_path}",
            )
        return target.directory

    def _keep_file_times(self, dump: DumpCandidate) -> list[tuple[str, str]]:
        # birth and last change of the dump, by the host's clock, put on this machine's
        try:
            result = self.target.run(
                command("stat", "-c", "%.3W %.3Y", "--", str(dump.path), as_root=True, title=f"times of {dump.path}")
            ).checked()
            born, changed = (float(word) for word in result.text.split())
        except (KdumpkitError, ValueError):
            return []
        skew_s = float(self.session.recall_value("clock_skew_s") or 0.0)
        triggered_at = float(self.session.recall_value("panic_triggered_at") or 0.0)
        if not triggered_at <= born - skew_s <= changed - skew_s:
            # a file system without birth times, or a clock that was set in between
            return []
        self.keep(dump_began_at=born - skew_s, dump_written_at=changed - skew_s)
        return [("written within", f"{changed - born:.1f} s, ended {utc(changed - skew_s)}")]


def _judge_new_dumps(new: list[DumpCandidate], directory: str, host: str) -> Finding:
    name = "panic_test.dump_found"
    finished = [dump for dump in new if dump.state is DumpState.FINISHED]
    if finished:
        dump = finished[-1]
        more = f", beside {len(new) - 1} other new entries" if len(new) > 1 else ""
        return Finding(name, Status.PASS, f"{dump.path} is new, {size_text(dump.size_bytes)}{more}")
    states = {dump.state for dump in new}
    noted = next((f" ({dump.note})" for dump in reversed(new) if dump.note), "")
    if DumpState.INCOMPLETE in states:
        reason = f"a dump was begun and not finished: no room, no memory, or a reset while it was written{noted}"
        return Finding(name, Status.FAIL, f"{directory}: {reason}", f"df -h {directory}; look at the console of {host}")
    if DumpState.LOG_ONLY in states:
        reason = f"the log was saved and the dump was not: the capture kernel ran, and writing the dump failed{noted}"
        return Finding(name, Status.FAIL, f"{directory}: {reason}", f"df -h {directory}")
    reason = "nothing new: the capture kernel did not start, ran out of memory, or could not reach the dump target"
    return Finding(name, Status.FAIL, f"{directory}: {reason}", f"look at the console of {host} from the panic on")
