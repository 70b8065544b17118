"""A live host made of a recording: each command gets the answers that it was given, in turn, the last one again."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from pathlib import Path

from kdumpkit import errors
from kdumpkit.command import Command, CommandResult
from kdumpkit.evidence.transcript import Record, command_key, decode_bytes
from kdumpkit.hosts.base import Fetched, Host, Progress


class RecordedAnswers(Host):
    """Unlike a replay it takes commands in any order, so a session may be live; what was never asked fails the test."""

    def __init__(self, folder: Path, records: Sequence[Record], role: str = "target") -> None:
        self.name = "recorded"
        self.asked: list[str] = []
        self._folder = folder
        self._role = role
        self._answers: dict[tuple[str, ...], deque[Record]] = defaultdict(deque)
        for record in records:
            if record.kind == "command" and record.data["host"] == role:
                self._answers[tuple(record.data["argv"])].append(record)

    def run(self, command: Command) -> CommandResult:
        self.asked.append(command.shown())
        key = tuple(command_key(self._role, command)["argv"])
        answers = self._answers.get(key)
        if not answers:
            raise AssertionError(f"the recording has no answer to {command.shown()}")
        record = answers[0] if len(answers) == 1 else answers.popleft()
        failure = record.data.get("failure")
        if failure:
            raise getattr(errors, failure["type"])(failure["message"], failure["hint"])
        stdout, stderr = (decode_bytes(record.data[name], self._folder) for name in ("stdout", "stderr"))
        return CommandResult(command, record.data["exit_status"], stdout, stderr, record.started_at, record.duration_s)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        raise AssertionError(f"nothing was to be fetched, and {remote} is")

    def only(self, title: str, records: Sequence[Record]) -> None:
        """Let the command with this title have these answers and no others."""
        for answers in self._answers.values():
            if answers and answers[0].data.get("title") == title:
                answers.clear()
                answers.extend(records)
