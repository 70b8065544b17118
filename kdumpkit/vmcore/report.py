"""``python -m kdumpkit.vmcore.report DUMP [--on HOST ...]``: what a dump says of itself, as one JSON document.

Run as a process of its own, so that what it prints can be recorded and replayed, and a damaged dump ends only it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from kdumpkit.errors import KdumpkitError, NotAVmcore
from kdumpkit.hosts.on_host import add_host_options, host_from
from kdumpkit.vmcore.completeness import (
    Completeness,
    DumpState,
    completeness_of,
    completeness_of_unpacked,
    read_completeness,
)
from kdumpkit.vmcore.plain import unpacked_dump
from kdumpkit.vmcore.view import ByteView


def describe(path: Path) -> dict[str, Any]:
    """The file in plain values; None for what its format does not have.

    A packed dump is unpacked for it. Where that cannot be done here, for want of room or of a program, its state stays
    ``packed`` and the reason says why: that says nothing against the dump.
    """
    try:
        with unpacked_dump(path) as (plain, unpacked):
            values = _values(completeness_of_unpacked(plain, unpacked))
            return values | {"unpacked": None if unpacked is None else unpacked.reason}
    except NotAVmcore:
        raise
    except KdumpkitError as error:
        found = read_completeness(path)
        if found.state is not DumpState.PACKED:
            raise
        return _values(found) | {"reason": f"{found.reason}; {error.message}", "unpacked": None}


def describe_in_place(view: ByteView, name: str) -> dict[str, Any]:
    """The same of a dump on a host, read where it lies. A packed one stays ``packed``: it is not unpacked there."""
    return _values(completeness_of(view, name)) | {"unpacked": None}


def _values(found: Completeness) -> dict[str, Any]:
    header = found.header
    info = header.vmcoreinfo
    return {
        "described": header.described(),
        "state": str(found.state),
        "reason": found.reason,
        "size_bytes": found.size_bytes,
        "pages": found.pages,
        "pages_there": found.pages_there,
        "contents": None if found.contents is None else found.contents.as_json(),
        "machine": header.machine,
        "release": header.release,
        "build_id": info.build_id if info else None,
        "crash_time": info.crash_time if info else None,
        "problem": header.problem,
    }


def main(arguments: list[str]) -> int:
    """Print the report; an error is JSON as well, with exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m kdumpkit.vmcore.report")
    parser.add_argument("vmcore")
    add_host_options(parser)
    options = parser.parse_args(arguments)
    host = host_from(options)
    try:
        if host is None:
            document = describe(Path(options.vmcore))
        else:
            from kdumpkit.vmcore.remote_dump import open_remote_dump

            with open_remote_dump(host.connect, options.vmcore) as view:
                document = describe_in_place(view, options.vmcore.rsplit("/", 1)[-1])
        print(json.dumps(document))
    except KdumpkitError as error:
        print(json.dumps({"error": error.message, "hint": error.hint, "type": type(error).__name__}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
