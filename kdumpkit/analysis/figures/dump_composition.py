"""What the pages of a machine became in its dump: held, nothing but zeros, or left out."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.analysis.figures.missing import Missing
from kdumpkit.analysis.sections.table import bytes_text
from kdumpkit.vmcore.contents import DumpContents, left_out_words

NOT_TOLD = "the list of the dump's pages is cut off, or, of an ELF core, its segments have no physical addresses"


@dataclass(frozen=True)
class DumpComposition:
    """Pages in bytes of memory; the parts add up to the total."""

    #: memory that the kernel had; where that is not known, what the dump holds
    total_bytes: int
    #: pages with content
    held_bytes: int
    #: pages of zeros, which the file has once; None: not told apart, so they are among those held
    zero_bytes: int | None
    #: None: it is not known how many pages there were
    left_out_bytes: int | None
    #: what the pages take in the file
    stored_bytes: int
    dump_level: int | None
    compression: str
    #: what a picture of it shows
    words: str


def dump_composition(contents: DumpContents | None) -> DumpComposition | Missing:
    """The composition, out of the dump's own tables; no symbols are needed."""
    if contents is None:
        return Missing(NOT_TOLD)
    page = contents.page_bytes
    held = (contents.held_pages - (contents.zero_pages or 0)) * page
    zero = None if contents.zero_pages is None else contents.zero_pages * page
    left_out = None if contents.left_out_pages is None else contents.left_out_pages * page
    total = held + (zero or 0) + (left_out or 0)
    return DumpComposition(
        total,
        held,
        zero,
        left_out,
        contents.stored_bytes,
        contents.dump_level,
        contents.compression,
        _words(contents, total, held, zero, left_out),
    )


def _words(contents: DumpContents, total: int, held: int, zero: int | None, left_out: int | None) -> str:
    words = f"Of {bytes_text(total)} of memory the dump holds {bytes_text(held)}"
    words += ", pages of zeros among them" if zero is None else ""
    words += f" and {bytes_text(zero)} of zeros, which it keeps as one page" if zero else ""
    if left_out:
        what = left_out_words(contents.dump_level)
        level = f"dump level {contents.dump_level}: {what}" if what else f"dump level {contents.dump_level}"
        words += f"; {bytes_text(left_out)} are left out"
        words += f" ({level})" if contents.dump_level is not None else ""
    packed = "not compressed" if contents.compression == "none" else f"compressed by {contents.compression}"
    return f"{words}. In the file this takes {bytes_text(contents.stored_bytes)}, {packed}."
