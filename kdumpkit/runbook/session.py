"""What a notebook works with: checked parameters, the host, this machine, the clock and the record.

A session is *live* or a *replay*. It is a replay wherever there is a record to replay from: ``KDUMPKIT_REPLAY``
names a folder, or the notebook runs in a folder that holds a transcript. Under pytest it is never live. So
neither nbval nor a person who opens an archived notebook can touch a host with it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import kdumpkit
from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import ParameterError, ReplayDivergence, UsageError
from kdumpkit.evidence.manifest import MANIFEST
from kdumpkit.evidence.playback import Playback
from kdumpkit.evidence.playback_by_cell import STEP, PlaybackByCell, chosen_execution, executions
from kdumpkit.evidence.redact import redact_text
from kdumpkit.evidence.transcript import TRANSCRIPT, Record, Transcript, mend_transcript, read_transcript
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.recorder import Recorder
from kdumpkit.hosts.replay import ReplayHost
from kdumpkit.hosts.ssh import SshHost
from kdumpkit.parameters import FIELDS, Parameters, check_parameters, read_values
from kdumpkit.runbook.clock import RecordedClock
from kdumpkit.runbook.given import given_parameters

#: the notebooks, in order
STAGES = (
    "01-prerequisites",
    "02-grub-crashkernel",
    "03-reboot-check",
    "04-kexec-load",
    "05-panic-test",
    "06-analysis",
)
#: the stages that change files or services, in the order in which ``mode: rollback`` takes them back
ROLLBACK_STAGES = ("04-kexec-load", "02-grub-crashkernel", "01-prerequisites")

ENV_RUN_DIR = "KDUMPKIT_RUN_DIR"
ENV_REPLAY = "KDUMPKIT_REPLAY"
ENV_PROGRESS = "KDUMPKIT_PROGRESS"
#: the socket of the run's process, which keeps one login for all stages; absent: each stage logs in by itself
ENV_LOGINS = "KDUMPKIT_LOGINS"
#: pytest sets it for the kernels of nbval too
ENV_PYTEST = "PYTEST_CURRENT_TEST"

#: told about a wait: words, seconds so far, seconds that it is expected to take
OnWait = Callable[[str, float, float], None]


class Session:
    """One stage being run or replayed."""

    def __init__(
        self,
        stage: str,
        parameters: Parameters,
        run_dir: Path,
        record: Transcript | Playback,
        begin: Record,
        earlier: tuple[Record, ...],
    ) -> None:
        self.stage = stage
        self.parameters = parameters
        self.run_dir = run_dir
        self.begin = begin
        self.replaying = isinstance(record, Playback)
        #: a person sits at the front end and can type
        self.interactive = _person_at_front_end()
        #: a person stepped through this stage, now or when the record was made
        self.by_hand = bool(begin.data.get("by_hand"))
        self.clock = RecordedClock(record, replaying=self.replaying)
        self._record = record
        self._earlier = earlier
        self._noted: list[tuple[str, Mapping[str, Any]]] = []
        # in a replay: what the recorded stage had kept when the step that is replayed began; all of it before the first
        self._kept: list[Record] = list(record.own) if isinstance(record, Playback) else []
        self._replayed_steps: list[str] = []
        self.on_wait: OnWait | None = None
        if isinstance(record, Playback):
            self.target: Host = ReplayHost(parameters.host, record, "target")
            self.here: Host = ReplayHost("this machine", record, "here")
        else:
            self.target = Recorder(_host(parameters), record, "target")
            self.here = Recorder(_ThisMachine("this machine", cwd=self.dumps_dir), record, "here")

    @property
    def run_id(self) -> str:
        return str(self.begin.data["run_id"])

    @property
    def dumps_dir(self) -> Path:
        """Where this run's dumps are kept on this machine: beside the evidence, never inside it."""
        return run_dumps_dir(self.parameters, self.run_dir)

    @property
    def recorded(self) -> tuple[Record, ...]:
        """What the recorded stage did and kept; empty in a live run."""
        return tuple(self._record.own) if isinstance(self._record, Playback) else ()

    def begin_step(self, name: str) -> None:
        """What follows belongs to this step."""
        if isinstance(self._record, Transcript):
            self._record.step = name
            if self.interactive:
                self._record.append(STEP, {})
            return
        self._record.begin_step(name)
        self._kept = self._kept_before(self._record.own, name)
        self._replayed_steps.append(name)
        self._noted.clear()

    def _kept_before(self, own: Sequence[Record], name: str) -> list[Record]:
        # A step must not see what it is itself about to do as done already.
        runs = executions(own)
        begin = chosen_execution(runs, name)
        if begin:
            return [record for record in own if record.number < begin[0].number]
        if isinstance(self._record, PlaybackByCell):
            return list(own)
        # it kept nothing and asked nothing, so it came right after the step before it
        before = [run[-1].number for run in (chosen_execution(runs, done) for done in self._replayed_steps) if run]
        return [record for record in own if record.number <= max(before, default=-1)]

    def note(self, kind: str, data: Mapping[str, Any]) -> None:
        """Keep something that was decided or is about to be done, synced to disk. A replay writes nothing."""
        kept = _redacted(data)
        if isinstance(self._record, Transcript):
            self._record.append(kind, kept)
        self._noted.append((kind, kept))

    def recall(self, kind: str) -> list[Mapping[str, Any]]:
        """What was noted under ``kind`` in this run, oldest first, by this attempt and all before it."""
        before = [record.data for record in (*self._earlier, *self._kept) if record.kind == kind]
        return before + [data for noted, data in self._noted if noted == kind]

    def recall_value(self, name: str) -> Any:
        """The newest value that was kept under ``name`` in this run; None where there is none."""
        values = [data["values"][name] for data in self.recall("values") if name in data["values"]]
        return values[-1] if values else None

    def values_of_steps_left_out(self, done: Collection[str]) -> dict[str, Any]:
        """What this attempt kept in steps other than ``done``: a replay leaves out what cannot be undone."""
        if not isinstance(self._record, Playback):
            return {}
        own = [r for r in self._record.own if r.kind == "values" and r.step not in done]
        return {name: value for record in own for name, value in record.data["values"].items()}

    def attempted_before(self, kind: str, what: str) -> bool:
        """True where an *earlier* attempt or stage noted ``what`` under ``kind``."""
        return any(record.kind == kind and record.data.get("what") == what for record in self._earlier)

    def tell_wait(self, text: str, elapsed_s: float, expected_s: float = 0.0) -> None:
        """Tell whoever waits: the runner, or the person at the front end. Nothing of it enters the notebook."""
        if self.replaying:
            return
        if self.interactive and self.on_wait is not None:
            self.on_wait(text, elapsed_s, expected_s)
        path = os.environ.get(ENV_PROGRESS)
        if not path:
            return
        line = json.dumps({"text": text, "elapsed_s": elapsed_s, "expected_s": expected_s})
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError:
            # nobody listens any more; the work goes on
            return


