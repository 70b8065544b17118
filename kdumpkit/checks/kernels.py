"""Installed kernels against the running one and the one of the next boot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.boot_loader import BootLoader
from kdumpkit.facts.installed_kernels import InstalledKernels
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.unknown import Unknown


def check_second_kernel(kernels: InstalledKernels | Unknown, *, install_command: str = "") -> Finding:
    """``kernels.second``: a kernel to fall back to when the default one does not come up."""
    id = "kernels.second"
    if isinstance(kernels, Unknown):
        return unknown_finding(id, "which kernels are installed", kernels)
    complete = [kernel.release for kernel in kernels.kernels if kernel.bootable]
    partial = [kernel.release for kernel in kernels.kernels if not kernel.bootable]
    incomplete = f" ({', '.join(partial)} has no initrd or no modules)" if partial else ""
    if not complete:
        reason = f"No complete kernel is installed in /boot{incomplete}."
        return Finding(id, Status.FAIL, reason, install_command, kernels.records)
    if len(complete) == 1:
        reason = f"{complete[0]} is the only complete kernel in /boot{incomplete}: there is none to fall back to."
        return Finding(id, Status.WARN, reason, install_command, kernels.records)
    return Finding(id, Status.PASS, f"Installed: {', '.join(complete)}{incomplete}.", "", kernels.records)


def check_newest_is_running(kernels: InstalledKernels | Unknown) -> Finding:
    """``kernels.running_is_newest``: no newer kernel waits for a reboot."""
    id = "kernels.running_is_newest"
    if isinstance(kernels, Unknown):
        return unknown_finding(id, "which kernels are installed", kernels)
    newest = kernels.newest
    if kernels.running is None or newest is None:
        reason = f"The running kernel {kernels.running_release} has no vmlinuz in /boot; its package may be removed."
        return Finding(id, Status.WARN, reason, "ls /boot /lib/modules", kernels.records)
    if newest.release != kernels.running_release:
        reason = f"{newest.release} is installed and {kernels.running_release} is running: it was not booted yet."
        return Finding(id, Status.WARN, reason, "reboot", kernels.records)
    return Finding(id, Status.PASS, f"{newest.release} is the newest kernel and is running.", "", kernels.records)


def check_running_is_default(
    kernels: InstalledKernels | Unknown, boot_loader: BootLoader | Unknown, *, regenerate: str = ""
) -> Finding:
    """``kernels.running_is_default``: the next boot starts the kernel that everything here was checked for.

    ``regenerate`` is a line to paste that makes the menu anew.
    """
    id = "kernels.running_is_default"
    what = "which kernel the next boot starts"
    if isinstance(kernels, Unknown):
        return unknown_finding(id, what, kernels)
    if isinstance(boot_loader, Unknown):
        return unknown_finding(id, what, boot_loader)
    entry = boot_loader.default
    if isinstance(entry, Unknown):
        return unknown_finding(id, what, entry)
    records = records_of(kernels, boot_loader)
    if entry is None:
        named = repr(boot_loader.default_name)
        reason = f"The default entry {named} is not in {boot_loader.path}; the first entry would be taken."
        return Finding(id, Status.WARN, reason, regenerate, records)
    if entry.release is None:
        reason = f"The next boot starts {entry.title!r}, whose kernel {entry.kernel_path} tells no release."
        return Finding(id, Status.WARN, reason, "", records)
    if entry.release not in {kernel.release for kernel in kernels.kernels}:
        reason = f"The next boot would start {entry.release}, which is not installed in /boot."
        return Finding(id, Status.FAIL, reason, regenerate, records)
    if entry.release != kernels.running_release:
        reason = f"The next boot starts {entry.release} (entry {entry.position}), not {kernels.running_release}."
        return Finding(id, Status.WARN, reason, "reboot, then check again", records)
    return Finding(id, Status.PASS, f"The next boot starts {entry.release}, which is running.", "", records)


@dataclass(frozen=True)
class KernelsAsked:
    """Which kernels a run asks for; "" for what it does not ask. ``once`` counts where the run makes changes."""

    default: str = ""
    once: str = ""
    removed: str = ""

    def __bool__(self) -> bool:
        return bool(self.default or self.once or self.removed)


def check_kernels_as_asked(
    kernels: InstalledKernels | Unknown, boot_loader: BootLoader | Unknown, asked: KernelsAsked
) -> Finding:
    """``kernels.as_asked``: what the boot loader's own files start, at each boot and at the next, against the asked."""
    id = "kernels.as_asked"
    if isinstance(kernels, Unknown):
        return unknown_finding(id, "which kernels are installed", kernels)
    if isinstance(boot_loader, Unknown):
        return unknown_finding(id, "which kernel the next boot starts", boot_loader)
    records = records_of(kernels, boot_loader)
    for wanted, entry in ((asked.default, boot_loader.lasting), (asked.once, boot_loader.default)):
        if wanted and isinstance(entry, Unknown):
            return unknown_finding(id, "which kernel the next boot starts", entry)
    wrong = tuple(_not_as_asked(kernels, boot_loader, asked))
    if wrong:
        reason = f"Asked for and not so, by {boot_loader.path}: {'; '.join(wrong)}."
        return Finding(id, Status.FAIL, reason, "kdumpkit run HOST.yaml --set mode=apply", records)
    met = (
        f"each boot starts {asked.default}" if asked.default else "",
        f"the next boot starts {asked.once}" if asked.once else "",
        f"{asked.removed} is gone" if asked.removed else "",
    )
    if asked.once and asked.once == kernels.running_release:
        met = (met[0], f"{asked.once} runs", met[2])
    reason = f"As asked for, by {boot_loader.path}: {'; '.join(words for words in met if words)}."
    return Finding(id, Status.PASS, reason, "", records)


def _not_as_asked(kernels: InstalledKernels, boot_loader: BootLoader, asked: KernelsAsked) -> Iterator[str]:
    lasting, following = boot_loader.lasting, boot_loader.default
    if asked.default and not isinstance(lasting, Unknown):
        starts = lasting.release if lasting else None
        if starts != asked.default:
            yield f"each boot starts {starts or 'the first entry'}, not {asked.default}"
    if asked.once and asked.once != kernels.running_release and not isinstance(following, Unknown):
        starts = following.release if following else None
        if starts != asked.once:
            yield f"the next boot starts {starts or 'the first entry'}, not {asked.once}"
    if asked.removed in {kernel.release for kernel in kernels.kernels}:
        yield f"{asked.removed} is still in /boot"
    elif any(entry.release == asked.removed for entry in boot_loader.entries if asked.removed):
        yield f"the boot menu still has an entry for {asked.removed}"
