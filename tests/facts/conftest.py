"""A host that is a directory: the real reading scripts run over a tree of files, other commands answer from a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kdumpkit.command import Command, CommandResult
from kdumpkit.hosts.base import Fetched, Host, Progress
from kdumpkit.hosts.files import Absent, FileContent, FileState, NotPermitted, Unreadable
from kdumpkit.hosts.local import LocalHost

REAL = Path(__file__).parents[1] / "distributions" / "debian-12"

Answer = tuple[int, bytes, bytes] | Exception


class TreeHost(Host):
    """Absolute paths in arguments are taken below ``root``; ``answers`` are by the first word of a command."""

    name = "tree"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.answers: dict[str, Answer] = {}
        self.commands: list[Command] = []

    def write(self, path: str, data: bytes) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def run(self, command: Command) -> CommandResult:
        self.commands.append(command)
        record = len(self.commands) - 1
        answer = self.answers.get(command.argv[0])
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return CommandResult(command, *answer, 0.0, 0.0, record)
        inside = str(self.root)
        argv = tuple(
            inside + word if word.startswith("/") else word.replace("if=/", f"if={inside}/") for word in command.argv
        )
        result = LocalHost().run(replace(command, argv=argv))
        stdout, stderr = (text.replace(inside.encode(), b"") for text in (result.stdout, result.stderr))
        return CommandResult(command, result.exit_status, stdout, stderr, 0.0, 0.0, record)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        raise NotImplementedError


@pytest.fixture
def tree(tmp_path: Path) -> TreeHost:
    return TreeHost(tmp_path)


def file_states(contents: dict[str, bytes | str | None]) -> dict[str, FileState]:
    """States by path, numbered in order.

    Bytes: the content. None: absent. "denied": not permitted. "cut": longer than the limit. Other text: unreadable.
    """
    made: dict[str, FileState] = {}
    for record, (path, content) in enumerate(contents.items()):
        if isinstance(content, bytes):
            made[path] = FileContent(path, content, 0o644, False, record)
        elif content is None:
            made[path] = Absent(path, record)
        elif content == "denied":
            made[path] = NotPermitted(path, record)
        elif content == "cut":
            made[path] = FileContent(path, b"x" * 10, 0o644, True, record)
        else:
            made[path] = Unreadable(path, content, record)
    return made
