"""``python -m kdumpkit.analysis.symbols_search``: the search for a vmlinux as one JSON document, to be recorded."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from kdumpkit.analysis.symbols import CandidateState, find_vmlinux
from kdumpkit.command import Command


def symbols_search_command(build_id: str, release: str, given: str) -> Command:
    """Prints ``vmlinux`` (None: none of this build is here) and ``candidates`` (path, build_id, why) that are there.

    ``given`` is a file that is to be taken and no other; empty: every usual place is looked at.
    """
    argv = ["python", "-m", "kdumpkit.analysis.symbols_search", "--build-id", build_id, "--release", release]
    if given:
        argv += ["--given", given]
    return Command(tuple(argv), timeout_s=120, title=f"search this machine for a vmlinux with build id {build_id}")


def main(arguments: list[str]) -> int:
    """Print the document."""
    parser = argparse.ArgumentParser(prog="python -m kdumpkit.analysis.symbols_search")
    parser.add_argument("--build-id", required=True)
    parser.add_argument("--release", required=True)
    parser.add_argument("--given", type=lambda text: Path(text).expanduser())
    options = parser.parse_args(arguments)
    found = find_vmlinux(options.build_id, options.release, options.given)
    document = {
        "vmlinux": None if found.path is None else str(found.path),
        "candidates": [
            {"path": str(c.path), "build_id": c.build_id, "why": c.reason}
            for c in found.candidates
            if c.state is not CandidateState.ABSENT or options.given is not None
        ],
    }
    print(json.dumps(document))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
