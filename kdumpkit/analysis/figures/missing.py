"""A figure that cannot be made, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Missing:
    """What is there instead of a figure: one sentence, without a full stop."""

    reason: str
