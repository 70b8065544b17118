"""What stands in the place of a fact that could not be read, and how states and results turn into it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    """Why a fact is not known. Zero and empty are values and never appear here."""

    ABSENT = "absent"
    NOT_PERMITTED = "not permitted"
    NOT_ANSWERED = "not answered"
    NOT_UNDERSTOOD = "not understood"


@dataclass(frozen=True)
class Unknown:
    """A fact that could not be read.

    ``source`` is the path or command that was asked, ``detail`` what it said, ``records`` the transcript
    records of the attempt.
    """

    source: str
    why: Why
    detail: str = ""
    records: tuple[int, ...] = ()

    def sentence(self) -> str:
        """One sentence without a full stop: ``/proc/iomem: not permitted (addresses are zeros without root)``."""
        return f"{self.source}: {self.why}" + (f" ({self.detail})" if self.detail else "")

    @property
    def absent(self) -> bool:
        """True where the host was asked, answered, and has no such thing."""
        return self.why is Why.ABSENT
