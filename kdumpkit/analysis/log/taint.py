"""The taint letters of a kernel, decoded.

Source: kernel/panic.c (taint_flags), Documentation/admin-guide/tainted-kernels.rst; H, T and Y as Red Hat's kernels use
them. A blank in the kernel's string is a flag that is not set; ``G`` says that no proprietary module was ever loaded.
"""

from __future__ import annotations

import re

MEANING: dict[str, str] = {
    "G": "no proprietary module was loaded",
    "P": "a proprietary module was loaded",
    "F": "a module was force-loaded",
    "S": "the processor or system is out of specification",
    "R": "a module was force-unloaded",
    "M": "a machine check exception was seen",
    "B": "a bad page was found",
    "U": "user space asked for the taint",
    "D": "the kernel had died before (oops or BUG)",
    "A": "the ACPI table was overridden",
    "W": "a kernel warning was given before",
    "C": "a staging driver was loaded",
    "I": "a workaround for a firmware defect is in use",
    "O": "an out-of-tree module was loaded",
    "E": "an unsigned module was loaded",
    "L": "a soft lockup was seen before",
    "K": "the kernel was live-patched",
    "X": "a taint of the distribution's own (auxiliary)",
    "T": "built with struct randomisation, or a technology preview on Red Hat kernels",
    "N": "an in-kernel test was run",
    "J": "user space drove a device through fwctl",
    "H": "unsupported hardware (Red Hat)",
    "t": "a technology preview is in use (Red Hat 8)",
}

_LETTER = re.compile(r"[A-Za-z]")


def parse_taint(printed: str) -> str:
    """The letters that are set, in the order printed; empty for ``Not tainted``."""
    if printed.startswith("Not"):
        return ""
    return "".join(_LETTER.findall(printed.removeprefix("Tainted:")))


def decode_taint(letters: str) -> tuple[str, ...]:
    """One sentence for each letter; a letter that no kernel documents is named as such."""
    return tuple(f"{letter}: {MEANING.get(letter, 'not documented')}" for letter in letters)