class _ThisMachine(LocalHost):
    """This machine, with ``python`` standing for the interpreter that runs, so that records name no path of it."""

    def run(self, command: Command) -> CommandResult:
        if self.cwd is not None:
            self.cwd.mkdir(parents=True, exist_ok=True)
        if command.argv[0] != "python":
            return super().run(command)
        real = super().run(replace(command, argv=(sys.executable, *command.argv[1:])))
        return replace(real, command=command)


def open_session(stage: str, namespace: Mapping[str, object]) -> Session:
    """The session of a notebook whose variables are ``namespace``.

    Raises ParameterError for a variable that is no parameter or has a wrong value, UsageError where a live run
    is asked for under pytest, ReplayDivergence where a recording was made with other parameters.
    """
    given = given_parameters(stage, namespace)
    replay_dir = _replay_dir()
    if replay_dir is not None:
        return _open_replay(stage, given, replay_dir)
    if ENV_PYTEST in os.environ:
        raise UsageError(
            "under pytest a notebook is only replayed, and there is no record here to replay",
            f"run pytest in an evidence folder, or set {ENV_REPLAY} to one",
        )
    return _open_live(stage, given)


def _replay_dir() -> Path | None:
    named = os.environ.get(ENV_REPLAY)
    if named:
        return Path(named)
    if ENV_RUN_DIR not in os.environ and (Path.cwd() / TRANSCRIPT).exists():
        return Path.cwd()
    return None


def _open_replay(stage: str, given: dict[str, object], folder: Path) -> Session:
    playback = Playback(folder, stage)
    begin = playback.begin
    if _person_at_front_end() or begin.data.get("by_hand"):
        playback = PlaybackByCell(folder, stage)
    recorded = begin.data["given"]
    if given != recorded:
        changed = [name for name in FIELDS if given.get(name) != recorded.get(name)]
        shown = [f"{name} is {_said(given, name)} here and was {_said(recorded, name)}" for name in changed]
        raise ReplayDivergence(
            f"this is a replay of {folder.name}, and the parameters are not those of that run: {'; '.join(shown[:4])}",
            "set them in the parameters cell as they were, or replay the notebook that was executed, unchanged",
        )
    parameters = check_parameters(begin.data["parameters"], f"{TRANSCRIPT}, record {begin.number}")
    return Session(stage, parameters, folder, playback, begin, playback.earlier)


def _said(values: Mapping[str, object], name: str) -> str:
    return repr(values[name]) if name in values else "left at its default"


