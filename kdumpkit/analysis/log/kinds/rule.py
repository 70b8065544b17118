"""What a rule is: a message of the kernel that opens a report, and what it says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from kdumpkit.analysis.log.model import Severity


class Role(Enum):
    """What a matching line does to the reports that are open."""

    #: a report of its own
    OPEN = "open"
    #: a report only if registers or a call trace follow: the words alone are also used in harmless messages
    MAYBE = "maybe"
    #: the ``[#1]`` line that die() prints: part of the report that named the cause, or a report of its own
    DIE = "die"


@dataclass(frozen=True)
class Rule:
    """One message. ``literals`` must stand in the line, one of them is enough: they keep the reader fast."""

    literals: tuple[bytes, ...]
    #: searched in the message; named groups become fields (cpu, pid, comm, address, bug_at, place)
    pattern: re.Pattern[str]
    kind: str
    severity: Severity
    role: Role = Role.OPEN
