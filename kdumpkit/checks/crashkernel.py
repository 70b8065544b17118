"""``crashkernel=``: its words on a command line, and the memory that the kernel reserved for them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.boot_loader import BootLoader
from kdumpkit.facts.crashkernel import ReservationRequest, requested_reservation
from kdumpkit.facts.grub import CommandLineWord
from kdumpkit.facts.iomem import Iomem
from kdumpkit.facts.kernel_command_line import KernelCommandLine
from kdumpkit.facts.kexec_crash import KexecCrash
from kdumpkit.facts.reading import records_of
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown

_SED_SPECIAL = re.compile(r"[][\\.*^$/&]")
_BACKSLASHED = r"\\\g<0>"


@dataclass(frozen=True)
class CrashkernelRemedies:
    """Lines to paste on this host: ``regenerate`` makes the menu anew, ``set_value`` asks for the wanted value."""

    regenerate: str = ""
    set_value: str = ""


_NONE = CrashkernelRemedies()


def check_crashkernel_tokens(
    command_line: KernelCommandLine | Unknown,
    iomem: Iomem | Unknown,
    boot_loader: BootLoader | Unknown,
    *,
    wanted: str | None = None,
    machine: str = "x86_64",
    remedies: CrashkernelRemedies = _NONE,
) -> Finding:
    """``crashkernel.tokens``: which crashkernel= the running kernel obeys, and whether it is one and the wanted one."""
    id = "crashkernel.tokens"
    if isinstance(command_line, Unknown):
        return unknown_finding(id, "which crashkernel= the kernel was started with", command_line)
    values = command_line.values("crashkernel")
    records = records_of(command_line, iomem, boot_loader)
    words = () if isinstance(boot_loader, Unknown) else boot_loader.configured
    if not values:
        reason = "The kernel was started without crashkernel=, so no memory is reserved for a capture kernel."
        if words:
            reason += f" {_named(words)} is configured: a reboot is needed, or the boot menu was not made from it."
        return Finding(id, Status.FAIL, reason, remedies.set_value, records)
    ram_bytes = iomem.system_ram_bytes if isinstance(iomem, Iomem) else None
    return _tokens_finding(id, values, words, ram_bytes, wanted, machine, remedies, records)


def check_crashkernel_configured(
    boot_loader: BootLoader | Unknown,
    iomem: Iomem | Unknown,
    *,
    wanted: str | None = None,
    machine: str = "x86_64",
    remedies: CrashkernelRemedies = _NONE,
) -> Finding:
    """``crashkernel.configured``: what the entry of the next boot will really give its kernel."""
    id = "crashkernel.configured"
    what = "what the boot menu gives the next kernel"
    if isinstance(boot_loader, Unknown):
        return unknown_finding(id, what, boot_loader)
    entry = boot_loader.default
    if isinstance(entry, Unknown):
        return unknown_finding(id, what, entry)
    records = records_of(boot_loader, iomem)
    if entry is None or entry.kernel_path is None:
        reason = f"{boot_loader.path} has no Linux entry for the next boot."
        return Finding(id, Status.FAIL, reason, remedies.regenerate, records)
    values, words = entry.values("crashkernel"), boot_loader.configured
    if not values:
        reason = f"The entry {entry.title!r} in {entry.path} has no crashkernel=."
        if words:
            reason += f" {_named(words)} is configured, and the entry was not made from it."
        return Finding(id, Status.FAIL, reason, remedies.regenerate if words else remedies.set_value, records)
    ram_bytes = iomem.system_ram_bytes if isinstance(iomem, Iomem) else None
    return _tokens_finding(id, values, words, ram_bytes, wanted, machine, remedies, records)


def _tokens_finding(
    id: str,
    values: Sequence[str],
    words: Sequence[CommandLineWord],
    ram_bytes: int | None,
    wanted: str | None,
    machine: str,
    remedies: CrashkernelRemedies,
    records: tuple[int, ...],
) -> Finding:
    # without the size of RAM only a range cannot be decided; any other value does not depend on it
    known_ram = ram_bytes if ram_bytes is not None else 1 << 62
    request = requested_reservation(values, known_ram, machine)
    winner = request.winner or values[-1]
    shown = " ".join(f"crashkernel={value}" for value in values)
    fixed = [value for value in values if not value.endswith(",cma")]
    pair = len(fixed) == 2 and sorted(value.rpartition(",")[2] for value in fixed) == ["high", "low"]
    origin = _origin_of(words, winner)
    if wanted is not None and not _same_request(request, wanted, values):
        reason = f"crashkernel={wanted} is wanted, and {shown} is given, of which crashkernel={winner}{origin} wins."
        return Finding(id, Status.FAIL, reason, _removal_remedy(words, wanted, remedies) or remedies.set_value, records)
    if ram_bytes is None and ":" in winner:
        reason = f"It is not known what crashkernel={winner} reserves: the size of RAM could not be read."
        return Finding(id, Status.UNKNOWN, reason, "cat /proc/iomem as root", records)
    if request.size_bytes == 0:
        return Finding(id, Status.FAIL, f"Nothing is reserved: {request.why}.", remedies.set_value, records)
    if len(fixed) > 1 and not pair:
        sources = _named(words) if len(words) > 1 else shown
        reason = f"{len(values)} crashkernel= words are given ({sources}); {winner}{origin} wins."
        return Finding(id, Status.WARN, reason, _removal_remedy(words, winner, remedies), records)
    return Finding(id, Status.PASS, f"{shown} is given: {request.why}.", "", records)


def _same_request(request: ReservationRequest, wanted: str, values: Sequence[str]) -> bool:
    wanted_values = _wanted_values(wanted)
    if len(wanted_values) == 1:
        return request.winner == wanted_values[0]
    return all(value in values for value in wanted_values) and request.winner in wanted_values


def _named(words: Sequence[CommandLineWord]) -> str:
    return " and ".join(f"{word.text} (from {word.origin})" for word in words)


def _origin_of(words: Sequence[CommandLineWord], value: str) -> str:
    found = next((word.origin for word in reversed(words) if word.text == f"crashkernel={value}"), None)
    return f" from {found}" if found is not None else ""


def _removal_remedy(words: Sequence[CommandLineWord], keep: str, remedies: CrashkernelRemedies) -> str:
    # takes the other words out of the files that put them there
    others = [word for word in words if word.text != f"crashkernel={keep}"]
    if not others or len(others) == len(words) or not remedies.regenerate:
        return ""
    commands = []
    for word in others:
        expression = "s/ *" + _SED_SPECIAL.sub(_BACKSLASHED, word.text) + "//"
        commands.append(f"sed -i {shlex.quote(expression)} {shlex.quote(word.origin.path)}")
    return " && ".join([*commands, remedies.regenerate, "reboot"])


def _wanted_values(wanted: str) -> tuple[str, ...]:
    # a pair is wanted as "512M,high crashkernel=72M,low"
    return tuple(word.removeprefix("crashkernel=") for word in wanted.split())


def check_reservation(
    iomem: Iomem | Unknown,
    kexec_crash: KexecCrash,
    command_line: KernelCommandLine | Unknown,
    *,
    wanted: str | None = None,
    machine: str = "x86_64",
    remedies: CrashkernelRemedies = _NONE,
) -> Finding:
    """``crashkernel.reserved``: memory that the kernel really set aside, against what is wanted.

    /proc/iomem is the first witness, sysfs the second; the main range counts, a low part beside it is normal.
    """
    id = "crashkernel.reserved"
    size = kexec_crash.size_bytes
    if isinstance(iomem, Iomem):
        reserved_bytes = iomem.crash_kernel_bytes
        # the low part of a pair lies below 4 GiB and may be the larger one
        highest = max(iomem.crash_kernel, key=lambda found: found.start, default=None)
        main_bytes = highest.size_bytes if highest else 0
        parts = [size_text(found.size_bytes) for found in iomem.crash_kernel]
        seen = f"{size_text(reserved_bytes)} in /proc/iomem"
        if len(parts) > 1:
            seen = f"{' and '.join(parts)} in /proc/iomem (high and low part)"
        ram_bytes: int | None = iomem.system_ram_bytes
    elif isinstance(size, int):
        reserved_bytes = main_bytes = size
        seen = f"{size_text(size)} by sysfs (/proc/iomem: {iomem.why})"
        ram_bytes = None
    else:
        return unknown_finding(id, "how much memory is reserved", iomem)
    records = records_of(iomem, kexec_crash, command_line)

    if isinstance(iomem, Iomem) and isinstance(size, int) and size not in (reserved_bytes, main_bytes):
        reason = f"Two witnesses disagree: {seen}, {size_text(size)} in kexec_crash_size (was it shrunk since boot?)."
        return Finding(id, Status.WARN, reason, "reboot", records)
    if reserved_bytes == 0:
        reason = "No memory is reserved for a capture kernel"
        if isinstance(command_line, KernelCommandLine) and ram_bytes is not None:
            request = requested_reservation(command_line.values("crashkernel"), ram_bytes, machine)
            missing = "the kernel found no room for it (dmesg | grep -i crashkernel)"
            reason += f": {request.why}" + (f", and {missing}" if request.size_bytes else "")
        return Finding(id, Status.FAIL, reason + ".", remedies.set_value, records)
    if wanted is None:
        return Finding(id, Status.PASS, f"Reserved is {seen}.", "", records)
    if ram_bytes is None and ":" in wanted:
        reason = (
            f"Reserved is {seen}; it is not known what crashkernel={wanted} means here: the size of RAM is not known."
        )
        return Finding(id, Status.UNKNOWN, reason, "cat /proc/iomem as root", records)
    request = requested_reservation(_wanted_values(wanted), ram_bytes if ram_bytes is not None else 1 << 62, machine)
    if request.size_bytes == 0:
        return Finding(id, Status.FAIL, f"What is wanted reserves nothing here: {request.why}.", "", records)
    if main_bytes < request.size_bytes:
        reason = (
            f"Reserved is {seen}, less than the {size_text(request.size_bytes)} that crashkernel={wanted} stands for."
        )
        return Finding(id, Status.FAIL, reason, remedies.set_value, records)
    if main_bytes > request.size_bytes:
        reason = (
            f"Reserved is {seen}, more than the {size_text(request.size_bytes)} that crashkernel={wanted} stands for."
        )
        return Finding(id, Status.WARN, reason, remedies.set_value, records)
    return Finding(id, Status.PASS, f"Reserved is {seen}, as crashkernel={wanted} asks.", "", records)
