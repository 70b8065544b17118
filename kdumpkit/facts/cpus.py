"""How many threads run: ``/sys/devices/system/cpu/online``."""

from __future__ import annotations

import re

from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, from_file
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown

PATH = "/sys/devices/system/cpu/online"
_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")


def parse_cpu_list(data: bytes) -> int:
    """How many are in a list such as ``0-3,8-11``. Raises ParseError for what is no such list."""
    count = 0
    for part in decoded(data, PATH).strip().split(","):
        found = _RANGE.fullmatch(part)
        if found is None or int(found[2] or found[1]) < int(found[1]):
            raise ParseError(f"{PATH}: {part[:40]!r} is no range of processors")
        count += int(found[2] or found[1]) - int(found[1]) + 1
    return count


def threads_from(files: Files) -> int | Unknown:
    """The threads out of files that were read."""
    return from_file(files, PATH, parse_cpu_list)
