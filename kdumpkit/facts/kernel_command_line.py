"""The command line that the running kernel was started with, from ``/proc/cmdline``."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.facts.reading import Files, from_file, record_numbers
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown

PATH = "/proc/cmdline"


@dataclass(frozen=True)
class KernelParameter:
    """One word. ``value`` is None for a flag (``quiet``) and "" for an empty value (``crashkernel=``)."""

    text: str
    name: str
    value: str | None


@dataclass(frozen=True)
class KernelCommandLine:
    """The words in order; those after ``--`` go to init and are in ``init_arguments``."""

    text: str
    parameters: tuple[KernelParameter, ...]
    init_arguments: tuple[str, ...] = ()
    records: tuple[int, ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """The value of each ``name=value`` word, in order; () where there is none. ``-`` and ``_`` are the same."""
        wanted = name.replace("-", "_")
        return tuple(
            parameter.value
            for parameter in self.parameters
            if parameter.value is not None and parameter.name.replace("-", "_") == wanted
        )

    def has(self, name: str) -> bool:
        """True where the word is there, with or without a value."""
        wanted = name.replace("-", "_")
        return any(parameter.name.replace("-", "_") == wanted for parameter in self.parameters)


def split_words(text: str) -> tuple[tuple[int, int], ...]:
    """Start and end of each word: white space separates, but not between double quotes (the kernel's ``next_arg``)."""
    spans: list[tuple[int, int]] = []
    start: int | None = None
    quoted = False
    for position, character in enumerate(text):
        if character in " \t\n\v\f\r" and not quoted:
            if start is not None:
                spans.append((start, position))
            start = None
            continue
        if start is None:
            start = position
        if character == '"':
            quoted = not quoted
    if start is not None:
        spans.append((start, len(text)))
    return tuple(spans)


def parse_parameter(word: str) -> KernelParameter:
    """One word: quotes around the whole or around the value are taken off."""
    bare = word[1:].removesuffix('"') if word.startswith('"') else word
    name, equals, value = bare.partition("=")
    if not equals:
        return KernelParameter(word, name, None)
    if value.startswith('"'):
        value = value[1:].removesuffix('"')
    return KernelParameter(word, name, value)


def parse_kernel_command_line(data: bytes, records: tuple[int, ...] = ()) -> KernelCommandLine:
    """The words of a command line. Raises ParseError where there is none."""
    text = decoded(data, PATH).strip(" \t\n\v\f\r")
    words = [text[start:end] for start, end in split_words(text)]
    init_arguments: tuple[str, ...] = ()
    if "--" in words:
        at = words.index("--")
        init_arguments = tuple(words[at + 1 :])
        words = words[:at]
    return KernelCommandLine(text, tuple(map(parse_parameter, words)), init_arguments, records)


def kernel_command_line_from(files: Files) -> KernelCommandLine | Unknown:
    """The command line out of files that were read."""
    return from_file(files, PATH, lambda data: parse_kernel_command_line(data, record_numbers(files[PATH].record)))
