"""A run: the six notebooks executed for one host into one evidence folder, resumed where it stopped, and sealed."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import platform
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import kdumpkit
from kdumpkit import errors
from kdumpkit.errors import ConsentMissing, KdumpkitError, ParameterError, ReplayDivergence, UsageError
from kdumpkit.evidence.manifest import check_signing_key, sign_manifest, write_manifest
from kdumpkit.evidence.transcript import (
    BLOBS,
    TRANSCRIPT,
    Transcript,
    check_evidence_dir,
    read_transcript,
    write_synced,
)
from kdumpkit.evidence.verdict import ERROR, INTERRUPTED, NOT_RUN, RunVerdict, StageVerdict, judge
from kdumpkit.evidence.verify import RESULT, result_bytes
from kdumpkit.hosts.ssh_keeper import LoginKeeper
from kdumpkit.parameters import FIELDS, Parameters
from kdumpkit.runbook.kernel_process import KernelsAhead, kernel_environment, warm_kernels
from kdumpkit.runbook.lock import lock_here
from kdumpkit.runbook.resume import resumed_run_dir
from kdumpkit.runbook.session import (
    ROLLBACK_STAGES,
    STAGES,
    evidence_root,
    new_run_dir,
    run_dumps_dir,
    ssh_host,
)

#: the installed packages whose versions the manifest names
_VERSIONED = ("papermill", "nbclient", "nbformat", "nbval", "ipykernel", "matplotlib", "drgn", "pydantic")


#: the code cell with which the next stage's kernel is started, the injected parameters counted: the stage's own start
#: is over by then, and in 01-prerequisites it is the one that waits for packages
_FOLLOWING_BEGINS_AT = 7


class Listener(Protocol):
    """Who is told how a run goes on."""

    def stage_begins(self, stage: str, number: int, of: int) -> None: ...
    def step_begins(self, number: int, of: int, step: str) -> None: ...
    def waiting(self, text: str, elapsed_s: float, expected_s: float) -> None: ...
    def stage_ends(self, verdict: StageVerdict) -> None: ...


@dataclass(frozen=True)
class RunOutcome:
    """Where a run's evidence lies and how it ended."""

    host: str
    mode: str
    run_dir: Path
    verdict: RunVerdict
    report: Path


def notebooks_dir() -> Path:
    """The folder of the notebook templates. Raises UsageError where it is not beside the package."""
    folder = Path(kdumpkit.__file__).resolve().parent.parent / "notebooks"
    if not folder.is_dir():
        raise UsageError(
            f"the notebooks are not at {folder}", "install with `pip install -e .` from a clone of the repository"
        )
    return folder


def run_stages(parameters: Parameters, listener: Listener, *, resume: bool = False) -> RunOutcome:
    """Execute the six notebooks and seal the folder; in ``rollback`` those three that change files, in reverse order.

    A stage that fails ends a run in ``apply``; in ``check`` and ``plan`` the following ones are executed all the
    same, unless the host cannot be talked to. ``resume`` goes on with the newest unsealed run from the first
    stage that has no good end.
    """
    _refuse_without_consent(parameters)
    if parameters.host_file:
        # it might name another host than the one whose folder the evidence goes to
        raise UsageError(
            f"host_file is {parameters.host_file}, and it is for notebooks that are run by hand; nothing was done",
            f"name that file itself: kdumpkit run {shlex.quote(parameters.host_file)}",
        )
    if parameters.run_id and not resume:
        raise UsageError(
            f"run_id names run {parameters.run_id} to go on with, and a new run was asked for; nothing was done",
            "add --resume to go on with it, or leave run_id empty",
        )
    if parameters.signing_key:
        check_signing_key(Path(parameters.signing_key))
    stages = ROLLBACK_STAGES if parameters.mode == "rollback" else STAGES
    templates = notebooks_dir()
    # the login and the imports of the kernels go on while papermill is imported here
    with (
        _kept_login(parameters) as keeper,
        warm_kernels() as server,
        lock_here(evidence_root(parameters) / parameters.host),
    ):
        run_dir = resumed_run_dir(parameters) if resume else new_run_dir(parameters)
        run_dir.mkdir(parents=True, exist_ok=True)
        transcript = Transcript(run_dir)
        given = {k: v for k, v in parameters.model_dump().items() if v != FIELDS[k].default}
        _note_begin(transcript, parameters, templates, resume)
        with tempfile.TemporaryDirectory(prefix="kdumpkit-") as temporary:
            progress_files = {stage: Path(temporary) / f"{stage}.progress" for stage in stages}
            environments = {
                stage: kernel_environment(run_dir, progress_file=progress_files[stage], keeper=keeper)
                for stage in stages
                if not (resume and _had_a_good_end(run_dir, stage))
            }
            kernels = KernelsAhead(server, Path.cwd(), environments)
            for stage in list(environments)[:1]:
                kernels.begin(stage)
            execute = _import_execute()
            for stage in environments:
                before = _verdict_of(run_dir, stage)
                number = stages.index(stage) + 1
                _set_earlier_notebook_aside(run_dir, stage, before)
                listener.stage_begins(stage, number, len(stages))

                with _watched(progress_files[stage], listener):
                    execution = execute.execute_notebook(
                        templates / f"{stage}.ipynb",
                        run_dir / f"{stage}.ipynb",
                        given,
                        server,
                        kernels.take(stage),
                        on_cell=partial(_cell_begins, listener, kernels, stage),
                    )
                after = _note_end(transcript, stage, execution)
                listener.stage_ends(after)
                if _ends_the_run(after, parameters):
                    break
        return seal(run_dir, parameters)


