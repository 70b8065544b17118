"""A host of which things are asked before their answers are needed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import KdumpkitError
from kdumpkit.hosts.base import Fetched, Host, Progress


class Ahead(Host):
    """``inner``, and answers that are on their way: a command that was begun is not run again when it is asked for.

    What was begun and not asked for is in no record until :meth:`settle`.
    """

    def __init__(self, inner: Host) -> None:
        self.name = inner.name
        self._inner = inner
        self._begun: dict[Command, Callable[[], CommandResult]] = {}

    def begin_for(self, *readers: Callable[[Host], object]) -> None:
        """Begin the first command that each of them asks of a host, in turn, for whoever reads that next."""
        found = (_first_command(read, self.name) for read in readers)
        self.begin_ahead(*(command for command in found if command is not None))

    def begin_ahead(self, *commands: Command) -> None:
        """Begin these, in turn, for whoever asks for one of them next."""
        new = [command for command in commands if command not in self._begun]
        if new:
            self._begun.update(zip(new, self._inner.begin_in_turn(new), strict=True))

    def settle(self) -> None:
        """Ask for what was begun and not asked for yet, so that a record has all that a host was made to do."""
        while self._begun:
            _, ask = self._begun.popitem()
            with contextlib.suppress(KdumpkitError):  # nobody needs it
                ask()

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
