"""Boot entries edited as files, for what grubby cannot say.

That is a pair of one ``,high`` and one ``,low`` value, and before grubby 8.40-39 any value with a comma in it.

Source: the Boot Loader Specification; grub-editenv's form of the environment block: 1024 bytes, filled up with ``#``.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence

from kdumpkit.distributions.answers import FileEdit
from kdumpkit.errors import GateClosed, ParseError
from kdumpkit.facts.boot_entries import DIRECTORY, BlsEntry, parse_boot_entry, with_options
from kdumpkit.facts.el_boot_loader import ENVIRONMENT
from kdumpkit.facts.grub import parse_grub_environment

#: the environment block keeps its size, as GRUB writes into it in place
BLOCK_BYTES = 1024
_SHARED = re.compile(r"\$(?:kernelopts\b|\{kernelopts\})")
_HEADER = b"# GRUB Environment Block\n"


def entries_of(files: Mapping[str, bytes]) -> tuple[BlsEntry, ...]:
    """The boot entries among these files; what is no entry is left out, as GRUB leaves it out."""
    entries = []
    for path in sorted(path for path in files if path.startswith(DIRECTORY + "/")):
        with contextlib.suppress(ParseError):
            entries.append(parse_boot_entry(files[path], path))
    return tuple(entries)


def edit_entries(files: Mapping[str, bytes], tokens: Sequence[str]) -> tuple[FileEdit, ...]:
    """The edits after which each entry carries these tokens and no other; () where they do.

    Entries that share kernelopts of the environment block get them from there. Raises GateClosed where kernelopts is
    not in the block (grub.cfg then has it, which is generated) or does not fit into it.
    """
    edits = []
    shared = False
    for entry in entries_of(files):
        path, options = entry.path, entry.options
        shares = _SHARED.search(options) is not None
        shared = shared or shares
        wanted = with_tokens(options, () if shares else tokens)
        after = files[path] if wanted == options else with_options(files[path], wanted)
        if after != files[path]:
            edits.append(FileEdit(path, files[path], after))
    if shared:
        edits += _environment(files, tokens)
    return tuple(edits)


def with_tokens(line: str, tokens: Sequence[str]) -> str:
    """A command line with these crashkernel= words in the place of its first one, or in its end; no other is left."""
    words = line.split()
    found = [index for index, word in enumerate(words) if word.startswith("crashkernel=")]
    put = [f"crashkernel={token}" for token in tokens]
    if [words[index] for index in found] == put:
        return line
    at = found[0] if found else len(words)
    before = [word for word in words[:at] if not word.startswith("crashkernel=")]
    after = [word for word in words[at:] if not word.startswith("crashkernel=")]
    return " ".join((*before, *put, *after))


def with_variable(block: bytes, name: str, value: str) -> bytes:
    """The environment block with one variable set, in its size. Raises GateClosed where it does not fit."""
    escaped = value.replace("\\", "\\\\").replace("\n", "\\\n")
    lines = block[len(_HEADER) :].split(b"\n")
    kept = [line for line in lines if not line.startswith(name.encode() + b"=") and not line.startswith(b"#")]
    new = f"{name}={escaped}".encode("utf-8", "surrogateescape")
    at = next((i for i, line in enumerate(lines) if line.startswith(name.encode() + b"=")), len(kept))
    kept.insert(min(at, len(kept)), new)
    text = _HEADER + b"".join(line + b"\n" for line in kept if line)
    if len(text) > max(len(block), BLOCK_BYTES):
        raise GateClosed(
            f"{name} does not fit into the environment block of {BLOCK_BYTES} bytes; nothing was changed",
            f"grub2-editenv {ENVIRONMENT} list",
        )
    return text.ljust(max(len(block), BLOCK_BYTES), b"#")


def _environment(files: Mapping[str, bytes], tokens: Sequence[str]) -> list[FileEdit]:
    block = files.get(ENVIRONMENT)
    shared = None if block is None else parse_grub_environment(block, ENVIRONMENT).get("kernelopts")
    if block is None or shared is None:
        raise GateClosed(
            f"the boot entries take kernelopts from a generated grub.cfg, as {ENVIRONMENT} does not have it; nothing "
            "was changed",
            f"grub2-editenv {ENVIRONMENT} list",
        )
    wanted = with_tokens(shared, tokens)
    return [] if wanted == shared else [FileEdit(ENVIRONMENT, block, with_variable(block, "kernelopts", wanted))]
