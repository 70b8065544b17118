"""Live hosts that are none: one made of a folder, and one made of a recording, whose answers are given in turn."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kdumpkit import errors
from kdumpkit.command import Command, CommandResult
from kdumpkit.evidence.transcript import Record, command_key, decode_bytes
from kdumpkit.hosts.base import Fetched, Host, Progress
from kdumpkit.hosts.local import LocalHost

SYSTEM = b"web01 6.1.0-56-amd64 #1 SMP Debian x86_64\nID=debian\nVERSION_ID=12\n"


class Folder(Host):
    """This machine with a host's places in a folder and a name of its own: files are real, some answers are given."""

    name = "web01"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ran: list[str] = []
        #: standard output and status by the first word of a command
        self.answers: dict[str, tuple[bytes, int]] = {"uname": (SYSTEM.split(b"\n")[0] + b"\n", 0)}

    def write(self, path: str, data: bytes) -> Path:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def run(self, command: Command) -> CommandResult:
        self.ran.append(command.shown())
        if command.title == "uname and os-release":
            return CommandResult(command, 0, SYSTEM, b"", 0.0, 0.0)
        if command.argv[0] in self.answers:
            stdout, status = self.answers[command.argv[0]]
            return CommandResult(command, status, stdout, b"", 0.0, 0.0)
        argv = tuple(self._inside(word) for word in command.argv)
        result = LocalHost().run(replace(command, argv=argv))
        stdout = result.stdout.replace(str(self.root).encode(), b"")
        return CommandResult(command, result.exit_status, stdout, result.stderr, 0.0, 0.0)

    def _inside(self, word: str) -> str:
        places = ("/run/kdumpkit", "/var/", "/etc/", "/boot", "/sys/", "/proc/", "/lib/modules", "/usr/lib/debug")
        return str(self.root) + word if word.startswith(places) else word

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        raise NotImplementedError


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
