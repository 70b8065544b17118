"""The order of versions as rpm sees it, for kernels and boot entries of distributions that use it."""

from __future__ import annotations

import re

_SEGMENT = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")

#: rank of what stands at a place, and its number and text
_Place = tuple[int, int, str]


def rpm_version_key(version: str) -> tuple[_Place, ...]:
    """A key that sorts as rpmvercmp() does: 3.10.0-1160.el7 < 3.10.0-1160.114.2.el7, ``~`` before the end of a version.

    Runs of digits are numbers and newer than letters, letters are compared as text, everything else only separates. A
    version that goes on is newer than one that ends there, unless it goes on with ``~``. Source: rpm-version(7).
    """
    places: list[_Place] = []
    for segment in _SEGMENT.findall(version):
        if segment == "~":
            places.append((-1, 0, ""))
        elif segment == "^":
            places.append((1, 0, ""))
        elif segment[0].isdigit():
            places.append((3, int(segment[-400:]), ""))
        else:
            places.append((2, 0, segment))
    return (*places, (0, 0, ""))
