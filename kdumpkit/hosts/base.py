"""The one seam between kdumpkit and machines: give a host a command, get its result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Protocol

from kdumpkit.command import Command, CommandResult

#: called with (bytes so far, bytes in all)
Progress = Callable[[int, int], None]


class Runs(Protocol):
    """What a command can be run on."""

    name: str

    def run(self, command: Command) -> CommandResult: ...


@dataclass(frozen=True)
class Fetched:
    """A file that was copied from a host: where it lies here, its size and the digest of both copies."""

    path: Path
    size_bytes: int
    sha256: str
    record: int = -1


class Host(ABC):
    """A machine that commands can be run on.

    ``run`` returns for every exit status of the command; it raises a :class:`~kdumpkit.errors.HostError`
    where there is no exit status: :class:`ConnectError` (no connection), :class:`CommandTimeout` (no end in
    time), :class:`HostLost` (connection broke).
    """

    #: the name that messages use
    name: str = "host"

    @abstractmethod
    def run(self, command: Command) -> CommandResult: ...

    def begin(self, command: Command) -> Callable[[], CommandResult]:
        """The command, run while other things are asked. What is returned gives what ``run`` gives, once it has ended.

        A host that does one thing after the other, such as a record, runs it when it is asked for the result.
        """
        return self.begin_in_turn([command])[0]

    def begin_in_turn(self, commands: Sequence[Command]) -> list[Callable[[], CommandResult]]:
        """As :meth:`begin`, for several that are run one after the other beside what else is asked."""
        return [partial(self.run, command) for command in commands]

    @abstractmethod
    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        """Copy one file here. Digests of both ends are compared; raises NotVerified where they differ."""

    def disconnect(self) -> None:  # noqa: B027 - most hosts hold nothing
        """Drop any connection that is held; the next ``run`` makes a new one."""

    def expect_return(self) -> None:  # noqa: B027 - most hosts have no other way of looking
        """The host goes down or is down, and is looked for: a look that finds nothing must not last long."""

    def release(self) -> None:
        """Nothing more is asked by us. A connection that others share stays, one that is ours ends."""
        self.disconnect()

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()


def begin_in_thread(
    run: Callable[[Command], CommandResult], commands: Sequence[Command]
) -> list[Callable[[], CommandResult]]:
    """:meth:`Host.begin_in_turn` for a host whose ``run`` may be called from several threads."""
    results: list[Future[CommandResult]] = [Future() for _ in commands]

    def work() -> None:
        for command, result in zip(commands, results, strict=True):
            try:
                result.set_result(run(command))
            except BaseException as error:
                result.set_exception(error)

    Thread(target=work, daemon=True, name=", ".join(command.shown() for command in commands)).start()
    return [result.result for result in results]
