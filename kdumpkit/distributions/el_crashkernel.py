"""``crashkernel=`` on Enterprise Linux, Fedora and Amazon Linux: the distribution's own rule for this RAM and machine.

Ranges are evaluated as the kernel does it: RAM is rounded up to 128 MiB. kdumpctl then takes whole GiB, which comes to
the same, as its ranges begin at whole GiB. Sources are named at each rule. Where a rule is a table of the kernel itself
(``auto``, EL 7 and 8), it is written as the ranges that it amounts to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from kdumpkit.distributions.answers import CrashkernelRecommendation, SizingFacts
from kdumpkit.distributions.crashkernel_sizes import GIB, LEAST_SOURCE, MIB, crashkernel_tokens, least_bytes, recommend
from kdumpkit.distributions.grub_crashkernel import effective_crashkernel
from kdumpkit.errors import ParameterError, UnsupportedHost
from kdumpkit.facts.boot_entries import KERNEL_CMDLINE
from kdumpkit.facts.crashkernel import requested_reservation
from kdumpkit.facts.el_boot_loader import FADUMP, MLX5, SMMU
from kdumpkit.facts.el_machine import ElMachine
from kdumpkit.facts.grub import DEFAULTS
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown

_JSON = "defaults of Red Hat's kdump tests (crashkernel-default.json)"
_CURRENT = "kdump-utils 1.0.61, kdump_get_arch_recommend_crashkernel() in kdump-lib.sh"
_GUIDE_7 = "RHEL 7 Kernel Administration Guide, table 7.1"

#: machines that have a rule in some release
MACHINES = ("x86_64", "aarch64", "ppc64le", "s390x")
_PPC64LE_KDUMP = "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G"
#: firmware-assisted dump keeps the memory that booted the machine; selected by fadump=on
PPC64LE_FADUMP = (
    "4G-16G:768M,16G-64G:1G,64G-128G:2G,128G-1T:4G,1T-2T:6G,2T-4T:12G,4T-8T:20G,8T-16T:36G,16T-32T:64G,"
    "32T-64T:128G,64T-:180G"
)


@dataclass(frozen=True)
class CrashkernelExtras:
    """What adds to the defaults on some machines.

    ``encrypted_memory``: AMD SME or SEV is active. ``smmu``: an Arm SMMU is there. ``mlx5``: its driver is loaded.
    """

    encrypted_memory: bool = False
    fadump: bool = False
    smmu: bool = False
    mlx5: bool = False


def extras_from(files: Mapping[str, bytes], el_machine: ElMachine | Unknown | None = None) -> CrashkernelExtras:
    """What adds to the defaults, by the files that are there and what the machine told.

    kdumpctl looks for plain SME and SEV; here SEV-ES and SEV-SNP count too, as their guests have the same bounce
    buffers. Where it is not known whether memory is encrypted, it is taken for not encrypted.
    """
    prefix, _, suffix = SMMU.partition("*")
    return CrashkernelExtras(
        encrypted_memory=_encryption(el_machine) not in ("", None),
        fadump=files.get(FADUMP, b"").strip() == b"1",
        smmu=any(path.startswith(prefix) and path.endswith(suffix) for path in files),
        mlx5=files.get(MLX5, b"").strip() == b"live",
    )


def _encryption(el_machine: ElMachine | Unknown | None) -> str | None:
    # the active features; None where they are not known
    features = el_machine.memory_encryption if isinstance(el_machine, ElMachine) else None
    return features if isinstance(features, str) else None


@dataclass(frozen=True)
class CrashkernelRule:
    """Ranges as ``crashkernel=`` writes them, and their source. ``auto``: the kernel knows them by that word."""

    ranges: str
    source: str
    auto: bool = False


def default_rule(
    version: tuple[int, ...], machine: str, release: str = "", extras: CrashkernelExtras | None = None
) -> CrashkernelRule | None:
    """The rule of Enterprise Linux ``version`` (major, minor; () is the newest, as in Fedora); None: no rule is known.

    ``release`` is the kernel's: one with 64 KiB pages (``+64k``) needs more. A minor version that is not known counts
    as the newest of its major one.
    """
    major = version[0] if version else 99
    minor = version[1] if len(version) > 1 else 99
    more = extras or CrashkernelExtras()
    if major == 7:
        return _rule_7(machine)
    if major == 8:
        return _rule_8(minor, machine)
    if major < 7:
        return None
    rule = _rule_9(minor, machine) if major == 9 else _rule_current(machine, more.fadump)
    if rule is None:
        return None
    # kdump-utils leaves the first range of aarch64, that of small machines, as it is since 1.0.50; before, and in what
    # EL 9 has, the additions are made to each range (tests of _crashkernel_add() in kdump-utils)
    first = 1 if major != 9 and machine == "aarch64" else 0
    return CrashkernelRule(_with_extras(rule.ranges, machine, release, more, first), rule.source)


def _rule_7(machine: str) -> CrashkernelRule | None:
    # 161 MiB and 64 MiB for each TiB, from 2 GiB on: written out for what machines have
    x86 = "2G-1T:161M,1T-2T:225M,2T-4T:353M,4T-:609M"
    ranges = {
        "x86_64": x86,
        "aarch64": "2G-:512M",
        "ppc64le": _PPC64LE_KDUMP,
        "ppc64": _PPC64LE_KDUMP,
        "s390x": "4G-:161M",
    }
    return CrashkernelRule(ranges[machine], _GUIDE_7, auto=True) if machine in ranges else None


def _rule_8(minor: int, machine: str) -> CrashkernelRule | None:
    if machine == "ppc64le":
        return CrashkernelRule(_PPC64LE_KDUMP, _JSON, auto=True)
    if machine == "aarch64":
        size = "512M" if minor == 0 else "448M" if minor < 8 else "480M"
        return CrashkernelRule(f"2G-:{size}", _JSON, auto=True)
    if machine == "s390x" and minor == 0:
        return CrashkernelRule("4G-64G:160M,64G-1T:256M,1T-:512M", _JSON, auto=True)
    if machine not in ("x86_64", "s390x"):
        return None
    if minor < 3:
        ranges = "1G-64G:160M,64G-1T:256M,1T-:512M"
    elif minor < 8:
        ranges = "1G-4G:160M,4G-64G:192M,64G-1T:256M,1T-:512M"
    else:
        ranges = "1G-4G:192M,4G-64G:256M,64G-:512M"
    return CrashkernelRule(ranges, _JSON, auto=True)


def _rule_9(minor: int, machine: str) -> CrashkernelRule | None:
    if machine == "aarch64":
        return CrashkernelRule("2G-:448M" if minor == 0 else "1G-4G:256M,4G-64G:320M,64G-:576M", _JSON)
    if machine == "ppc64le":
        return CrashkernelRule(_PPC64LE_KDUMP, _JSON)
    if machine not in ("x86_64", "s390x"):
        return None
    if minor >= 5:
        return CrashkernelRule("1G-2G:192M,2G-64G:256M,64G-:512M", "Rocky Linux documentation, for 9.5 and later")
    return CrashkernelRule("1G-4G:192M,4G-64G:256M,64G-:512M", _JSON)


def _rule_current(machine: str, fadump: bool) -> CrashkernelRule | None:
    ranges = {
        "x86_64": "2G-64G:256M,64G-:512M",
        "s390x": "2G-64G:256M,64G-:512M",
        "aarch64": "2G-4G:256M,4G-64G:320M,64G-:576M",
        "ppc64le": PPC64LE_FADUMP if fadump else _PPC64LE_KDUMP,
    }
    return CrashkernelRule(ranges[machine], _CURRENT) if machine in ranges else None


def _with_extras(ranges: str, machine: str, release: str, extras: CrashkernelExtras, first: int) -> str:
    # ``first``: how many ranges are left as they are
    add = 0
    if machine in ("x86_64", "s390x"):
        add = 64 if extras.encrypted_memory else 0
    elif machine == "aarch64":
        large_pages = "64k" in release
        add = (100 if large_pages else 0) + (384 if large_pages and extras.smmu else 0)
        add += (200 if large_pages else 150) if extras.mlx5 else 0
    if not add:
        return ranges
    parts = ranges.split(",")
    return ",".join(part if at < first else _plus(part, add) for at, part in enumerate(parts))


def _plus(part: str, mib: int) -> str:
    span, _, size = part.rpartition(":")
    unit = {"M": 1, "G": 1024}[size[-1]]
    return f"{span}:{int(size[:-1]) * unit + mib}M"


def recommend_for(name: str, version: tuple[int, ...], sizing: SizingFacts) -> CrashkernelRecommendation:
    """The distribution's own rule for this RAM, raised where it reserves too little or nothing.

    A value of the host's own that reserves as much stays: nobody gains by a smaller one. Where the kernel knows
    ``auto``, that stays as long as what it reserves is enough. Raises UnsupportedHost where neither the distribution
    nor the kit has a rule for the machine.
    """
    extras = extras_from(sizing.files, sizing.el_machine)
    rule = default_rule(version, sizing.machine, sizing.release, extras)
    found = _by_rule(name, rule, sizing)
    note = _encryption_note(version, sizing, extras)
    if note:
        found = replace(found, why=f"{found.why}; {note}")
    own, path = _configured(sizing)
    if not own or own == (found.value,) or (own == ("auto",) and not (rule and rule.auto)):
        return found
    ranges = rule.ranges if rule and rule.auto else ""
    request = requested_reservation(own, sizing.ram_bytes, sizing.machine, ranges)
    if request.size_bytes == 0 or request.total_bytes < found.size_bytes:
        return found
    value = " ".join(own)
    why = (
        f"this host's own crashkernel={value} in {path} reserves {size_text(request.total_bytes)}, at least the "
        f"{size_text(found.size_bytes)} that are recommended: {found.why}"
    )
    packaged = (found.packaged_value, found.packaged_bytes)
    return CrashkernelRecommendation(value, request.total_bytes, why, found.source, *packaged)


def _encryption_note(version: tuple[int, ...], sizing: SizingFacts, extras: CrashkernelExtras) -> str:
    # 64 MiB of bounce buffers: by the distribution's own rule since EL 9
    if sizing.machine != "x86_64" or (version and version[0] < 9):
        return ""
    if extras.encrypted_memory:
        return f"64 MiB of it because memory is encrypted (AMD {_encryption(sizing.el_machine)})"
    unknown = sizing.el_machine
    if isinstance(unknown, ElMachine) and isinstance(unknown.memory_encryption, Unknown):
        unknown = unknown.memory_encryption
    if isinstance(unknown, Unknown):
        return (
            "it is not known whether AMD memory encryption is active, with which 64 MiB more are needed "
            f"({unknown.sentence()})"
        )
    return ""


def _configured(sizing: SizingFacts) -> tuple[tuple[str, ...], str]:
    # what new kernels inherit, and where it stands; several plain values count as none
    inherited = re.findall(rb"(?:^|\s)crashkernel=(\S+)", sizing.files.get(KERNEL_CMDLINE, b""))
    own, path = tuple(value.decode("ascii", "replace") for value in inherited), KERNEL_CMDLINE
    if not own and DEFAULTS in sizing.files:
        words = effective_crashkernel({DEFAULTS: sizing.files[DEFAULTS]})
        own, path = tuple(word.text.removeprefix("crashkernel=") for word in words), DEFAULTS
    try:
        tokens = crashkernel_tokens(" ".join(own), auto=True) if own else ()
    except ParameterError:
        tokens = ()
    return tokens, path


def _by_rule(name: str, rule: CrashkernelRule | None, sizing: SizingFacts) -> CrashkernelRecommendation:
    least = least_bytes(sizing.ram_bytes, sizing.machine)
    if rule is None:
        if least is None:
            raise UnsupportedHost(
                f"{name} on {sizing.machine}: no rule for the size of the reservation is known",
                "set the parameter crashkernel to a size that is known to work on such a host",
            )
        why = f"{name} has no rule of its own for {sizing.machine}"
        return CrashkernelRecommendation(f"{least // MIB}M", least, why, LEAST_SOURCE, "", 0)
    if not rule.auto:
        return recommend(sizing.ram_bytes, sizing.machine, rule.ranges, rule.source, name)
    reserved = requested_reservation((rule.ranges,), sizing.ram_bytes, sizing.machine)
    if reserved.total_bytes and (least is None or reserved.total_bytes >= least):
        ram = f"{sizing.ram_bytes / GIB:.1f} GiB of RAM"
        why = f"auto reserves {size_text(reserved.total_bytes)} on {ram} (it stands for {rule.ranges})"
        return CrashkernelRecommendation("auto", reserved.total_bytes, why, rule.source, "auto", reserved.total_bytes)
    found = recommend(sizing.ram_bytes, sizing.machine, rule.ranges, rule.source, name)
    why = found.why.replace(f"crashkernel={rule.ranges}", f"crashkernel=auto, that is {rule.ranges},")
    return CrashkernelRecommendation(found.value, found.size_bytes, why, found.source, "auto", reserved.total_bytes)


def is_custom(value: str, version: tuple[int, ...], extras: CrashkernelExtras | None = None) -> bool:
    """True where a value is no default of the release on any machine: an automatic reset would take it away."""
    more = extras or CrashkernelExtras()
    rules = [
        default_rule(version, machine, pages, replace(more, encrypted_memory=encrypted))
        for machine in MACHINES
        for pages in ("", "+64k")
        for encrypted in (False, True)
    ]
    return not any(rule is not None and (value == rule.ranges or (rule.auto and value == "auto")) for rule in rules)
