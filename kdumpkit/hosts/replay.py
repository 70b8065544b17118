"""A host that is only a recording. It has no way to reach a machine."""

from __future__ import annotations

from pathlib import Path

from kdumpkit.command import Command, CommandResult
from kdumpkit.evidence.playback import Playback
from kdumpkit.hosts.base import Fetched, Host, Progress


class ReplayHost(Host):
    """Answers from a :class:`~kdumpkit.evidence.playback.Playback`; raises ReplayDivergence for anything else."""

    def __init__(self, name: str, playback: Playback, role: str) -> None:
        self.name = name
        self._playback = playback
        self._role = role

    def run(self, command: Command) -> CommandResult:
        return self._playback.next_command(self._role, command)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        record = self._playback.next_fetch(self._role, remote)
        return Fetched(local, int(record.data["size_bytes"]), str(record.data["sha256"]), record.number)
