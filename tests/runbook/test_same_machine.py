"""After a panic it is looked whether the machine that answers is the one that was crashed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kdumpkit.checks.finding import Status
from kdumpkit.evidence.transcript import Record, decode_bytes, encode_bytes
from kdumpkit.runbook.analysis import Analysis

from .conftest import RECORDING
from .hosts import RecordedAnswers

STAGE = "06-analysis"
Stopped = Callable[[int, int], tuple[RecordedAnswers, dict[str, object], Path]]


@pytest.mark.parametrize(("machine_id", "found"), [(None, []), ("0" * 32, [("panic_test.machine", Status.FAIL)])])
def test_stage_06_tells_another_machine(
    live_from: Stopped, records: tuple[Record, ...], machine_id: str | None, found: list[tuple[str, Status]]
) -> None:
    begin = max(r.number for r in records if r.kind == "stage" and r.stage == STAGE)
    host, given, _ = live_from(begin - 1, begin)
    if machine_id is not None:
        survey = next(r for r in records[begin:] if r.kind == "command" and "/etc/machine-id" in r.data["argv"])
        told = decode_bytes(survey.data["stdout"], RECORDING)
        other, count = re.subn(rb"(?m)^[0-9a-f]{32}$", machine_id.encode(), told)
        assert count == 1
        host.only(survey.data["title"], [replace(survey, data={**survey.data, "stdout": encode_bytes(other)})])
    stage = Analysis.open(given)
    stage.locate_dump()
    assert [(finding.id, finding.status) for finding in stage.plot_dump_size().findings] == found