def replay_stages(recording: Path, output: Path, listener: Listener) -> RunOutcome:
    """Execute the six notebooks from a recording into ``output``, which becomes an evidence folder of that run.

    Nothing is reached but the recording. Raises UsageError where ``output`` exists already, ReplayDivergence where a
    notebook does not come to the end that was recorded; the folder then stays as it is, without a manifest.
    """
    records = read_transcript(check_evidence_dir(recording))
    if output.exists():
        raise UsageError(f"{output} exists already", f"name another folder, or remove it: rm -r {output}")
    output.mkdir(parents=True)
    for name in (TRANSCRIPT, BLOBS, "console.log"):
        if (recording / name).is_dir():
            shutil.copytree(recording / name, output / name)
        elif (recording / name).exists():
            shutil.copyfile(recording / name, output / name)
    given = {record.stage: dict(record.data["given"]) for record in records if record.kind == "stage"}
    stages = [stage for stage in given if stage in STAGES]
    environment = kernel_environment(output, replay_dir=output)
    with warm_kernels() as server:
        kernels = KernelsAhead(server, Path.cwd(), dict.fromkeys(stages, environment))
        for stage in stages[:1]:
            kernels.begin(stage)
        execute = _import_execute()
        for number, stage in enumerate(stages, 1):
            listener.stage_begins(stage, number, len(given))
            execution = execute.execute_notebook(
                notebooks_dir() / f"{stage}.ipynb",
                output / f"{stage}.ipynb",
                given[stage],
                server,
                kernels.take(stage),
                on_cell=partial(_cell_begins, listener, kernels, stage),
            )
            recorded = _verdict_of(output, stage)
            if execution.error_name == "ReplayDivergence" or (execution.ended != "finished" and not recorded.error):
                what = execution.error_text.partition("\n  next: ")[0] or execution.ended
                raise ReplayDivergence(
                    f"{stage} does not replay as it was recorded: {what}",
                    f"the notebook that stopped is {output / stage}.ipynb",
                )
            listener.stage_ends(recorded)
    return _write_results(output)


@contextlib.contextmanager
def _kept_login(parameters: Parameters) -> Iterator[Path | None]:
    """The socket of a login that is made now and kept for all stages; None where ssh is not the way to the host."""
    if parameters.transport != "ssh":
        yield None
        return
    try:
        host = ssh_host(parameters)
    except (ParameterError, UsageError):
        yield None  # the first stage says so, and keeps it
        return
    keeper = LoginKeeper()
    try:
        keeper.begin(host.login)
        yield keeper.path
    finally:
        keeper.close()


def _import_execute() -> Any:
    # nbformat validates with jsonschema, which imports what checks the formats of addresses and durations, wherever
    # that is installed; notebooks have neither, and without a grammar and a calendar it is there in a tenth of the time
    for package in ("rfc3987_syntax", "isoduration"):
        sys.modules.setdefault(package, None)  # type: ignore[arg-type]
    # only here: papermill is not imported by anything that a notebook imports
    from kdumpkit.runbook import execute

    return execute


def seal(run_dir: Path, parameters: Parameters) -> RunOutcome:
    """Write the result, the report and the manifest of a run, and sign it where a key is given."""
    console = Path(parameters.console_log).expanduser() if parameters.console_log else None
    if console is not None and console.is_file():
        shutil.copyfile(console, run_dir / "console.log")
    with contextlib.suppress(OSError):
        # commands of this machine ran in it; a run without a dump leaves nothing there
        run_dumps_dir(parameters, run_dir).rmdir()
    Transcript(run_dir).append("seal", {"status": judge(read_transcript(run_dir), STAGES).status})
    outcome = _write_results(run_dir)
    if parameters.signing_key:
        sign_manifest(run_dir, Path(parameters.signing_key))
    return outcome


def _write_results(run_dir: Path) -> RunOutcome:
    from kdumpkit.render.report import write_report

    records = read_transcript(run_dir)
    verdict = judge(records, STAGES)
    # a run whose first notebook could not open its stage has only its own beginning
    opened = [r.data["parameters"] for r in records if r.kind == "stage" and r.data["parameters"]]
    begun = next(iter(opened), None) or next((r.data for r in records if r.kind == "run"), {"host": "", "mode": ""})
    write_synced(run_dir / RESULT, result_bytes(verdict))
    report = write_report(run_dir, STAGES)
    write_manifest(run_dir, STAGES)
    return RunOutcome(str(begun["host"]), str(begun["mode"]), run_dir, verdict, report)


