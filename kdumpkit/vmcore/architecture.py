"""Whether a dump is of another architecture than the machine that reads it, and what that means."""

from __future__ import annotations

import re

#: of which drgn translates addresses and unwinds stacks, on whatever machine it runs (drgn's documentation, "Getting
#: Started": architecture support)
_READ_BY_DRGN = frozenset({"x86_64", "aarch64", "ppc64", "ppc64le", "s390x"})


def _plain(machine: str) -> str:
    return (
        "i386" if re.fullmatch(r"i[3-6]86", machine) else {"riscv": "riscv64", "arm64": "aarch64"}.get(machine, machine)
    )


def foreign_architecture(machine: str | None, here: str) -> str:
    """One sentence where the dump is of another architecture, or of one that drgn does not know; "" elsewhere.

    >>> foreign_architecture("s390x", "x86_64")
    'this is the dump of an s390x kernel, read on x86_64: drgn can, and crash would have to be built for s390x'
    >>> foreign_architecture("x86_64", "x86_64")
    ''
    """
    if not machine:
        return "the dump does not say of which architecture its kernel was"
    article = "an" if machine[0] in "aeios" or machine.startswith("x86") else "a"
    if _plain(machine) not in _READ_BY_DRGN:
        return (
            f"this is the dump of {article} {machine} kernel, of which drgn translates no addresses or unwinds no "
            "stacks: its headers and, in part, its log are all that can be read"
        )
    if _plain(machine) == _plain(here):
        return ""
    return (
        f"this is the dump of {article} {machine} kernel, read on {here}: drgn can, "
        f"and crash would have to be built for {machine}"
    )
