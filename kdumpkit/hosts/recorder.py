"""A host around another: every command and every copied file is kept before its result is handed on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import HostError, KdumpkitError
from kdumpkit.evidence.transcript import Transcript, failure_as_json
from kdumpkit.hosts.base import Fetched, Host, Progress


class Recorder(Host):
    """Runs commands on ``inner`` and records them under the name ``role`` (``target`` or ``here``)."""

    def __init__(self, inner: Host, transcript: Transcript, role: str) -> None:
        self.name = inner.name
        self._inner = inner
        self._transcript = transcript
        self._role = role

    def run(self, command: Command) -> CommandResult:
        return self._kept(command, partial(self._inner.run, command), time.time(), time.monotonic())

    def begin_in_turn(self, commands: Sequence[Command]) -> list[Callable[[], CommandResult]]:
        """Begun now, and kept when its result is asked for: the order of the record is that of the questions."""
        begun = zip(commands, self._inner.begin_in_turn(commands), strict=True)
        return [partial(self._kept, command, ask, time.time(), time.monotonic()) for command, ask in begun]

    def _kept(
        self, command: Command, ask: Callable[[], CommandResult], started_at: float, clock: float
    ) -> CommandResult:
        try:
            result = ask()
        except HostError as error:
            self._transcript.record_failure(self._role, command, error, started_at, time.monotonic() - clock)
            raise
        number = self._transcript.record_command(self._role, command, result)
        return CommandResult(
            command,
            result.exit_status,
            result.stdout,
            result.stderr,
            round(result.started_at, 6),
            round(result.duration_s, 6),
            number,
        )

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        started_at = time.time()
        clock = time.monotonic()
        try:
            fetched = self._inner.fetch(remote, local, progress)
        except KdumpkitError as error:
            self._transcript.append(
                "fetch",
                {"host": self._role, "remote": remote, "failure": failure_as_json(error)},
                started_at=started_at,
                duration_s=time.monotonic() - clock,
            )
            raise
        number = self._transcript.append(
            "fetch",
            {"host": self._role, "remote": remote, "size_bytes": fetched.size_bytes, "sha256": fetched.sha256},
            started_at=started_at,
            duration_s=time.monotonic() - clock,
        )
        return Fetched(fetched.path, fetched.size_bytes, fetched.sha256, number)

    def disconnect(self) -> None:
        self._inner.disconnect()

    def expect_return(self) -> None:
        self._inner.expect_return()

    def release(self) -> None:
        self._inner.release()
