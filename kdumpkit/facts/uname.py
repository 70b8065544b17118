"""The running kernel's own names, from ``uname``."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import answered, record_numbers
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host

#: one line each: uname prints several fields on one line, and the version has spaces in it
SCRIPT = "uname -n; uname -r; uname -v; uname -m"


@dataclass(frozen=True)
class Uname:
    """``release`` is ``uname -r`` (6.1.0-55-amd64), ``version`` is ``uname -v`` (#1 SMP ... Debian 6.1.192-1)."""

    nodename: str
    release: str
    version: str
    machine: str
    records: tuple[int, ...] = ()


def parse_uname(data: bytes, records: tuple[int, ...] = ()) -> Uname:
    """Four lines: node name, release, version, machine. Raises ParseError."""
    lines = decoded(data, "uname").rstrip("\n").split("\n")
    if len(lines) != 4 or not all(line.strip() for line in lines):
        raise ParseError(f"uname: four lines were expected, {len(lines)} came")
    nodename, release, version, machine = (line.strip() for line in lines)
    return Uname(nodename, release, version, machine, records)


def read_uname(host: Host) -> Uname | Unknown:
    command = Command(("sh", "-c", SCRIPT), timeout_s=20, title="uname")
    return answered(host, command, lambda result: parse_uname(result.stdout, record_numbers(result.record)))
