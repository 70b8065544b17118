"""``python -m kdumpkit.vmcore.report DUMP``: what a dump says of itself, as one JSON document.

Run as a process of its own, so that what it prints can be recorded and replayed, and a damaged dump ends only it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from kdumpkit.errors import KdumpkitError
from kdumpkit.vmcore.completeness import Completeness, read_completeness


def describe(path: Path) -> dict[str, Any]:
    """The file in plain values; None for what its format does not have."""
    found: Completeness = read_completeness(path)
    header = found.header
    info = header.vmcoreinfo
    return {
        "described": header.described(),
        "state": str(found.state),
        "reason": found.reason,
        "size_bytes": found.size_bytes,
        "pages": found.pages,
        "pages_there": found.pages_there,
        "machine": header.machine,
        "release": header.release,
        "build_id": info.build_id if info else None,
        "crash_time": info.crash_time if info else None,
        "problem": header.problem,
    }


def main(arguments: list[str]) -> int:
    """Print the report; an error is JSON as well, with exit status 1."""
    try:
        print(json.dumps(describe(Path(arguments[0]))))
    except KdumpkitError as error:
        print(json.dumps({"error": error.message, "hint": error.hint, "type": type(error).__name__}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
