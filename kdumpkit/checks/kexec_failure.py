"""Why a capture kernel was not loaded, from what kexec, or the service that called it, printed.

Source: kexec-tools 2.0.25 (kexec.c, add_buffer and locate_hole) and the errors of kexec_load(2) and kexec_file_load(2);
too small a reservation was made to fail both ways on a machine of the lab (crashkernel=32M, kernel 6.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.facts.text import size_text

_FREE_AREA = re.compile(r"Could not find a free area of memory of 0x([0-9a-fA-F]+) bytes")
_CANNOT_OPEN = re.compile(r"(?:Cannot open|Cannot stat|cannot access)[: ]*[`'\"]?([^\s`'\":]+)")


@dataclass(frozen=True)
class _Reason:
    pattern: re.Pattern[str]
    why: str
    remedy: str


_REASONS = (
    _Reason(
        re.compile(r"Memory for crashkernel is not reserved"),
        "no memory is reserved for a capture kernel in this boot",
        "run stages 02-grub-crashkernel and 03-reboot-check in mode: apply",
    ),
    _Reason(
        re.compile(r"locate_hole failed|Cannot assign requested address|Address not available"),
        "kernel and initramfs do not fit into the reserved memory: the reservation is too small, or too broken up",
        "set a larger crashkernel, run 02-grub-crashkernel and 03-reboot-check, then this stage again",
    ),
    _Reason(
        re.compile(r"Required key not available|Key was rejected by service|No data available|Bad message"),
        "the kernel image carries no signature that this kernel trusts, and Secure Boot or lockdown asks for one",
        "use the distribution's own signed kernel; mokutil --sb-state; keyctl list %:.platform",
    ),
    _Reason(
        re.compile(r"Operation not permitted|Permission denied"),
        "the kernel forbids loading: kexec_load_disabled is 1, lockdown is on and kexec was called without -s, or "
        "the call was not made by root",
        "cat /proc/sys/kernel/kexec_load_disabled /sys/kernel/security/lockdown; try kexec -s",
    ),
    _Reason(
        re.compile(r"Function not implemented"),
        "this kernel was built without the system call that kexec used",
        "grep -E 'KEXEC|CRASH_DUMP' /boot/config-$(uname -r); try kexec with -s, or without it",
    ),
    _Reason(
        re.compile(r"Device or resource busy"),
        "another load or unload is going on at this moment, or the reserved memory is being given back",
        "wait a few seconds, then: kexec -p -u; systemctl list-jobs",
    ),
    _Reason(
        re.compile(r"Exec format error|Cannot determine the file type|Unrecognized option.*elf|not a valid"),
        "the kernel file is not of a form that kexec can start here",
        "file /boot/vmlinuz-$(uname -r)",
    ),
    _Reason(
        re.compile(r"[Cc]ommand line overflow|[Cc]mdline too long|Kernel command line too long"),
        "the command line of the capture kernel is longer than its architecture takes",
        "shorten KDUMP_COMMANDLINE_APPEND or KDUMP_CMDLINE_APPEND, or remove long words from the running one",
    ),
    _Reason(
        re.compile(r"Cannot allocate memory|Out of memory"),
        "there was not enough free memory to read kernel and initramfs before they were put into place",
        "free -m",
    ),
)


def check_kexec_failure(said: str, reserved_bytes: int | None = None, records: tuple[int, ...] = ()) -> Finding:
    """``kexec.why``: the reason in the output of a load that failed. UNKNOWN where the output tells none that is known.

    ``reserved_bytes`` is what is reserved for the capture kernel; None: not known.
    """
    id = "kexec.why"
    missing = _CANNOT_OPEN.search(said)
    if missing:
        reason = (
            f"{missing[1]} could not be opened: the kernel or the kdump initramfs that was to be loaded is not there."
        )
        return Finding(id, Status.FAIL, reason, f"ls -l {missing[1]}", records)
    for known in _REASONS:
        found = known.pattern.search(said)
        if found is None:
            continue
        reason = f"{found[0]!r}: {known.why}"
        area = _FREE_AREA.search(said)
        if area:
            reason += f" ({size_text(int(area[1], 16))} in one piece were looked for"
            reason += f", {size_text(reserved_bytes)} are reserved)" if reserved_bytes is not None else ")"
        return Finding(id, Status.FAIL, reason + ".", known.remedy, records)
    last = next((line for line in reversed(said.strip().splitlines()) if line.strip()), "")
    reason = (
        f"Why it was not loaded is not known; the last words were {last.strip()[:200]!r}."
        if last
        else ("Why it was not loaded is not known: nothing was said.")
    )
    return Finding(id, Status.UNKNOWN, reason, "kexec -d -p … by hand shows each step", records)
