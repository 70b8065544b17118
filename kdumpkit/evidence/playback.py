"""A transcript served back: the same commands in the same order get the same answers, and nothing is live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kdumpkit import errors
from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import EvidenceError, HostError, KdumpkitError, ReplayDivergence
from kdumpkit.evidence.transcript import TIMED_KINDS, Record, command_key, decode_bytes, read_transcript


class Playback:
    """The records of one stage, its last attempt, in order.

    Raises ReplayDivergence where the stage was never recorded.
    """

    def __init__(self, folder: Path, stage: str) -> None:
        self.folder = folder
        records = read_transcript(folder)
        begins = [r for r in records if r.kind == "stage" and r.stage == stage]
        if not begins:
            raise ReplayDivergence(
                f"{folder} holds no recording of stage {stage}",
                "replay a folder in which this stage was run: ls <folder>/*.ipynb",
            )
        self.begin = begins[-1]
        #: everything that was recorded before this attempt began, over all stages
        self.earlier = records[: self.begin.number]
        #: what the recorded attempt itself kept
        self.own = [r for r in records[self.begin.number + 1 :] if r.attempt == self.begin.attempt and r.stage == stage]
        self._served = [r for r in self.own if r.kind in ("command", "fetch")]
        self._position = 0
        self.now = self.begin.ended_at

    def begin_step(self, name: str) -> None:
        """Go to the first answer that this step was given.

        A replay leaves out the cells that cannot be undone, and what they asked is passed over with them.
        """
        rest = range(self._position, len(self._served))
        self._position = next((i for i in rest if self._served[i].step == name), self._position)

    def next_command(self, host: str, command: Command) -> CommandResult:
        """The recorded answer to this command, or the recorded failure raised again."""
        record = self._next("command", command_key(host, command), command.shown())
        _raise_failure(record)
        return CommandResult(
            command,
            int(record.data["exit_status"]),
            decode_bytes(record.data["stdout"], self.folder),
            decode_bytes(record.data["stderr"], self.folder),
            record.started_at,
            record.duration_s,
            record.number,
        )

    def next_fetch(self, host: str, remote: str) -> Record:
        """The record of a file that was copied, or the recorded failure raised again."""
        record = self._next("fetch", {"host": host, "remote": remote}, f"fetch of {remote}")
        _raise_failure(record)
        return record

    def _next(self, kind: str, key: dict[str, Any], shown: str) -> Record:
        if self._position >= len(self._served):
            raise ReplayDivergence(
                f"the replay asks for `{shown}`, and the recording of stage {self.begin.stage} ends before it",
                "the notebook or kdumpkit differ from those that made the recording; use the versions in manifest.json",
            )
        record = self._served[self._position]
        recorded = {name: record.data.get(name) for name in _KEY_NAMES if name in record.data}
        if record.kind != kind or recorded != key:
            expected = record.data.get("title") or " ".join(record.data.get("argv", [record.data.get("remote", "")]))
            raise ReplayDivergence(
                f"the replay asks for `{shown}` where record {record.number} holds `{expected[:200]}`",
                "the notebook or kdumpkit differ from those that made the recording; use the versions in manifest.json",
            )
        self._position += 1
        if record.kind in TIMED_KINDS:
            self.now = record.ended_at
        return record


def _raise_failure(record: Record) -> None:
    failure = record.data.get("failure")
    if failure is None:
        return
    # only what a host can raise, whatever else a record names
    kind = getattr(errors, str(failure["type"]), None)
    if not isinstance(kind, type) or not issubclass(kind, KdumpkitError) or issubclass(kind, EvidenceError):
        kind = HostError
    raise kind(str(failure["message"]), str(failure.get("hint", "")))


_KEY_NAMES = ("host", "argv", "title", "as_root", "stdin_sha256", "remote")
