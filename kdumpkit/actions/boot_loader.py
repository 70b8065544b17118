"""``crashkernel=`` for the next boot: the files that decide, and those that are generated from them."""

from __future__ import annotations

from collections.abc import Mapping

from kdumpkit.actions.plan import Change, CommandChange, FileChange, Plan
from kdumpkit.distributions.answers import ReadBack
from kdumpkit.distributions.base import Distribution
from kdumpkit.errors import NotVerified


def plan_crashkernel(
    distribution: Distribution, settings: Mapping[str, bytes], generated: Mapping[str, bytes], value: str
) -> Plan:
    """The plan after which each boot entry that counts carries ``value`` and nothing else.

    ``settings`` and ``generated`` are the files that ``distribution.boot_loader_files()`` names, by path, those that
    exist. Where the settings are right and the generated file is not, it is only generated anew. Empty where both are
    right.
    """
    edit = distribution.edit_crashkernel(settings, value)
    back = distribution.read_back_crashkernel(generated, value)
    title = f"crashkernel={value} for the next boot"
    if not edit.edits and back.ok:
        return Plan(title, (), f"{edit.carrier} sets it, and all {_counting(back)} boot entries carry it and no other")
    regenerate = CommandChange(
        edit.regenerate,
        f"writes {', '.join(edit.generated)}, which the machine boots by, from the settings",
        None,
        edit.generated,
    )
    changes: tuple[Change, ...] = (
        *(FileChange(file.path, file.before, file.after) for file in edit.edits),
        regenerate,
    )
    notes = edit.notes
    if not edit.edits:
        notes = (*notes, f"{edit.carrier} sets it already; the generated file was never made from it")
    return Plan(title, changes, "", notes)


def verify_crashkernel(distribution: Distribution, generated: Mapping[str, bytes], value: str, host: str) -> ReadBack:
    """What the generated files themselves carry. Raises NotVerified where that is not ``value`` alone."""
    back = distribution.read_back_crashkernel(generated, value)
    paths = ", ".join(generated)
    if not _counting(back):
        raise NotVerified(f"{host}: {paths} has no boot entry for a kernel of this system", f"less {paths}")
    if back.differing:
        first = back.differing[0]
        carries = " ".join(f"crashkernel={found}" for found in first.values) or "no crashkernel= at all"
        raise NotVerified(
            f"{host}: {len(back.differing)} of {_counting(back)} boot entries in {paths} do not carry "
            f"crashkernel={value} alone; "
            f"{first.title!r} has {carries}",
            f"grep -n crashkernel {paths}",
        )
    return back


def _counting(back: ReadBack) -> int:
    return sum(entry.counts for entry in back.entries)
