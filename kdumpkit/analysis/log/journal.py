"""A record of the journal, as ``journalctl -o json`` prints it on a line and ``-o export`` with a field on each.

Source: systemd, docs/JOURNAL_EXPORT_FORMATS.md, man/systemd.journal-fields.xml.
"""

from __future__ import annotations

import json
from typing import Any

JSON_BEGINS = '{"'
EXPORT_BEGINS = "MESSAGE="


def parse_json_record(line: str) -> tuple[str, float | None] | None:
    """Message and seconds since boot of a record that the kernel wrote; None for any other line.

    The kernel's own clock (``_SOURCE_MONOTONIC_TIMESTAMP``) goes before the journal's.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("_TRANSPORT", "kernel") != "kernel":
        return None
    message = _text(record.get("MESSAGE"))
    if message is None:
        return None
    stamp = record.get("_SOURCE_MONOTONIC_TIMESTAMP", record.get("__MONOTONIC_TIMESTAMP"))
    return message, int(stamp) / 1e6 if isinstance(stamp, str) and stamp.isdecimal() and len(stamp) < 20 else None


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        # halves of a pair, which JSON can name and no text can hold
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    # bytes that are no text are printed as a list of numbers
    if isinstance(value, list) and value and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        return bytes(value).decode("utf-8", "replace")
    return None
