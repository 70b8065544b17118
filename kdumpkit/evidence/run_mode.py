"""In which mode a run was started, by the first line of its transcript: daily checks are passed over fast."""

from __future__ import annotations

import json
from pathlib import Path

from kdumpkit.evidence.transcript import TRANSCRIPT

#: a first line is shorter; what is longer is none
_LONGEST_LINE = 1 << 20


def mode_of_run(folder: Path) -> str | None:
    """The mode of a run that the command line started; None for one by hand, where each notebook has its own.

    The line is not checked here: what it says only decides which transcripts are read, and those are checked.
    """
    try:
        with (folder / TRANSCRIPT).open("rb") as file:
            first = json.loads(file.readline(_LONGEST_LINE))
    except (OSError, ValueError, RecursionError):
        return None
    mode = first.get("mode") if isinstance(first, dict) and first.get("kind") == "run" else None
    return mode if isinstance(mode, str) else None