def _open_live(stage: str, given: dict[str, object]) -> Session:
    parameters = resolve_parameters(given, stage)
    named = os.environ.get(ENV_RUN_DIR)
    run_dir = Path(named) if named else choose_run_dir(parameters, stage)
    mend_transcript(run_dir)
    earlier = read_transcript(run_dir)
    transcript = Transcript(run_dir)
    transcript.stage = stage
    transcript.attempt = 1 + sum(1 for r in earlier if r.kind == "stage" and r.stage == stage)
    data = {
        "run_id": run_dir.name,
        "given": given,
        "parameters": parameters.model_dump(),
        "kdumpkit": kdumpkit.__version__,
        **({"by_hand": True} if _person_at_front_end() else {}),
    }
    started_at = round(time.time(), 6)
    number = transcript.append("stage", data, started_at=started_at)
    begin = Record(number, "stage", stage, transcript.attempt, "", started_at, 0.0, data)
    return Session(stage, parameters, run_dir, transcript, begin, earlier)


def resolve_parameters(given: Mapping[str, object], source: str) -> Parameters:
    """Parameters from what a notebook's cell says, completed from ``host_file`` where one is named."""
    values = dict(given)
    named = values.get("host_file")
    if isinstance(named, str) and named:
        path = Path(named).expanduser()
        if not path.is_absolute():
            path = next((p / path for p in (Path.cwd(), evidence_root_base()) if (p / path).exists()), path)
        values = {**read_values(path), **values}
        check_parameters(read_values(path), str(path))
    return check_parameters(values, source)


def evidence_root_base() -> Path:
    """The folder that relative paths begin from: the project's top if this is inside it, else the current one."""
    current = Path.cwd()
    for folder in (current, *current.parents):
        if (folder / "notebooks").is_dir() and (folder / "parameters").is_dir():
            return folder
    return current


def evidence_root(parameters: Parameters) -> Path:
    """Where evidence goes."""
    if parameters.evidence_dir:
        return Path(parameters.evidence_dir).expanduser().absolute()
    return evidence_root_base() / "evidence"


def run_dumps_dir(parameters: Parameters, run_dir: Path) -> Path:
    """Where a run's dumps are kept on this machine."""
    base = parameters.dumps_dir
    root = Path(base).expanduser().absolute() if base else run_dir.parent.parent.parent / "dumps"
    return root / parameters.host / run_dir.name


def new_run_dir(parameters: Parameters) -> Path:
    """A run folder that does not exist yet, named by the time in UTC."""
    base = evidence_root(parameters) / parameters.host
    name = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return next(base / n for n in (name, *(f"{name}-{i}" for i in range(2, 100))) if not (base / n).exists())


def unfinished_run_dir(parameters: Parameters) -> Path | None:
    """The newest run of this host that has a transcript and is not sealed; None where there is none."""
    base = evidence_root(parameters) / parameters.host
    if not base.is_dir():
        return None
    runs = [d for d in base.iterdir() if (d / TRANSCRIPT).exists() and not (d / MANIFEST).exists()]
    return max(runs, key=lambda d: d.name, default=None)


def choose_run_dir(parameters: Parameters, stage: str) -> Path:
    """The folder for a stage that is run by itself, by hand or by plain papermill.

    The first stage begins a new run; a later one goes on with the run that ``run_id`` names, or with the
    newest that is not sealed.
    """
    if parameters.run_id:
        folder = evidence_root(parameters) / parameters.host / parameters.run_id
        if (folder / MANIFEST).exists():
            raise UsageError(
                f"run {parameters.run_id} of {parameters.host} is sealed; nothing can be added to it",
                "leave run_id empty to begin a new run",
            )
        return folder
    if stage == STAGES[0]:
        return new_run_dir(parameters)
    return unfinished_run_dir(parameters) or new_run_dir(parameters)


def _host(parameters: Parameters) -> Host:
    if parameters.transport == "local":
        return LocalHost(parameters.host)
    return ssh_host(parameters, Path(os.environ[ENV_LOGINS]) if ENV_LOGINS in os.environ else None)


def ssh_host(parameters: Parameters, keeper: Path | None = None) -> SshHost:
    """The host behind ssh. ``keeper`` is the socket of a process that keeps the login."""
    config = Path(parameters.ssh_config).expanduser() if parameters.ssh_config else None
    if config is not None and not config.is_file():
        raise ParameterError(
            f"ssh_config is {parameters.ssh_config!r}, and there is no such file",
            "for the lab: kdumpkit lab up; otherwise name an ssh_config file or leave it empty",
        )
    return SshHost(parameters.ssh_destination or parameters.host, config=config, name=parameters.host, keeper=keeper)


def _person_at_front_end() -> bool:
    # A front end at which a person sits allows input from standard input; papermill, nbclient and nbval do not.
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    kernel = getattr(shell, "kernel", None)
    return bool(getattr(kernel, "_allow_stdin", False))


def _redacted(data: Any) -> Any:
    if isinstance(data, str):
        return redact_text(data)
    if isinstance(data, Mapping):
        return {str(name): _redacted(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_redacted(value) for value in data]
    return data
