"""How long a capture takes: measured by an earlier panic test, or a stated assumption."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CaptureTime:
    """Seconds from the panic until the dump is written, and where the number is from."""

    seconds: float
    #: "measured by run 20261123T064506Z", "assumed"
    source: str

    def words(self) -> str:
        """The time with its source: ``18 s (measured by run ...)``."""
        return f"{self.seconds:g} s ({self.source})"


#: boot of the capture kernel and dump as measured on one server in the field (71 s and 29 s)
ASSUMED = CaptureTime(100.0, "assumed: 71 s of boot and 29 s of writing were measured on a server")
