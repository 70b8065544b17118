"""``crashkernel=`` for the next boot: the files that decide, and those that are generated from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kdumpkit.actions.plan import Change, CommandChange, FileChange, Plan
from kdumpkit.distributions.base import Distribution
from kdumpkit.errors import GateClosed, NotVerified
from kdumpkit.facts.boot_loader import BootEntry, BootLoader
from kdumpkit.facts.unknown import Unknown


@dataclass(frozen=True)
class ReadBack:
    """What the boot menu really carries, against what was asked for."""

    wanted: tuple[str, ...]
    entries: tuple[BootEntry, ...]

    @property
    def counting(self) -> tuple[BootEntry, ...]:
        """The entries that the edit is meant to reach."""
        return tuple(entry for entry in self.entries if entry.counts)

    @property
    def differing(self) -> tuple[BootEntry, ...]:
        """Entries that count and do not carry exactly the wanted values."""
        return tuple(entry for entry in self.counting if entry.values("crashkernel") != self.wanted)

    @property
    def ok(self) -> bool:
        """True where at least one entry counts and each of them carries exactly what was asked for."""
        return bool(self.counting) and not self.differing


def compare_crashkernel(boot_loader: BootLoader, value: str) -> ReadBack:
    """The entries against ``value``, one token or several."""
    return ReadBack(tuple(word.removeprefix("crashkernel=") for word in value.split()), boot_loader.entries)


def plan_crashkernel(
    distribution: Distribution, files: Mapping[str, bytes], boot_loader: BootLoader | Unknown, value: str
) -> Plan:
    """The plan after which each boot entry that counts carries ``value`` and nothing else.

    ``files`` are those that take part and exist, by path; ``boot_loader`` is what they mean. Where the settings are
    right and the menu is not, it is only made anew. Empty where both are right.

    Raises what ``Distribution.edit_crashkernel`` raises, and GateClosed where the menu could not be read.
    """
    edit = distribution.edit_crashkernel(files, value)
    if isinstance(boot_loader, Unknown) and not boot_loader.absent:
        raise GateClosed(
            f"the boot menu could not be read, so it is not changed: {boot_loader.sentence()}",
            f"ls -l {boot_loader.source}",
        )
    title = f"crashkernel={value} for the next boot"
    if not edit.edits and isinstance(boot_loader, BootLoader):
        back = compare_crashkernel(boot_loader, value)
        if back.ok:
            reason = f"{edit.carrier} sets it, and all {len(back.counting)} boot entries carry it and no other"
            return Plan(title, (), reason)
    why = f"writes {', '.join(edit.rewrites)}, which the machine boots by"
    changes: tuple[Change, ...] = (
        *(FileChange(file.path, file.before, file.after) for file in edit.edits),
        *(CommandChange(command, why, None, edit.rewrites) for command in edit.commands),
    )
    notes = edit.notes
    if not edit.edits:
        notes = (*notes, f"{edit.carrier} sets it already; the boot entries were never made from it")
    return Plan(title, changes, "", notes)


def verify_crashkernel(boot_loader: BootLoader, value: str, host: str) -> ReadBack:
    """What the boot entries themselves carry. Raises NotVerified where that is not ``value`` alone."""
    back = compare_crashkernel(boot_loader, value)
    paths = boot_loader.path
    if not back.counting:
        raise NotVerified(f"{host}: {paths} has no boot entry for a kernel of this system", f"less {paths}")
    if back.differing:
        first = back.differing[0]
        carries = " ".join(f"crashkernel={found}" for found in first.values("crashkernel")) or "no crashkernel= at all"
        raise NotVerified(
            f"{host}: {len(back.differing)} of {len(back.counting)} boot entries in {paths} do not carry "
            f"crashkernel={value} alone; "
            f"{first.title!r} has {carries}",
            f"grep -n crashkernel {' '.join(dict.fromkeys(entry.path for entry in back.entries))}",
        )
    return back
