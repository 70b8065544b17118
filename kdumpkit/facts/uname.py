"""The running kernel's own names, from ``uname``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import answered, record_numbers
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host

_LINE = re.compile(r"(\S+) (\S+) (.+) (\S+)")


@dataclass(frozen=True)
class Uname:
    """``release`` is ``uname -r`` (6.1.0-55-amd64), ``version`` is ``uname -v`` (#1 SMP ... Debian 6.1.192-1)."""

    nodename: str
    release: str
    version: str
    machine: str
    records: tuple[int, ...] = ()


def parse_uname(data: bytes, records: tuple[int, ...] = ()) -> Uname:
    """``uname -nrvm``: of the four only the version has spaces in it. Raises ParseError."""
    found = _LINE.fullmatch(decoded(data, "uname").strip())
    if found is None:
        raise ParseError("uname: name, release, version and machine were expected on one line")
    return Uname(found[1], found[2], found[3].strip(), found[4], records)


def read_uname(host: Host) -> Uname | Unknown:
    command = Command(("uname", "-nrvm"), timeout_s=20)
    return answered(host, command, lambda result: parse_uname(result.stdout, record_numbers(result.record)))
