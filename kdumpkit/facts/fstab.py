"""``/etc/fstab``: what is mounted at boot, and what has to be there for it.

**Source**: fstab(5); systemd-fstab-generator(8) and systemd.mount(5) for what nofail, noauto and _netdev do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, from_file
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown

PATH = "/etc/fstab"
_DEVICES = ("/dev/", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "ID=")
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class FstabEntry:
    """One line. ``line`` counts from 1."""

    source: str
    target: str
    fstype: str
    options: tuple[str, ...]
    line: int

    @property
    def required(self) -> bool:
        """True where a boot ends in the emergency shell if the device does not appear."""
        by_itself = {"nofail", "noauto", "_netdev", "x-systemd.automount", "bind", "rbind"} & set(self.options)
        return self.source.startswith(_DEVICES) and self.fstype != "swap" and not by_itself


def parse_fstab(data: bytes) -> tuple[FstabEntry, ...]:
    """The lines in order. Raises ParseError for one that has not three fields at least."""
    entries = []
    for number, line in enumerate(decoded(data, PATH).split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 3:
            raise ParseError(f"{PATH}:{number}: a line has a device, a place and a type at least")
        source, target = (_ESCAPE.sub(lambda found: chr(int(found[1], 8)), word).strip('"') for word in words[:2])
        options = tuple(words[3].split(",")) if len(words) > 3 else ("defaults",)
        entries.append(FstabEntry(source.replace('"', ""), target, words[2], options, number))
    return tuple(entries)


def fstab_from(files: Files) -> tuple[FstabEntry, ...] | Unknown:
    """The lines out of files that were read; () where there is no such file."""
    found = from_file(files, PATH, parse_fstab)
    return () if isinstance(found, Unknown) and found.absent else found
