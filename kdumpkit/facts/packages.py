"""Installed packages, as dpkg knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import answered, record_numbers
from kdumpkit.facts.text import decoded, excerpt
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host


class PackageStatus(StrEnum):
    """dpkg's own words (dpkg-query(1), ``db:Status-Status``)."""

    NOT_INSTALLED = "not-installed"
    CONFIG_FILES = "config-files"
    HALF_INSTALLED = "half-installed"
    UNPACKED = "unpacked"
    HALF_CONFIGURED = "half-configured"
    TRIGGERS_AWAITED = "triggers-awaited"
    TRIGGERS_PENDING = "triggers-pending"
    INSTALLED = "installed"


@dataclass(frozen=True)
class Package:
    """One package that was asked for. ``version`` is None where no version is on the host."""

    name: str
    version: str | None
    status: PackageStatus

    @property
    def usable(self) -> bool:
        """Installed and configured (pending triggers do not matter to its programs)."""
        return self.status in (
            PackageStatus.INSTALLED,
            PackageStatus.TRIGGERS_AWAITED,
            PackageStatus.TRIGGERS_PENDING,
        )


@dataclass(frozen=True)
class Packages:
    """The packages that were asked for, in that order; one that dpkg has never heard of is NOT_INSTALLED."""

    packages: tuple[Package, ...]
    records: tuple[int, ...] = ()

    def get(self, name: str) -> Package:
        """The package of this name; KeyError where it was not asked for."""
        for package in self.packages:
            if package.name == name:
                return package
        raise KeyError(name)


_FORMAT = "${Package}\t${Version}\t${db:Status-Status}\n"


def parse_dpkg_query(data: bytes, asked: Sequence[str], records: tuple[int, ...] = ()) -> Packages:
    """The asked packages out of ``dpkg-query -W`` with name, version and status, separated by tabs.

    No output at all means that dpkg knows none of them. Of a package that is there for two architectures the better
    state counts. Raises ParseError.
    """
    order = list(PackageStatus)
    found: dict[str, Package] = {}
    for line in decoded(data, "dpkg-query").split("\n") if data.strip() else []:
        if not line.strip():
            continue
        fields = line.split("\t")
        if len(fields) != 3 or fields[2] not in set(PackageStatus):
            raise ParseError(f"dpkg-query: {excerpt(line)} is not a name, a version and a status")
        package = Package(fields[0], fields[1] or None, PackageStatus(fields[2]))
        known = found.get(package.name)
        if known is None or order.index(known.status) < order.index(package.status):
            found[package.name] = package
    return Packages(tuple(found.get(name, Package(name, None, PackageStatus.NOT_INSTALLED)) for name in asked), records)


def read_packages(host: Host, asked: Sequence[str]) -> Packages | Unknown:
    """The state of these packages. Unknown(ABSENT) on a host without dpkg."""
    # status 1: some of the names are not known to dpkg
    command = Command(("dpkg-query", "-W", "-f", _FORMAT, *asked), timeout_s=30, accepted=(0, 1))
    return answered(host, command, lambda result: parse_dpkg_query(result.stdout, asked, record_numbers(result.record)))
