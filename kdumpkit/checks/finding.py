"""A finding: one thing that was looked at, how it stands, why, and what to type when it is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a finding stands. UNKNOWN means that it could not be read, which is neither PASS nor FAIL."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    SKIP = "SKIP"


#: worst first
SEVERITY = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS, Status.SKIP)


@dataclass(frozen=True)
class Finding:
    """One checked thing."""

    #: dotted and stable, such as ``crashkernel.reserved``
    id: str
    status: Status
    #: one sentence with the values that were seen
    reason: str
    #: a command that can be pasted, or one sentence; empty where nothing needs doing
    remedy: str = ""
    #: numbers of the transcript records that the finding rests on
    records: tuple[int, ...] = ()


def worst_status(findings: Iterable[Finding]) -> Status:
    """The most severe status; SKIP where there is no finding."""
    present = {finding.status for finding in findings}
    return next((status for status in SEVERITY if status in present), Status.SKIP)
