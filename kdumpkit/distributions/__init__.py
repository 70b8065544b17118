"""What differs from one distribution to the next: one file per family, and the way to the right one."""

from __future__ import annotations

from kdumpkit.distributions.base import Distribution
from kdumpkit.distributions.debian import Debian
from kdumpkit.distributions.unsupported import Unsupported
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.unknown import Unknown

__all__ = ["FAMILIES", "Distribution", "distribution_for", "families"]

#: every family that the kit changes hosts of
FAMILIES: tuple[type[Distribution], ...] = (Debian,)


def families() -> tuple[str, ...]:
    """The names of the families that the kit changes hosts of."""
    return tuple(family.family for family in FAMILIES)


def distribution_for(os_release: OsRelease | Unknown) -> Distribution:
    """The distribution of a host: by ID, then by the words of ID_LIKE in order; else one that refuses questions."""
    if isinstance(os_release, Unknown):
        return Unsupported(OsRelease("unknown", (), None, f"a host whose name is not known ({os_release.sentence()})"))
    for word in (os_release.id, *os_release.id_like):
        for family in FAMILIES:
            if word in family.ids:
                return family(os_release)
    return Unsupported(os_release)
