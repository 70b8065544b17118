"""A transcript served back by the cells that asked, for a person who runs cells again and in any order.

The strict :class:`~kdumpkit.evidence.playback.Playback` takes commands in the order in which they were recorded. Here
each start of a cell goes to one recorded execution of it, and what that did not ask, because another cell had asked
before, is looked up in the rest of the recording. What was never asked is a divergence as ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kdumpkit.errors import ReplayDivergence
from kdumpkit.evidence.playback import _KEY_NAMES, Playback
from kdumpkit.evidence.transcript import TIMED_KINDS, Record

#: kept at each start of a cell that a person runs, so that two runs of it one after the other are told apart
STEP = "step"


class PlaybackByCell(Playback):
    """The records of one stage, its last attempt, by execution of its cells."""

    def __init__(self, folder: Path, stage: str) -> None:
        super().__init__(folder, stage)
        self._executions = executions(self.own)
        self._execution: list[Record] = []

    def begin_step(self, name: str) -> None:
        """Go to the execution of this cell that is replayed; a cell that is run again gets the same answers."""
        self._execution = chosen_execution(self._executions, name)
        self._served = [record for record in self._execution if record.kind in ("command", "fetch")]
        self._position = 0

    def _next(self, kind: str, key: dict[str, Any], shown: str) -> Record:
        def fits(record: Record) -> bool:
            return record.kind == kind and key == {n: record.data[n] for n in _KEY_NAMES if n in record.data}

        for position in range(self._position, len(self._served)):
            if fits(self._served[position]):
                self._position = position + 1
                record = self._served[position]
                break
        else:
            found = _nearest([r for r in self.own if fits(r)], self._execution)
            if found is None:
                raise ReplayDivergence(
                    f"the replay asks for `{shown}`, which nothing in the recording of stage {self.begin.stage} asked",
                    "the notebook or kdumpkit differ from those that made the recording; "
                    "use the versions in manifest.json",
                )
            record = found
        if record.kind in TIMED_KINDS:
            self.now = record.ended_at
        return record


def executions(own: Iterable[Record]) -> list[list[Record]]:
    """Records by execution of a cell, in the order in which they were run."""
    found: list[list[Record]] = []
    for record in own:
        if not found or record.kind == STEP or record.step != found[-1][-1].step:
            found.append([])
        found[-1].append(record)
    return found


def chosen_execution(found: list[list[Record]], name: str) -> list[Record]:
    """The execution of a cell that stands for it; empty where it was never run.

    The last one counts. But one that changed the host says more than a later one that had nothing left to do, and
    one that ended in an error says less than any that did not.
    """

    def worth(execution: list[Record]) -> tuple[bool, bool, int]:
        kinds = {record.kind for record in execution}
        return "error" not in kinds, "intent" in kinds, execution[0].number

    return max((execution for execution in found if execution[0].step == name), key=worth, default=[])


def _nearest(fitting: list[Record], execution: list[Record]) -> Record | None:
    # what another cell had asked before is what this one saw; else what a later one asked
    begin = execution[0].number if execution else 0
    before = [record for record in fitting if record.number < begin]
    return before[-1] if before else next(iter(fitting), None)
