"""What kdumpctl asks the machine itself: memory encryption, the processor that booted, watchdogs, Graviton, the image.

**Source**: is_sme_or_sev_active(), get_bootcpu_apicid(), get_watchdog_drvs(), is_aws_aarch64() and
prepare_kdump_kernel() in kdump-lib.sh of kdump-utils 1.0.61. That memory is encrypted is told by the kernel's log
alone: "Memory Encryption Features active: AMD SEV", in older kernels "AMD Memory Encryption Features active: SEV" and
"AMD Secure Encrypted Virtualization (SEV) active".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import answered, record_numbers
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.base import Host

TITLE = "what kdumpctl asks the machine: kernel log, first processor, watchdogs, kernel image"

# journald has the whole log of this boot; the kernel's own ring may have lost its beginning.
_SH = r"""
log=$(journalctl --quiet --dmesg --no-pager --output=cat 2>/dev/null) || log=
[ -n "$log" ] || log=$(dmesg 2>/dev/null | sed 's/^\[[^]]*\] //')
printf 'log\t%s\n' "$(printf '%s' "$log" | grep -c '')"
printf '%s\n' "$log" | grep -E 'Memory Encryption Features active|^AMD Secure .* active' |
  while read -r line; do printf 'encryption\t%s\n' "$line"; done
awk '$1 == "processor" { if (seen++) exit } $1 == "apicid" { printf "apicid\t%s\n", $NF; exit }' /proc/cpuinfo
for device in /sys/class/watchdog/*/device/modalias; do
  [ -f "$device" ] || continue
  for driver in $(modprobe --set-version "$1" --resolve-alias "$(cat "$device")" 2>/dev/null); do
    printf 'watchdog\t%s\n' "$driver"
  done
done
id=$(cat /etc/machine-id 2>/dev/null)
for directory in /boot /boot/efi /efi; do
  for image in "vmlinuz-$1" "$id/$1/vmlinuz" "EFI/Linux/$id-$1.efi"; do
    [ ! -f "$directory/$image" ] || printf 'image\t%s\n' "$directory/$image"
  done
done
[ "$(uname -m)" != aarch64 ] || lscpu | sed -n 's/^ *BIOS Model name: */model\t/p'
exit 0
"""
_DRIVER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEYS = frozenset({"log", "encryption", "apicid", "watchdog", "image", "model"})


@dataclass(frozen=True)
class ElMachine:
    """``memory_encryption`` are the features of AMD that are active, "" where none is.

    It is Unknown where the kernel's log could not be read. ``boot_apic_id`` is that of processor 0, None on other
    machines than x86; ``watchdog_drivers`` are modules of the release that was asked for; ``image`` is that release's
    kernel, None where it is in none of the usual places; ``graviton``: an Amazon processor.
    """

    memory_encryption: str | Unknown
    boot_apic_id: int | None = None
    watchdog_drivers: tuple[str, ...] = ()
    image: str | None = None
    graviton: bool = False
    records: tuple[int, ...] = ()

    @property
    def unified(self) -> bool:
        """True for a unified kernel image: kernel, initramfs and command line in one signed file."""
        return self.image is not None and self.image.endswith(".efi")


def el_machine_command(release: str) -> Command:
    """Reads only; ``release``: of the kernel whose watchdog drivers are asked for."""
    return Command(("sh", "-c", _SH, "sh", release), timeout_s=60, as_root=True, title=TITLE)


def parse_el_machine(data: bytes, records: tuple[int, ...] = ()) -> ElMachine:
    """The answers, a line each: name, tab, value. Raises ParseError where a line has another form."""
    found: dict[str, list[str]] = {name: [] for name in _KEYS}
    for line in decoded(data, TITLE).splitlines():
        name, tab, value = line.partition("\t")
        if not tab or name not in _KEYS:
            raise ParseError(f"{TITLE}: {line[:80]!r} is no answer")
        found[name].append(value.strip())
    if len(found["log"]) != 1 or not found["log"][0].isdigit():
        raise ParseError(f"{TITLE}: how long the kernel's log is was not told")
    apicid = found["apicid"][0] if found["apicid"] else None
    if apicid is not None and not apicid.isdigit():
        raise ParseError(f"{TITLE}: {apicid!r} is not the number of a processor")
    encryption: str | Unknown = _features(found["encryption"])
    if found["log"][0] == "0":
        encryption = Unknown("the kernel's log", Why.NOT_ANSWERED, "it is empty", records)
    return ElMachine(
        encryption,
        None if apicid is None else int(apicid),
        tuple(dict.fromkeys(name for name in found["watchdog"] if _DRIVER.fullmatch(name))),
        next(iter(found["image"]), None),
        any("AWS Graviton" in model for model in found["model"]),
        records,
    )


def read_el_machine(host: Host, release: str) -> ElMachine | Unknown:
    """The machine, asked once; Unknown where it did not answer."""
    return answered(
        host,
        el_machine_command(release),
        lambda result: parse_el_machine(result.stdout, record_numbers(result.record)),
    )


def _features(lines: list[str]) -> str:
    # Intel's TDX is told in the same words, and needs no bounce buffers beyond those of its own
    found: list[str] = []
    for line in lines:
        if "AMD" not in line:
            continue
        named = line.partition("active:")[2].replace("AMD", "").split()
        found += named or re.findall(r"\((\w+)\)", line)
    return " ".join(dict.fromkeys(found))
