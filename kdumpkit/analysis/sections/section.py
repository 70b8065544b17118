"""One question put to a dump: how it is asked (with drgn), what the answer looks like and how it is told (without)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kdumpkit.analysis.sections.table import SectionTable

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

T = TypeVar("T")


def _not_told(_: Any) -> tuple[SectionTable, ...]:
    return ()


@dataclass(frozen=True)
class Section(Generic[T]):
    """A part of the report that can fail by itself.

    A new one is a file of this folder that ends with ``SECTION = Section(...)``, and its name in ``SECTIONS``.
    ``read`` runs in the process that holds drgn, and imports drgn within itself; whoever parses a report does not
    need drgn.
    """

    #: key of the section in the JSON document
    name: str
    #: frozen dataclass of the answer, made of JSON's types, other such dataclasses, and tuples of them
    content: type[T]
    read: Callable[[DrgnSession], T]
    #: the answer for people, as tables of plain words
    describe: Callable[[T], tuple[SectionTable, ...]] = _not_told
    #: false where VMCOREINFO alone is enough
    needs_symbols: bool = True


@dataclass(frozen=True)
class SectionError:
    """A section that could not be read, and why, in one sentence."""

    error: str
