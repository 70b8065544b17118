"""A host of which things are asked before their answers are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kdumpkit.command import Command, CommandResult
from kdumpkit.hosts.base import Fetched, Host, Progress


class Ahead(Host):
    """``inner``, and answers that are on their way: a command that was begun is not run again when it is asked for.

    What was begun and is never asked for is as if it had not been run: it is in no record.
    """

    def __init__(self, inner: Host) -> None:
        self.name = inner.name
        self._inner = inner
        self._begun: dict[Command, Callable[[], CommandResult]] = {}

    def begin_for(self, *readers: Callable[[Host], object]) -> None:
        """Begin the first command that each of them asks of a host, in turn, for whoever reads that next."""
        found = (_first_command(read, self.name) for read in readers)
        commands = [command for command in found if command is not None and command not in self._begun]
        if commands:
            self._begun.update(zip(commands, self._inner.begin_in_turn(commands), strict=True))

    def run(self, command: Command) -> CommandResult:
        begun = self._begun.pop(command, None)
        return self._inner.run(command) if begun is None else begun()

    def begin_in_turn(self, commands: Sequence[Command]) -> list[Callable[[], CommandResult]]:
        return self._inner.begin_in_turn(commands)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        return self._inner.fetch(remote, local, progress)

    def disconnect(self) -> None:
        self._inner.disconnect()

    def expect_return(self) -> None:
        self._inner.expect_return()

    def release(self) -> None:
        self._inner.release()


def _first_command(read: Callable[[Host], object], name: str) -> Command | None:
    try:
        read(_FirstCommand(name))
    except _Enough as asked:
        return asked.command
    return None


class _Enough(Exception):
    def __init__(self, command: Command) -> None:
        self.command = command


class _FirstCommand(Host):
    """Runs nothing: it gives away what it is asked first."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, command: Command) -> CommandResult:
        raise _Enough(command)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        raise NotImplementedError(remote)
