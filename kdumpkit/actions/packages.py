"""Packages: what is missing is installed; no kernel is ever removed."""

from __future__ import annotations

from collections.abc import Sequence

from kdumpkit.actions.plan import CommandChange, Plan
from kdumpkit.distributions.base import Distribution
from kdumpkit.facts.packages import Packages


def missing_packages(distribution: Distribution, installed: Packages, *, recommended: bool = False) -> tuple[str, ...]:
    """The needed packages that are not usable on the host; with ``recommended`` those that are only convenient too.

    KeyError where ``installed`` was not asked for one of them.
    """
    needs = distribution.package_needs()
    return tuple(need.name for need in needs if (need.required or recommended) and not installed.get(need.name).usable)


def plan_install(distribution: Distribution, packages: Sequence[str], *, refresh: bool = True) -> Plan:
    """The plan that installs these. Empty where none is named. The host is changed by nothing else."""
    if not packages:
        return Plan("install packages", (), "every package that is needed is installed")
    names = tuple(dict.fromkeys(packages))
    reasons = {need.name: need.why for need in distribution.package_needs()}
    why = "; ".join(f"{name}: {reasons[name]}" if name in reasons else name for name in names)
    *before, install = distribution.install_commands(names, refresh=refresh)
    undo = distribution.remove_command(names)
    changes = (
        *(CommandChange(step, "prepares the installation") for step in before),
        CommandChange(install, why, undo),
    )
    notes = [distribution.install_note]
    if undo is None:
        notes.append("a kernel is among them: it is added beside the others and is never removed by kdumpkit")
    else:
        notes.append(
            "packages that these bring along stay after an undo; the package manager lists them as no longer needed"
        )
    return Plan(f"install {', '.join(names)}", changes, "", tuple(notes))
