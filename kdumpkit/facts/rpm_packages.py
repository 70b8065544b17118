"""Installed packages, as rpm knows them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import ParseError
from kdumpkit.facts.packages import Package, Packages, PackageStatus
from kdumpkit.facts.reading import answered, record_numbers
from kdumpkit.facts.rpm_versions import rpm_version_key
from kdumpkit.facts.text import decoded, excerpt
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host

_FORMAT = r"%{NAME}\t%{VERSION}-%{RELEASE}\t%{ARCH}\n"
_MISSING = re.compile(r"package (\S+) is not installed")


def parse_rpm_query(data: bytes, asked: Sequence[str], records: tuple[int, ...] = ()) -> Packages:
    """The asked packages out of ``rpm -q`` with name, version and architecture, separated by tabs.

    A package is asked for by name, or by name, version and architecture. Of one that is there in several versions (as
    kernels are) the newest counts. rpm knows no half-installed state: what it lists is installed. Raises ParseError.
    """
    found: dict[str, str] = {}
    for line in decoded(data, "rpm -q").split("\n"):
        if not line.strip() or _MISSING.fullmatch(line.strip()):
            continue
        fields = line.split("\t")
        if len(fields) != 3:
            raise ParseError(f"rpm -q: {excerpt(line)} is not a name, a version and an architecture")
        name, version, machine = fields
        for label in (name, f"{name}-{version}", f"{name}-{version}.{machine}", f"{name}.{machine}"):
            known = found.get(label)
            if known is None or rpm_version_key(known) < rpm_version_key(version):
                found[label] = version
    return Packages(tuple(_package(name, found.get(name)) for name in asked), records)


def _package(name: str, version: str | None) -> Package:
    return Package(name, version, PackageStatus.NOT_INSTALLED if version is None else PackageStatus.INSTALLED)


def read_rpm_packages(host: Host, asked: Sequence[str]) -> Packages | Unknown:
    """The state of these packages. Unknown: ABSENT without rpm, NOT_UNDERSTOOD where its database is broken."""
    # the exit status is the number of those that are not installed
    accepted = tuple(range(len(asked) + 1))
    command = Command(("rpm", "-q", "--queryformat", _FORMAT, *asked), timeout_s=60, accepted=accepted)

    def parse(result: CommandResult) -> Packages:
        said = result.stderr.decode("utf-8", "replace").strip()
        # with a broken database each package counts as not installed
        if "error:" in said:
            raise ParseError(f"rpm -q: {said.splitlines()[0][:200]}")
        return parse_rpm_query(result.stdout, asked, record_numbers(result.record))

    return answered(host, command, parse)
