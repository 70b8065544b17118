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

    def look_again(self) -> str:
        """How a person sees the same on the host: a command for paths, else what was asked in words."""
        paths = self.source.split(" or ")
        if not all(path.startswith("/") and " " not in path for path in paths):
            return f"on the host, see: {self.source}"
        return f"on the host: {'ls -ld' if self.absent else 'cat'} {' '.join(paths)}"

    @property
    def absent(self) -> bool:
        """True where the host was asked, answered, and has no such thing."""
        return self.why is Why.ABSENT
