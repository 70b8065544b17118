"""How much SUSE reserves: by ``kdumptool calibrate`` where it answers, else by size of RAM.

**Source**: the ``commandline`` part of the kdumptool script of openSUSE's kdump 2.1 (form of the value, tolerance);
"Calculating crashkernel allocation size" of the SLES 12 and 15 tuning guides (pair, LUNs, several TB of RAM).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kdumpkit.distributions.answers import CrashkernelRecommendation, SizingFacts
from kdumpkit.distributions.crashkernel_sizes import GIB, LEAST_SOURCE, MIB, least_bytes
from kdumpkit.errors import ParseError, UnsupportedHost
from kdumpkit.facts.boot_entries import KERNEL_CMDLINE
from kdumpkit.facts.crashkernel import CrashkernelKind, parse_crashkernel, requested_reservation
from kdumpkit.facts.grub import DEFAULTS, parse_grub_defaults
from kdumpkit.facts.kdumptool import Calibration, parse_calibration
from kdumpkit.facts.suse_boot_loader import ENTRY_TYPES, SETTINGS, kernel_cmdline_words, loader_type
from kdumpkit.facts.sysconfig_kdump import PATH as KDUMP
from kdumpkit.facts.sysconfig_kdump import parse_sysconfig_kdump

TIB = 1 << 40
CALIBRATE_SOURCE = "kdumptool calibrate on this host"
FALLBACK_SOURCE = f"{LEAST_SOURCE}; low part: kdumptool (64 MiB of bounce buffers and 8 MiB)"

#: the least below 4 GiB beside a high part: 64 MiB for bounce buffers, 8 MiB for the rest
MINIMUM_LOW_MIB = 72
#: what is configured stays where it is so much more or less than calibrate asks for: its answer varies with the boot
TOLERATED_ABOVE_MIB = 16
TOLERATED_BELOW_MIB = 4
#: from here on the guide multiplies what calibrate says by the terabytes of RAM
SEVERAL_TIB = 2

_LUNS = "add half a MiB to the high part for each path to a LUN that the host can have"


def recommend_suse(sizing: SizingFacts, distribution: str) -> CrashkernelRecommendation:
    """The value for this host. What is configured is kept where it is as much, by kdump's own tolerance, or more.

    More is not kept where kdump's service would bring it down to its own value at the next boot.
    Raises UnsupportedHost where kdump says that it cannot work here, or where nothing is known about the machine.
    """
    calibration = _calibration(sizing.estimate)
    if calibration is None:
        return _without_calibrate(sizing, distribution)
    if calibration.impossible:
        raise UnsupportedHost(
            f"{distribution}: kdumptool calibrate answers with zeros, which it does for a paravirtual Xen guest: a "
            "capture kernel cannot be loaded there",
            "have the dump made by the host of the virtual machine (xl dump-core)",
        )
    packaged = _tokens(calibration.low_mib, calibration.high_mib)
    terabytes = sizing.ram_bytes // TIB
    low, high = _scaled(calibration, terabytes)
    wanted = _tokens(low, high)
    ram = f"{sizing.ram_bytes / GIB:.1f} GiB of RAM"
    why = f"kdumptool calibrate asks for {' and '.join(packaged)} on {ram}; {_LUNS}"
    if wanted != packaged:
        why += f"; with {terabytes} TiB of RAM both parts are taken {terabytes} times, as the tuning guide has it"
    kept = _configured(sizing.files)
    if kept and _is_enough(wanted, kept, more=not _kept_down(sizing.files)):
        if kept != wanted:
            why += (
                f"; what is configured, {' and '.join(kept)}, is as much by kdump's own tolerance, or more, and stays"
            )
        wanted = kept
    return CrashkernelRecommendation(
        joined(wanted), _reserved(wanted, sizing), why, CALIBRATE_SOURCE, joined(packaged), _reserved(packaged, sizing)
    )


def joined(tokens: Sequence[str]) -> str:
    """The tokens as they stand behind ``crashkernel=``: ``300M,high crashkernel=72M,low``."""
    return " crashkernel=".join(tokens)


def _calibration(estimate: str | None) -> Calibration | None:
    if estimate is None:
        return None
    try:
        return parse_calibration(estimate.encode("utf-8", "replace"))
    except ParseError:
        return None


def _without_calibrate(sizing: SizingFacts, distribution: str) -> CrashkernelRecommendation:
    least = least_bytes(sizing.ram_bytes, sizing.machine)
    kept = _configured(sizing.files)
    if least is None:
        request = requested_reservation(kept, sizing.ram_bytes, sizing.machine)
        if not request.size_bytes:
            raise UnsupportedHost(
                f"{distribution} on {sizing.machine}: kdumptool calibrate gave no answer, and no rule for the size of "
                "the reservation is known",
                "set the parameter crashkernel to a size that is known to work on such a host",
            )
        why = f"no rule for {sizing.machine} is known, and what is configured reserves {request.size_bytes // MIB} MiB"
        value = joined(kept)
        return CrashkernelRecommendation(
            value, request.total_bytes, why, "what is configured", value, request.total_bytes
        )
    size = least // MIB
    split = sizing.machine == "x86_64" and sizing.ram_bytes > 4 * GIB
    wanted = _tokens(MINIMUM_LOW_MIB, size) if split else (f"{size}M",)
    why = (
        "kdumptool calibrate gave no answer (is kdump installed, and the dump directory there?); "
        f"{size} MiB is the least for a {sizing.machine} host with {sizing.ram_bytes / GIB:.1f} GiB of RAM; {_LUNS}"
    )
    if kept and requested_reservation(kept, sizing.ram_bytes, sizing.machine).size_bytes >= least:
        wanted, why = kept, f"what is configured reserves at least as much; {why}"
    reserved = _reserved(wanted, sizing)
    return CrashkernelRecommendation(joined(wanted), reserved, why, FALLBACK_SOURCE, joined(wanted), reserved)


def _scaled(calibration: Calibration, terabytes: int) -> tuple[int, int]:
    if terabytes < SEVERAL_TIB:
        return calibration.low_mib, calibration.high_mib
    low, high = calibration.low_mib * terabytes, calibration.high_mib * terabytes
    if calibration.max_low_mib:
        low = min(low, calibration.max_low_mib)
    if calibration.max_high_mib:
        high = min(high, calibration.max_high_mib)
    return low, high


def _tokens(low_mib: int, high_mib: int) -> tuple[str, ...]:
    # as `kdumptool commandline` forms them
    if not high_mib:
        return (f"{low_mib}M",)
    return (f"{high_mib}M,high", f"{low_mib}M,low") if low_mib else (f"{high_mib}M,high",)


def _configured(files: Mapping[str, bytes]) -> tuple[str, ...]:
    if loader_type(files.get(SETTINGS)) in ENTRY_TYPES:
        words = kernel_cmdline_words(files.get(KERNEL_CMDLINE, b""))
    else:
        words = parse_grub_defaults([(DEFAULTS, files.get(DEFAULTS, b""))]).crashkernel_words()
    return tuple(word.text.removeprefix("crashkernel=") for word in words)


def _sizes(tokens: Sequence[str]) -> dict[CrashkernelKind, int] | None:
    # None: not the form that kdump writes
    found: dict[CrashkernelKind, int] = {}
    for token in tokens:
        try:
            parsed = parse_crashkernel(token)
        except ParseError:
            return None
        allowed = (CrashkernelKind.SIZE, CrashkernelKind.HIGH, CrashkernelKind.LOW)
        if parsed.kind not in allowed or parsed.size_bytes is None or parsed.offset is not None:
            return None
        if parsed.kind in found:
            return None
        found[parsed.kind] = parsed.size_bytes
    return found


def _kept_down(files: Mapping[str, bytes]) -> bool:
    # whether kdump-commandline.service compares with calibrate at each boot
    if KDUMP not in files:
        return False
    settings = parse_sysconfig_kdump(files[KDUMP])
    return settings.updates_boot_loader and settings.text("KDUMP_CRASHKERNEL") == "auto"


def _is_enough(wanted: Sequence[str], kept: Sequence[str], *, more: bool) -> bool:
    asked, have = _sizes(wanted), _sizes(kept)
    if asked is None or have is None or asked.keys() != have.keys():
        return False
    above, below = TOLERATED_ABOVE_MIB * MIB, TOLERATED_BELOW_MIB * MIB
    return all(size - below <= have[kind] and (more or have[kind] <= size + above) for kind, size in asked.items())


def _reserved(tokens: Sequence[str], sizing: SizingFacts) -> int:
    sizes = _sizes(tokens)
    if sizes is None:
        return requested_reservation(tokens, sizing.ram_bytes, sizing.machine).total_bytes
    # kdump leaves the low part out only where all of RAM lies below 4 GiB, and there the kernel adds none
    return sum(sizes.values())
