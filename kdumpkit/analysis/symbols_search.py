"""``python -m kdumpkit.analysis.symbols_search``: the search for a vmlinux as one JSON document, to be recorded."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from kdumpkit.analysis.symbols import CandidateState, SymbolCandidate, SymbolSearch, search_symbols
from kdumpkit.command import Command
from kdumpkit.errors import ParseError


def symbols_search_command(build_id: str, release: str, given: str) -> Command:
    """Prints ``vmlinux`` (None: none is taken) and ``candidates`` (path, state, build_id, why) that are there.

    ``build_id`` is empty where the dump does not name one. ``given`` is a file that is to be taken and no other; empty:
    every usual place is looked at.
    """
    argv = ["python", "-m", "kdumpkit.analysis.symbols_search", "--build-id", build_id, "--release", release]
    if given:
        argv += ["--given", given]
    wanted = f"with build id {build_id}" if build_id else f"of {release}"
    return Command(tuple(argv), timeout_s=120, title=f"search this machine for a vmlinux {wanted}")


def parse_symbols_search(printed: bytes, build_id: str, release: str) -> SymbolSearch:
    """The search out of what the command printed. Raises ParseError where it is no such document.

    Documents of early versions do not name the state of a candidate; it is told from the rest.
    """
    try:
        document = json.loads(printed)
        taken = document["vmlinux"]
        candidates = [_parse_candidate(row, taken) for row in document["candidates"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ParseError(f"the search for symbols printed no such document: {error}") from error
    chosen = next((c for c in candidates if taken is not None and str(c.path) == taken), None)
    if taken is not None and chosen is None:
        raise ParseError(f"the search for symbols took {taken}, which is none of the files that it looked at")
    return SymbolSearch(build_id or None, release, tuple(candidates), chosen)


def _parse_candidate(row: dict[str, str | None], taken: str | None) -> SymbolCandidate:
    path, build_id = str(row["path"]), row["build_id"]
    named = row.get("state")
    if named:
        state = CandidateState(named)
    elif path == taken:
        state = CandidateState.MATCHES
    else:
        state = CandidateState.OTHER_BUILD if build_id else CandidateState.NOT_A_VMLINUX
    return SymbolCandidate(Path(path), state, build_id, str(row["why"]))


def main(arguments: list[str]) -> int:
    """Print the document."""
    parser = argparse.ArgumentParser(prog="python -m kdumpkit.analysis.symbols_search")
    parser.add_argument("--build-id", required=True)
    parser.add_argument("--release", required=True)
    parser.add_argument("--given", type=lambda text: Path(text).expanduser())
    options = parser.parse_args(arguments)
    found = search_symbols(options.build_id or None, options.release, options.given)
    document = {
        "vmlinux": None if found.path is None else str(found.path),
        "candidates": [
            {"path": str(c.path), "state": str(c.state), "build_id": c.build_id, "why": c.reason}
            for c in found.candidates
            if c.state is not CandidateState.ABSENT or options.given is not None
        ],
    }
    print(json.dumps(document))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