def _refuse_without_consent(parameters: Parameters) -> None:
    # a run in apply ends in a reboot and a panic; what would be refused there is refused before anything is changed
    if parameters.mode != "apply":
        return
    if parameters.transport == "local":
        raise ConsentMissing(
            f"{parameters.host} is the machine that runs kdumpkit, and that is never rebooted or crashed; "
            "nothing was done",
            "run kdumpkit on another machine with transport: ssh, or use mode: check or plan here",
        )
    if not parameters.consent.strip():
        raise ConsentMissing(
            f"a run in apply reboots and crashes {parameters.host}, and there is no consent to that; nothing was done",
            "set consent to the name that the host gives itself: uname -n",
        )


def _note_begin(transcript: Transcript, parameters: Parameters, templates: Path, resume: bool) -> None:
    transcript.append(
        "resume" if resume else "run",
        {
            "host": parameters.host,
            "run_id": transcript.folder.name,
            "mode": parameters.mode,
            **({"stages": list(ROLLBACK_STAGES)} if parameters.mode == "rollback" else {}),
            "versions": {
                "kdumpkit": kdumpkit.__version__,
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in _VERSIONED},
            },
            "templates": {
                stage: hashlib.sha256((templates / f"{stage}.ipynb").read_bytes()).hexdigest() for stage in STAGES
            },
        },
    )


def _note_end(transcript: Transcript, stage: str, execution: Any) -> StageVerdict:
    """Keep how the notebook ended; an end that the stage itself could not keep becomes its error."""
    verdict = _verdict_of(transcript.folder, stage)
    transcript.stage, transcript.attempt = stage, max(verdict.attempt, 1)
    transcript.append("notebook", vars(execution))
    if execution.ended != "finished" and not verdict.error:
        if verdict.attempt == 0:
            # it ended before the stage was opened; without a beginning it would count as never run
            transcript.append("stage", {"run_id": transcript.folder.name, "given": {}, "parameters": {}})
        transcript.append("error", _error_of(execution))
    transcript.stage, transcript.attempt = "", 0
    return _verdict_of(transcript.folder, stage)


def _error_of(execution: Any) -> dict[str, Any]:
    """The error that ended a notebook before its stage could keep it, with the exit status of its class."""
    hint = "kdumpkit run HOST.yaml --resume goes on with this stage"
    if execution.ended != "error":
        what = {"timeout": "a cell did not end within its time", "kernel died": "the notebook's process died"}
        return {"type": execution.ended, "message": what[execution.ended], "hint": hint, "exit_status": 1}
    kind = getattr(errors, execution.error_name, None)
    if isinstance(kind, type) and issubclass(kind, KdumpkitError):
        message, _, own_hint = execution.error_text.partition("\n  next: ")
        return {"type": kind.__name__, "message": message, "hint": own_hint or hint, "exit_status": kind.exit_status}
    message = f"{execution.error_name}: {execution.error_text}"
    return {"type": execution.error_name, "message": message, "hint": hint, "exit_status": 1}


def _verdict_of(run_dir: Path, stage: str) -> StageVerdict:
    return judge(read_transcript(run_dir), (stage,)).stages[0]


def _cell_begins(listener: Listener, kernels: KernelsAhead, stage: str, number: int, of: int, step: str) -> None:
    listener.step_begins(number, of, step)
    if number == _FOLLOWING_BEGINS_AT:
        kernels.begin_following(stage)


def _had_a_good_end(run_dir: Path, stage: str) -> bool:
    return _verdict_of(run_dir, stage).status not in (ERROR, INTERRUPTED, NOT_RUN, "FAIL", "UNKNOWN")


def _set_earlier_notebook_aside(run_dir: Path, stage: str, before: StageVerdict) -> None:
    notebook = run_dir / f"{stage}.ipynb"
    if notebook.exists():
        notebook.rename(run_dir / f"{stage}.attempt-{before.attempt}.ipynb")


def _ends_the_run(verdict: StageVerdict, parameters: Parameters) -> bool:
    if verdict.status == INTERRUPTED:
        return True
    if verdict.error:
        unusable = verdict.error.get("exit_status") in (2, 3, 4) or verdict.error.get("type") == "UnsupportedHost"
        return unusable or parameters.mode in ("apply", "rollback")
    return False


class _watched:
    """Hands the lines that a kernel writes about its waiting to the listener, while it is entered."""

    def __init__(self, path: Path, listener: Listener) -> None:
        import threading

        self._path = path
        self._listener = listener
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> None:
        self._path.touch()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        with self._path.open(encoding="utf-8") as file:
            while not self._stop.wait(0.2):
                for told in _lines(file.readlines()):
                    self._listener.waiting(str(told["text"]), float(told["elapsed_s"]), float(told["expected_s"]))


def _lines(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            # a line that is still being written is told with the next
            continue


def describe_failure(verdict: RunVerdict) -> KdumpkitError | None:
    """The error that ended a run, as an error; None where none did."""
    for stage in verdict.stages:
        if stage.error:
            return KdumpkitError(f"{stage.stage}: {stage.error['message']}", str(stage.error.get("hint", "")))
    return None
