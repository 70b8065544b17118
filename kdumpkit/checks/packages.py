"""Packages that the runbook needs on the host."""

from __future__ import annotations

from collections.abc import Sequence

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.packages import Packages, PackageStatus
from kdumpkit.facts.unknown import Unknown


def check_packages(
    packages: Packages | Unknown,
    required: Sequence[str],
    optional: Sequence[str] = (),
    *,
    install_command: str,
    repair_command: str,
) -> Finding:
    """``packages.installed``: FAIL for a required package that is missing, or any half installed one.

    WARN for an optional one that is missing.
    """
    id = "packages.installed"
    if isinstance(packages, Unknown):
        return unknown_finding(id, "which packages are installed", packages)
    known = {package.name: package for package in packages.packages}
    unasked = [name for name in (*required, *optional) if name not in known]
    if unasked:
        return Finding(id, Status.UNKNOWN, f"The host was not asked about {', '.join(unasked)}.", "", packages.records)
    broken = [
        package
        for name in (*required, *optional)
        if not (package := known[name]).usable
        and package.status not in (PackageStatus.NOT_INSTALLED, PackageStatus.CONFIG_FILES)
    ]
    if broken:
        shown = ", ".join(f"{package.name} {package.status}" for package in broken)
        return Finding(id, Status.FAIL, f"Not completely installed: {shown}.", repair_command, packages.records)
    missing = [name for name in required if not known[name].usable]
    lacking = [name for name in optional if not known[name].usable]
    if missing or lacking:
        shown = ", ".join(f"{name} ({known[name].status})" for name in (*missing, *lacking))
        status = Status.FAIL if missing else Status.WARN
        what = "Missing" if missing else "Missing, though not required"
        remedy = f"{install_command} {' '.join((*missing, *lacking))}"
        return Finding(id, status, f"{what}: {shown}.", remedy, packages.records)
    shown = ", ".join(f"{name} {known[name].version}" for name in (*required, *optional))
    return Finding(id, Status.PASS, f"Installed: {shown}." if shown else "No package is needed.", "", packages.records)
