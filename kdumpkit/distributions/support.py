"""How far the kit's knowledge of each system was proved; the README's table is made from this.

A row is a claim that a test holds: ``CRASHED`` systems are flavours of the lab, ``REPLAYED`` and ``DOCUMENTS`` ones
have recordings under ``tests/recordings``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Proof(StrEnum):
    """What stands behind a row, strongest first."""

    #: a kernel of the lab's machine panics and its dump is verified
    CRASHED = "really crashed in the lab"
    #: a recording of a real machine is replayed through the notebooks
    REPLAYED = "replayed from a real recording"
    #: a recording that was written from documents is replayed through the notebooks
    DOCUMENTS = "written from documents and replayed"


@dataclass(frozen=True)
class Support:
    """One system: which one, how it boots, what proves it, and what the proof leaves out.

    ``example`` is the flavour of the lab, or the folder below ``tests/recordings``.
    """

    system: str
    boots_by: str
    proof: Proof
    example: str
    note: str = ""


def support_table(rows: Iterable[Support]) -> str:
    """The rows as a Markdown table, strongest proof first."""
    order = list(Proof)
    lines = ["| system | boots by | proof | what it leaves out |", "|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: order.index(row.proof)):
        lines.append(f"| {row.system} | {row.boots_by} | {row.proof} | {row.note or '–'} |")
    return "\n".join(lines) + "\n"
