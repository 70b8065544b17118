"""A small evidence folder, written record by record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kdumpkit.checks.finding import Finding, Status, finding_as_json
from kdumpkit.command import Command, CommandResult
from kdumpkit.evidence.transcript import Transcript

STAGES = ("01-prerequisites", "02-grub-crashkernel")


def result_of(command: Command, stdout: bytes = b"", stderr: bytes = b"", status: int = 0) -> CommandResult:
    return CommandResult(command, status, stdout, stderr, 1000.0, 0.25)


class Story:
    """Tells what happened in a run, as the runner and the stages record it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.transcript = Transcript(folder)

    def run(self) -> Story:
        self.transcript.append("run", {"host": "web01", "run_id": "r1", "versions": {"kdumpkit": "1"}, "templates": {}})
        return self

    def begin(self, stage: str, attempt: int = 1) -> Story:
        self.transcript.stage, self.transcript.attempt, self.transcript.step = stage, attempt, "open"
        parameters = {"host": "web01", "mode": "check"}
        self.transcript.append("stage", {"run_id": "r1", "given": {}, "parameters": parameters}, started_at=900.0)
        return self

    def step(self, name: str) -> Story:
        self.transcript.step = name
        return self

    def note(self, kind: str, **data: Any) -> Story:
        self.transcript.append(kind, data, started_at=950.0)
        return self

    def find(self, *findings: tuple[str, Status] | Finding) -> Story:
        made = [f if isinstance(f, Finding) else Finding(f[0], f[1], f"{f[0]} is {f[1]}") for f in findings]
        return self.note("findings", findings=[finding_as_json(f) for f in made])

    def fail(self, exit_status: int = 1, kind: str = "GateClosed") -> Story:
        return self.note("error", type=kind, message="it is closed", hint="open it", exit_status=exit_status)

    def end(self) -> Story:
        return self.note("result", status="PASS", findings=[])

    def ask(self, *argv: str, stdout: bytes = b"", host: str = "target", **options: Any) -> Story:
        command = Command(argv, **options)
        self.transcript.record_command(host, command, result_of(command, stdout))
        return self
