"""The distribution, from ``/etc/os-release``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from kdumpkit.errors import ParseError
from kdumpkit.facts.text import decoded, excerpt

#: splitting takes time that grows with the square of the length
_LONGEST_VALUE = 4096

PATHS = ("/etc/os-release", "/usr/lib/os-release")


@dataclass(frozen=True)
class OsRelease:
    """Who made this system. Fields that the file does not set are None (``VERSION_ID`` on Debian unstable)."""

    id: str
    id_like: tuple[str, ...]
    version_id: str | None
    pretty_name: str | None
    records: tuple[int, ...] = ()
    #: ``platform:el9``, ``platform:f41``: what packages are built for; not set before EL 8
    platform_id: str | None = None
    #: what sets it apart from others of its name, such as "Server Edition"
    variant: str | None = None


def parse_os_release(data: bytes, records: tuple[int, ...] = ()) -> OsRelease:
    """The distribution; of a key that is set twice the last counts, as in a shell.

    Raises ParseError where ``ID`` is missing or a value's quotes do not close. Source: os-release(5).
    """
    source = PATHS[0]
    values: dict[str, str] = {}
    for line in decoded(data, source).split("\n"):
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#"):
            continue
        if len(value) > _LONGEST_VALUE:
            raise ParseError(f"{source}: the value of {excerpt(name)} is longer than {_LONGEST_VALUE} characters")
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise ParseError(f"{source}: {excerpt(line)}: {error}") from error
        values[name] = " ".join(words)
    if not values.get("ID"):
        raise ParseError(f"{source} names no distribution: it has no ID=")
    return OsRelease(
        id=values["ID"],
        id_like=tuple(values.get("ID_LIKE", "").split()),
        version_id=values.get("VERSION_ID"),
        pretty_name=values.get("PRETTY_NAME"),
        records=records,
        platform_id=values.get("PLATFORM_ID"),
        variant=values.get("VARIANT"),
    )
