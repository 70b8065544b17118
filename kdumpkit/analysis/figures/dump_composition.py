"""What the pages of a machine became in its dump: held, nothing but zeros, or left out."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.analysis.figures.missing import Missing
from kdumpkit.analysis.sections.table import bytes_text
from kdumpkit.vmcore.contents import DumpContents, left_out_words

NOT_TOLD = "the file does not list its pages, as an ELF core does not, or its list is cut off"


@dataclass(frozen=True)
class DumpComposition:
    """Pages in bytes of memory; the three parts add up to the total."""

    #: memory that the kernel had; where that is not known, what the dump holds
    total_bytes: int
    #: pages with content
    held_bytes: int
    #: pages of zeros, which the file has once
    zero_bytes: int
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
    held, zero = (contents.held_pages - contents.zero_pages) * page, contents.zero_pages * page
    left_out = None if contents.left_out_pages is None else contents.left_out_pages * page
    total = held + zero + (left_out or 0)
    what = left_out_words(contents.dump_level)
    words = f"Of {bytes_text(total)} of memory the dump holds {bytes_text(held)}"
    words += f" and {bytes_text(zero)} of zeros, which it keeps as one page" if zero else ""
    if left_out:
        level = f"dump level {contents.dump_level}: {what}" if what else f"dump level {contents.dump_level}"
        words += f"; {bytes_text(left_out)} are left out"
        words += f" ({level})" if contents.dump_level is not None else ""
    packed = "not compressed" if contents.compression == "none" else f"compressed by {contents.compression}"
    words += f". In the file this takes {bytes_text(contents.stored_bytes)}, {packed}."
    return DumpComposition(
        total, held, zero, left_out, contents.stored_bytes, contents.dump_level, contents.compression, words
    )
