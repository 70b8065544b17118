"""A finding: one thing that was looked at, how it stands, why, and what to type when it is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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


def newest_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The last finding for each id: a thing that was wrong, was changed and was read back counts as read back."""
    return tuple({finding.id: finding for finding in findings}.values())


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """A finding as it stands in records and results."""
    return {
        "id": finding.id,
        "status": str(finding.status),
        "reason": finding.reason,
        "remedy": finding.remedy,
        "records": list(finding.records),
    }


def finding_from_json(data: Mapping[str, Any]) -> Finding:
    """The finding that :func:`finding_as_json` wrote."""
    return Finding(
        str(data["id"]), Status(data["status"]), str(data["reason"]), str(data["remedy"]), tuple(data["records"])
    )
