"""Why a file that was taken for a log holds no crash: it is empty, a dump, a program, or no text at all."""

from __future__ import annotations

from pathlib import Path

_LOOKED_AT_BYTES = 1 << 16
_DUMPS = (b"KDUMP   ", b"DISKDUMP", b"makedumpfile\0")
#: of a text, even one with escape sequences and a few lost bytes, less is no character
_MOST_BINARY = 0.2
_NO_CHARACTER = bytes(byte for byte in range(32) if byte not in b"\t\n\r\f\x1b\b")


def describe_foreign(path: Path) -> str:
    """One sentence on what a file is that is no log; empty where it looks like one, or cannot be read."""
    try:
        with open(path, "rb") as file:
            head = file.read(_LOOKED_AT_BYTES)
    except OSError:
        return ""
    if not head:
        return "the file is empty: nothing was written to it"
    if head.startswith(_DUMPS):
        return "the file is a dump and not a log: kdumpkit analyse reads it"
    if head.startswith(b"\x7fELF"):
        return "the file is an ELF file and no log: a program, or a dump, which kdumpkit analyse reads"
    lost = len(head) - len(head.translate(None, _NO_CHARACTER)) + head.decode("utf-8", "replace").count("\ufffd")
    return "the file holds no text, so no log can be read in it" if lost > _MOST_BINARY * len(head) else ""
