"""What SUSE's ``kdumptool calibrate`` says about the size of the reservation, and how it is asked without a change.

**Source**: ``kdumptool/calibrate.cc`` (kdump 0.8 to 2.1) and the ``kdumptool`` script around it (2.0 and later) of
openSUSE's kdump. ``calibrate`` reads /proc, /sys, its own constants and the header of an encrypted dump target
(``cryptsetup luksDump``), and prints. Two things beside it change the host: ``--shrink`` gives reserved memory back and
is never used here, and the script makes the directory of ``KDUMP_SAVEDIR`` where it is missing. So the command below
does not start it in that case.
"""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.text import decimal, decoded, excerpt

# the settings are sourced as kdumptool itself does a moment later, in a shell of their own; 3 is no status of its
_GUARDED = r"""
PATH=$PATH:/usr/sbin:/sbin
directory=$(if [ -f /etc/sysconfig/kdump ]; then . /etc/sysconfig/kdump; fi >/dev/null 2>&1
  printf %s "${KDUMP_SAVEDIR:-/var/crash}")
case $directory in
  /*) ;;
  [Ff][Ii][Ll][Ee]://*) directory=${directory#*://} ;;
  *) directory=/ ;;
esac
if [ ! -d "$directory" ]; then
  echo "$directory is not there, and kdumptool calibrate would make it" >&2
  exit 3
fi
exec kdumptool calibrate
"""


@dataclass(frozen=True)
class Calibration:
    """What kdump takes for right on this machine; sizes in MiB.

    ``low_mib`` lies below 4 GiB, ``high_mib`` anywhere. Where ``high_mib`` is 0 the whole is one plain size
    (``low_mib``). ``total_mib`` is all of RAM. None: this version or architecture does not print it.
    """

    total_mib: int
    low_mib: int
    high_mib: int
    min_low_mib: int | None = None
    max_low_mib: int | None = None
    min_high_mib: int | None = None
    max_high_mib: int | None = None
    #: the size for firmware-assisted dump (POWER)
    fadump_mib: int | None = None

    @property
    def impossible(self) -> bool:
        """True where kdump prints zeros for all: a paravirtual Xen guest, which cannot load a capture kernel."""
        return self.total_mib == 0 or (self.low_mib == 0 and self.high_mib == 0)


def calibrate_command() -> Command:
    """``kdumptool calibrate``, and status 3 instead where it would make the dump directory."""
    return Command(("sh", "-c", _GUARDED), timeout_s=60, as_root=True, title="kdumptool calibrate")


def parse_calibration(data: bytes) -> Calibration:
    """The sizes. Raises ParseError where Total, Low or High is missing, or one is no number.

    >>> parse_calibration(b"Total: 16308\\nLow: 72\\nHigh: 123\\n").high_mib
    123
    """
    source = "kdumptool calibrate"
    found: dict[str, int] = {}
    for line in decoded(data, source).split("\n"):
        name, colon, value = line.partition(":")
        if colon and name.strip().isalpha():
            found[name.strip()] = decimal(value, f"{source}, {name.strip()}")
    missing = [name for name in ("Total", "Low", "High") if name not in found]
    if missing:
        raise ParseError(f"{source} did not print {' and '.join(missing)}: {excerpt(data.decode('utf-8', 'replace'))}")
    if min(found.values()) < 0:
        raise ParseError(f"{source} printed a size below zero")
    return Calibration(
        total_mib=found["Total"],
        low_mib=found["Low"],
        high_mib=found["High"],
        min_low_mib=found.get("MinLow"),
        max_low_mib=found.get("MaxLow"),
        min_high_mib=found.get("MinHigh"),
        max_high_mib=found.get("MaxHigh"),
        fadump_mib=found.get("Fadump"),
    )
