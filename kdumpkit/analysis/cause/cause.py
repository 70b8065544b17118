"""What a rule says: a sentence, how sure it is, what it rests on, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Confidence(StrEnum):
    """How sure a cause is; best first."""

    #: the kernel, the firmware or the panic's own words name it; nothing is inferred
    CERTAIN = "certain"
    #: several independent signs point to it, and none against
    LIKELY = "likely"
    #: it fits what is seen, and so do other causes
    POSSIBLE = "possible"
    #: what the log or the dump shows is not enough
    UNKNOWN = "not known"


class Origin(StrEnum):
    """Where the cause lies, so that the right person is asked."""

    #: somebody made the kernel crash on purpose
    OPERATOR = "operator"
    #: a module that does not come with the kernel
    MODULE = "out-of-tree module"
    #: the kernel itself, its own modules included
    KERNEL = "kernel"
    HARDWARE = "hardware"
    #: disks, controllers, file servers and the way to them
    STORAGE = "storage"
    #: memory ran out
    MEMORY = "memory use"
    #: boot parameters, root file system, sysctls
    SETTINGS = "settings"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Evidence:
    """One thing that a cause rests on."""

    #: ``log``, or the part of the dump: ``dump: crashed_task``
    source: str
    #: of the log; None where it is not from there
    line: int | None
    #: the line without its prefix, or the values in words
    text: str


@dataclass(frozen=True)
class NextStep:
    """One thing to do."""

    text: str
    #: to paste on the host that crashed; empty where it is no command
    command: str = ""


@dataclass(frozen=True)
class Cause:
    """Why a kernel died, as far as it can be told."""

    #: stable name of the rule, such as ``null_pointer.out_of_tree``
    rule: str
    #: for somebody who is no kernel developer
    sentence: str
    confidence: Confidence
    origin: Origin
    evidence: tuple[Evidence, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    #: what would make it surer, one sentence each
    would_raise: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "rule": self.rule,
            "sentence": self.sentence,
            "confidence": str(self.confidence),
            "origin": str(self.origin),
            "evidence": [{"source": e.source, "line": e.line, "text": e.text} for e in self.evidence],
            "next_steps": [{"text": step.text, "command": step.command} for step in self.next_steps],
            "would_raise": list(self.would_raise),
        }
