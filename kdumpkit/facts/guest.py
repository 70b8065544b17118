"""What the machine is a guest of, and whether its memory is kept from the host: sysfs and the CPU's flags."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, answered, from_file, record_numbers, records_of
from kdumpkit.facts.text import decoded, parse_number, parse_switch
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import Absent, FileContent


class Confidential(StrEnum):
    """How a guest's memory is kept from its host; NONE: it is not, or this is no guest."""

    NONE = "none"
    SEV = "AMD SEV"
    SEV_SNP = "AMD SEV-SNP"
    TDX = "Intel TDX"
    SECURE_EXECUTION = "IBM Secure Execution"


@dataclass(frozen=True)
class XenGuest:
    """A guest of Xen. ``kind`` is PV, HVM or PVH; None on kernels that do not tell (before 4.11).

    ``control_domain``: this is Dom0. ``current_bytes`` and ``target_bytes`` are the balloon's, None where it has none.
    """

    kind: str | None
    control_domain: bool
    current_bytes: int | None
    target_bytes: int | None


@dataclass(frozen=True)
class Guest:
    """``hypervisor`` is the flag that a processor shows inside a virtual machine; Unknown on other than x86.

    ``xen`` None: not Xen. ``vendor`` and ``product`` are the firmware's words, None where it has none to give.
    """

    hypervisor: bool | Unknown
    confidential: Confidential | Unknown
    xen: XenGuest | Unknown | None
    vendor: str | None
    product: str | None
    records: tuple[int, ...] = ()


XEN_TYPE = "/sys/hypervisor/type"
XEN_KIND = "/sys/hypervisor/guest_type"
XEN_CAPABILITIES = "/proc/xen/capabilities"
XEN_CURRENT = "/sys/devices/system/xen_memory/xen_memory0/info/current_kb"
XEN_TARGET = "/sys/devices/system/xen_memory/xen_memory0/target_kb"
TDX_DEVICE = "/sys/devices/virtual/misc/tdx_guest/dev"
SEV_DEVICE = "/sys/devices/virtual/misc/sev-guest/dev"
PROTECTED_GUEST = "/sys/firmware/uv/prot_virt_guest"
VENDOR = "/sys/class/dmi/id/sys_vendor"
PRODUCT = "/sys/class/dmi/id/product_name"
PATHS = (
    XEN_TYPE,
    XEN_KIND,
    XEN_CAPABILITIES,
    XEN_CURRENT,
    XEN_TARGET,
    TDX_DEVICE,
    SEV_DEVICE,
    PROTECTED_GUEST,
    VENDOR,
    PRODUCT,
)
#: the first processor's lines are in it on every machine; the file itself has a paragraph for each processor
_CPUINFO_BYTES = 16384
CPUINFO = "/proc/cpuinfo"


def parse_cpu_flags(data: bytes) -> frozenset[str]:
    """The first processor's ``flags`` (x86) or ``Features`` (aarch64, s390x); empty on machines without (ppc64le).

    Raises ParseError where it is no list of processors.
    """
    processors = False
    for line in decoded(data, CPUINFO).split("\n"):
        name, colon, value = line.partition(":")
        if colon and name.strip().lower() in ("flags", "features"):
            return frozenset(value.split())
        processors = processors or name.strip() == "processor"
    if not processors:
        raise ParseError(f"{CPUINFO} names no processor")
    return frozenset()


def read_cpu_flags(host: Host) -> tuple[frozenset[str], tuple[int, ...]] | Unknown:
    """The first processor's flags, and the record of the command."""
    command = Command(("head", "-c", str(_CPUINFO_BYTES), CPUINFO), timeout_s=20, title="flags of the first processor")
    return answered(host, command, lambda result: (parse_cpu_flags(result.stdout), record_numbers(result.record)))


def guest_from(files: Files, flags: tuple[frozenset[str], tuple[int, ...]] | Unknown) -> Guest:
    """The guest out of files that were read and the flags of a processor.

    A processor that *can* run SEV guests shows ``sev`` too, so that flag counts only beside ``hypervisor``.
    """
    found = flags if isinstance(flags, Unknown) else flags[0]
    asked = record_numbers(*(files[path].record for path in PATHS if path in files))
    return Guest(
        found if isinstance(found, Unknown) else _hypervisor(found),
        _confidential(files, found),
        _xen(files),
        _words(files, VENDOR),
        _words(files, PRODUCT),
        record_numbers(*asked, *(records_of(flags) if isinstance(flags, Unknown) else flags[1])),
    )


def _hypervisor(flags: frozenset[str]) -> bool | Unknown:
    if "hypervisor" in flags:
        return True
    # of the processors that Linux knows by flags, those with fpu are x86; no other has a flag for a hypervisor
    return False if "fpu" in flags else Unknown(CPUINFO, Why.ABSENT, "no flag of this processor tells")


def _confidential(files: Files, flags: frozenset[str] | Unknown) -> Confidential | Unknown:
    if isinstance(files.get(TDX_DEVICE), FileContent):
        return Confidential.TDX
    if isinstance(files.get(SEV_DEVICE), FileContent):
        # the device is there for SNP guests alone
        return Confidential.SEV_SNP
    protected = from_file(files, PROTECTED_GUEST, lambda data: parse_switch(data, PROTECTED_GUEST))
    if protected is True:
        return Confidential.SECURE_EXECUTION
    if isinstance(protected, Unknown) and not protected.absent:
        return protected
    if isinstance(flags, Unknown):
        return flags
    if "tdx_guest" in flags:
        return Confidential.TDX
    if "hypervisor" in flags and "sev_snp" in flags:
        return Confidential.SEV_SNP
    if "hypervisor" in flags and ("sev" in flags or "sev_es" in flags):
        return Confidential.SEV
    return Confidential.NONE


def _xen(files: Files) -> XenGuest | Unknown | None:
    kind = from_file(files, XEN_TYPE, lambda data: decoded(data, XEN_TYPE).strip())
    if isinstance(kind, Unknown):
        # only the kernels of Xen guests and of s390x have the directory
        return None if kind.absent else kind
    if kind != "xen":
        return None
    guest = from_file(files, XEN_KIND, lambda data: decoded(data, XEN_KIND).strip())
    # an empty file is what a guest has; a kernel without xenfs has none
    capabilities = files.get(XEN_CAPABILITIES)
    control = isinstance(capabilities, FileContent) and b"control_d" in capabilities.data
    if not isinstance(capabilities, FileContent | Absent):
        return Unknown(XEN_CAPABILITIES, Why.NOT_PERMITTED, "", record_numbers(getattr(capabilities, "record", -1)))
    return XenGuest(
        None if isinstance(guest, Unknown) else guest, control, _size(files, XEN_CURRENT), _size(files, XEN_TARGET)
    )


def _size(files: Files, path: str) -> int | None:
    kilobytes = from_file(files, path, lambda data: parse_number(data, path))
    return None if isinstance(kilobytes, Unknown) else kilobytes * 1024


def _words(files: Files, path: str) -> str | None:
    words = from_file(files, path, lambda data: decoded(data, path).strip())
    return None if isinstance(words, Unknown) else words[:120]
