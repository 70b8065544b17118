"""``crashkernel=`` in the shell files that grub-mkconfig sources: found, replaced and removed without running them.

Only what can be edited safely is edited: a comment is left alone, an assignment with one quoted (or bare) value on
one line is changed, anything else that carries a token is refused with its file and line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kdumpkit.errors import GateClosed

# str.splitlines is not used: it also breaks lines at form feeds and other characters that a shell takes as text
_ASSIGNMENT = re.compile(
    r"""^(?P<head>\s*(?:export\s+)?[A-Za-z_]\w*\+?=)
        (?:(?P<quote>["'])(?P<quoted>[^"'`\\]*)(?P=quote)|(?P<bare>[^\s"'`\\;&|()]*))
        (?P<tail>\s*(?:;\s*)?(?:(?<=[\s;])\#.*)?)$""",
    re.VERBOSE,
)
_TOKEN = re.compile(r"(?P<gap>\s*)(?<!\S)crashkernel=\S*")
#: the command line of the Xen hypervisor, whose crashkernel= has a grammar of its own and is no kernel's
_OF_XEN = re.compile(r"\s*(?:export\s+)?GRUB_CMDLINE_XEN\w*\+?=")


def _decode(content: bytes) -> str:
    # surrogateescape gives every byte back unchanged: what is not ours is not touched
    return content.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _carries_token(line: str) -> bool:
    # a line that is not understood counts: it has to be refused, not passed over
    if "crashkernel=" not in line or line.lstrip().startswith("#") or _OF_XEN.match(line):
        return False
    match = _ASSIGNMENT.match(line.rstrip("\r"))
    return match is None or "$(" in line or _TOKEN.search(_body(match)) is not None


def _body(match: re.Match[str]) -> str:
    return match["bare"] if match["quote"] is None else match["quoted"]


def crashkernel_lines(content: bytes) -> tuple[int, ...]:
    """The numbers (from 1) of the lines that carry a ``crashkernel=`` and are not comments."""
    return tuple(number for number, line in enumerate(_decode(content).split("\n"), 1) if _carries_token(line))


def replace_crashkernel(content: bytes, tokens: Sequence[str], path: str) -> bytes:
    """The file with these tokens in its last line that carries one, and none in the others; () removes them all.

    Each token is a value without ``crashkernel=``. The same bytes come back where nothing differs, line ends included.
    Raises GateClosed for a line that cannot be edited safely.
    """
    lines = _decode(content).split("\n")
    carriers = [index for index, line in enumerate(lines) if _carries_token(line)]
    for index in carriers:
        wanted = tokens if index == carriers[-1] else ()
        lines[index] = _edited(lines[index], wanted, f"{path}:{index + 1}")
    return _encode("\n".join(lines))


def _edited(line: str, tokens: Sequence[str], origin: str) -> str:
    text = line.rstrip("\r")
    end = line[len(text) :]
    match = _ASSIGNMENT.match(text)
    if match is None or "$(" in text:
        raise GateClosed(
            f"{origin} sets crashkernel= in a way that only a shell could read, so it is not edited: "
            f"{text.strip()[:200]}",
            f"write it as one assignment with one quoted value, or take the crashkernel= out of {origin} by hand",
        )
    quoted = match["quote"] is not None
    body = _substituted(_body(match), tokens)
    if quoted:
        return f"{match['head']}{match['quote']}{body}{match['quote']}{match['tail']}{end}"
    bare = body if re.fullmatch(r"[^\s;&|<>*?~]*", body) else f'"{body}"'
    return f"{match['head']}{bare}{match['tail']}{end}"


def _substituted(body: str, tokens: Sequence[str]) -> str:
    waiting = [" ".join(f"crashkernel={token}" for token in tokens)] if tokens else []

    def put(found: re.Match[str]) -> str:
        # a token that goes takes the blanks before it along
        return found["gap"] + waiting.pop() if waiting else ""

    changed = _TOKEN.sub(put, body)
    return changed if body[:1].isspace() else changed.lstrip()
