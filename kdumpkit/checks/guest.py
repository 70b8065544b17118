"""Virtual machines in which a capture kernel cannot work, or was not shown to."""

from __future__ import annotations

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.unknown import unknown_finding
from kdumpkit.facts.guest import Confidential, Guest, XenGuest
from kdumpkit.facts.text import size_text
from kdumpkit.facts.unknown import Unknown

_SNAPSHOT = "where no dump comes, take the guest's memory from outside (virsh dump --memory-only, a snapshot)"


def check_guest(guest: Guest) -> tuple[Finding, ...]:
    """``guest.confidential`` and ``guest.xen``."""
    return (_confidential(guest), _xen(guest))


def _confidential(guest: Guest) -> Finding:
    id, kind = "guest.confidential", guest.confidential
    if isinstance(kind, Unknown):
        return unknown_finding(id, "whether this is a confidential guest", kind)
    if kind is Confidential.NONE:
        machine = " ".join(word for word in (guest.vendor, guest.product) if word) or "this machine"
        reason = f"Memory is not encrypted against a hypervisor ({machine})."
        return Finding(id, Status.PASS, reason, "", guest.records)
    reason = (
        f"This is a confidential guest ({kind}): a capture kernel reads the crashed kernel's memory only where kernel "
        "and hypervisor both know how, and a dump takes its secrets to the disk in clear. Only a panic test can tell."
    )
    return Finding(id, Status.WARN, reason, "run the panic test on a guest of the same image first", guest.records)


def _xen(guest: Guest) -> Finding:
    id, xen = "guest.xen", guest.xen
    if isinstance(xen, Unknown):
        return unknown_finding(id, "whether this is a guest of Xen", xen)
    if xen is None:
        return Finding(id, Status.SKIP, "This is no guest of Xen.", "", guest.records)
    if xen.control_domain:
        reason = (
            "This is Xen's control domain: the reservation is Xen's own, by crashkernel= on its command line and not "
            "on the kernel's, and a dump holds the hypervisor too."
        )
        return Finding(
            id, Status.WARN, reason, "xl dmesg | grep -i kexec; grep -n xen /etc/default/grub", guest.records
        )
    if xen.kind == "PV":
        reason = "This is a paravirtual guest of Xen, in which the kernel cannot start a capture kernel."
        return Finding(id, Status.FAIL, reason, f"make it a PVH or HVM guest; {_SNAPSHOT}", guest.records)
    if xen.kind is None:
        reason = "This is a guest of Xen, and its kernel does not tell whether it is a paravirtual one."
        return Finding(id, Status.UNKNOWN, reason, "dmesg | grep -i 'booting paravirtualized kernel'", guest.records)
    return _balloon(id, guest, xen)


def _balloon(id: str, guest: Guest, xen: XenGuest) -> Finding:
    current, target = xen.current_bytes, xen.target_bytes
    if current is not None and target is not None and target < current:
        reason = (
            f"This is a {xen.kind} guest of Xen whose balloon has to give memory back ({size_text(current)} now, "
            f"{size_text(target)} wanted): a capture kernel's balloon may do so too, and leave it too little."
        )
        remedy = f"xl mem-set <domain> {current // (1 << 20)}m, on its host"
        return Finding(id, Status.WARN, reason, remedy, guest.records)
    return Finding(id, Status.PASS, f"This is a {xen.kind} guest of Xen, which can be captured.", "", guest.records)
