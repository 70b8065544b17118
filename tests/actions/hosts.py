"""Hosts for tests of actions: none of them reaches the machine that runs the tests, but for ``LocalHost``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kdumpkit.command import Command, CommandResult
from kdumpkit.hosts.base import Fetched, Host, Progress


class ScriptedHost(Host):
    """Answers by a function and keeps what it was asked. Nothing is run anywhere."""

    name = "web01"

    def __init__(self, answer: Callable[[Command], CommandResult] | None = None) -> None:
        self.asked: list[Command] = []
        self.disconnected = 0
        self._answer = answer or (lambda command: result(command))

    def run(self, command: Command) -> CommandResult:
        self.asked.append(command)
        return self._answer(command)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        raise NotImplementedError

    def disconnect(self) -> None:
        self.disconnected += 1


def result(
    command: Command, status: int = 0, stdout: bytes = b"", stderr: bytes = b"", record: int = -1
) -> CommandResult:
    return CommandResult(command, status, stdout, stderr, 0.0, 0.0, record)


class FakeClock:
    """Time passes only when it is slept through."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def in_turn(answers: Sequence[object]) -> Callable[[], object]:
    """A poll that gives these in turn, the last one for ever; an exception among them is raised."""
    left = list(answers)

    def poll() -> object:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return poll
