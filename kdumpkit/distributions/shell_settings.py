"""Assignments in a settings file that a shell sources, set without touching anything else in it."""

from __future__ import annotations

import re
import shlex

from kdumpkit.errors import ParameterError
from kdumpkit.facts.shell_assignments import parse_shell_assignments


def set_assignment(content: bytes, name: str, value: str, path: str) -> bytes:
    """The file with ``name`` set to ``value`` in the end; the same bytes where a shell takes it so already.

    The last line that assigns it, or looks as if it did (``NAME = value``), is replaced; without one a line is added.
    Raises ParameterError for a value with a line break or a NUL.
    """
    if "\n" in value or "\0" in value:
        raise ParameterError(f"{path}: {name} cannot hold a line break", "give it on one line")
    last = parse_shell_assignments([(path, content)]).last(name)
    found = list(re.finditer(rb"^[ \t]*(?:export[ \t]+)?" + name.encode() + rb"[ \t]*=.*$", content, re.MULTILINE))
    in_last_line = (
        bool(found) and last is not None and content[: found[-1].start()].count(b"\n") + 1 == last.origin.line
    )
    whole = in_last_line and not found[-1].group().endswith(b"\r")
    if last is not None and last.certain and last.value == value and whole:
        return content
    line = f"{name}={_quoted(value)}".encode("utf-8", "surrogateescape")
    if not found:
        return content + (b"" if content.endswith(b"\n") or not content else b"\n") + line + b"\n"
    return content[: found[-1].start()] + line + content[found[-1].end() :]


def _quoted(value: str) -> str:
    # these files are written with double quotes; a value that needs none has none
    if value and shlex.quote(value) == value:
        return value
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'
