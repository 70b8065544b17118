"""The generated ``grub.cfg``: what the machine would really boot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from kdumpkit.errors import ParseError
from kdumpkit.facts.grub import GrubEnvironment
from kdumpkit.facts.reading import Files, first_present, record_numbers
from kdumpkit.facts.text import decoded
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.files import FileContent

PATHS = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")


@dataclass(frozen=True)
class GrubEntry:
    """One menu entry.

    ``position`` is how GRUB_DEFAULT names it by number (``0``, ``1>2``); ``titles`` is the way to it through the
    submenus, its own title last; ``ids`` the same with ``--id`` (None where there is none). ``kernel_path`` is None
    for entries that start no Linux.
    """

    position: str
    titles: tuple[str, ...]
    ids: tuple[str | None, ...]
    kernel_path: str | None
    kernel_release: str | None
    command_line: str
    initrd_paths: tuple[str, ...]
    recovery: bool

    @property
    def title(self) -> str:
        return self.titles[-1]

    @property
    def id(self) -> str | None:
        return self.ids[-1]


@dataclass(frozen=True)
class GrubConfig:
    """All entries in menu order, submenus walked into."""

    path: str
    entries: tuple[GrubEntry, ...]
    #: what ``set default=`` says, ``${saved_entry}`` where the environment block decides; None where it is not set
    default: str | None
    records: tuple[int, ...] = ()

    def find(self, selector: str) -> GrubEntry | None:
        """The entry that GRUB starts for a position, title or id, with ``>`` between the levels; None: no such entry.

        A submenu stands for its first entry. ``>>`` in a title stands for ``>``.
        """
        parts = [part.replace("\0", ">") for part in selector.replace(">>", "\0").split(">")]
        left = list(self.entries)
        for level, part in enumerate(parts):
            left = [
                entry
                for entry in left
                if level < len(entry.titles)
                and part in (entry.position.split(">")[level], entry.titles[level], entry.ids[level])
            ]
        return left[0] if left else None


_LINUX = ("linux", "linux16", "linuxefi")
_INITRD = ("initrd", "initrd16", "initrdefi")
_KERNEL_NAME = re.compile(r"(?:vmlinuz|vmlinux|kernel|[Ii]mage)-(.+?)(?:\.efi\.signed)?")
_RECOVERY_WORDS = ("single", "recovery")


def parse_grub_cfg(data: bytes, path: str = PATHS[0], records: tuple[int, ...] = ()) -> GrubConfig:
    """The entries of a generated ``grub.cfg``. Raises ParseError where quotes or blocks do not close.

    Source: the script language of GRUB 2.06 as far as grub-mkconfig writes it. ``if`` blocks are not decided: entries
    in them count as there.
    """
    menus: list[_Menu] = []
    counters = [0]
    entries: list[GrubEntry] = []
    default: str | None = None
    open_blocks: list[str] = []
    entry: _Entry | None = None
    for words in _statements(decoded(data, path), path):
        name = words[0]
        if words[-1] == "{" and name in ("menuentry", "submenu", "function"):
            open_blocks.append(name)
            if name == "submenu":
                menus.append(_Menu(_title(words), _id(words), counters[-1]))
                counters[-1] += 1
                counters.append(0)
            elif name == "menuentry":
                entry = _Entry(_title(words), _id(words), counters[-1])
                counters[-1] += 1
        elif words == ["}"]:
            block = open_blocks.pop() if open_blocks else ""
            if block == "submenu":
                menus.pop()
                counters.pop()
            elif block == "menuentry" and entry is not None:
                entries.append(entry.finished(menus))
                entry = None
        elif entry is not None and name in _LINUX and len(words) > 1:
            entry.kernel, entry.arguments = words[1], words[2:]
        elif entry is not None and name in _INITRD:
            entry.initrds = words[1:]
        elif not open_blocks and name == "set" and len(words) == 2 and words[1].startswith("default="):
            value = words[1].removeprefix("default=")
            if "next_entry" not in value:
                default = value
    if open_blocks:
        raise ParseError(f"{path}: a {open_blocks[-1]} is not closed, the file may be cut off")
    return GrubConfig(path, tuple(entries), default, records)


class _Menu:
    def __init__(self, title: str, id: str | None, number: int) -> None:
        self.title, self.id, self.number = title, id, number


class _Entry(_Menu):
    kernel: str | None = None
    arguments: list[str]
    initrds: list[str]

    def __init__(self, title: str, id: str | None, number: int) -> None:
        super().__init__(title, id, number)
        self.arguments, self.initrds = [], []

    def finished(self, menus: list[_Menu]) -> GrubEntry:
        way = [*menus, self]
        named = _KERNEL_NAME.fullmatch((self.kernel or "").rpartition("/")[2])
        recovery = (
            "-recovery-" in (self.id or "")
            or "(recovery mode)" in self.title
            or any(word in _RECOVERY_WORDS for word in self.arguments)
        )
        return GrubEntry(
            position=">".join(str(level.number) for level in way),
            titles=tuple(level.title for level in way),
            ids=tuple(level.id for level in way),
            kernel_path=self.kernel,
            kernel_release=named[1] if named else None,
            command_line=" ".join(self.arguments),
            initrd_paths=tuple(self.initrds),
            recovery=recovery,
        )


def _title(words: list[str]) -> str:
    return words[1] if len(words) > 2 else ""


def _id(words: list[str]) -> str | None:
    for option, value in pairwise(words):
        if option in ("--id", "$menuentry_id_option", "${menuentry_id_option}"):
            return value
        if option.startswith("--id="):
            return option.removeprefix("--id=")
    return None


def _statements(text: str, path: str) -> Iterator[list[str]]:
    # words of each command; quotes are taken off, variables stay as they are written
    words: list[str] = []
    word: list[str] | None = None
    at, line = 0, 1
    while at < len(text):
        character = text[at]
        if character in "'\"":
            end, content = _quoted(text, at)
            if end < 0:
                raise ParseError(f"{path}:{line}: a quote does not close")
            word = [] if word is None else word
            word.append(content)
            line += text.count("\n", at, end)
            at = end
            continue
        if character == "\\":
            following = text[at + 1 : at + 2]
            if following != "\n":
                word = [] if word is None else word
                word.append(following)
            line += following == "\n"
            at += 2
            continue
        if character == "#" and word is None:
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        if character in " \t\r\n;":
            if word is not None:
                words.append("".join(word))
                word = None
            if character in "\n;" or words == ["}"]:
                line += character == "\n"
                if words:
                    yield words
                words = []
            at += 1
            continue
        end = _PLAIN.match(text, at).end()  # type: ignore[union-attr]
        word = [] if word is None else word
        word.append(text[at:end])
        at = end
        if word == ["{"] and words and words[0] in ("menuentry", "submenu", "function"):
            yield [*words, "{"]
            words, word = [], None
    if word is not None:
        words.append("".join(word))
    if words:
        yield words


_PLAIN = re.compile(r"[^'\"\\ \t\r\n;]+")


def _quoted(text: str, at: int) -> tuple[int, str]:
    # the position after the closing quote (-1: none) and what is between
    if text[at] == "'":
        end = text.find("'", at + 1)
        return (end + 1, text[at + 1 : end]) if end >= 0 else (-1, "")
    content: list[str] = []
    position = at + 1
    while position < len(text):
        character = text[position]
        if character == '"':
            return position + 1, "".join(content)
        if character == "\\" and text[position + 1 : position + 2] in tuple('"\\$'):
            position += 1
            character = text[position]
        content.append(character)
        position += 1
    return -1, ""


def default_entry(
    config: GrubConfig, environment: GrubEnvironment | Unknown, *, lasting: bool = False
) -> GrubEntry | None:
    """The entry of the next boot: ``next_entry`` if set, else the generated default, else the first entry.

    ``lasting``: that of each boot after it, which is without ``next_entry``. None where what is named is not in the
    menu (GRUB then takes the first entry) or the menu is empty.
    """
    known = environment if isinstance(environment, GrubEnvironment) else None
    if known is not None and known.next_entry and not lasting:
        return config.find(known.next_entry)
    selector = config.default
    if selector is not None and "saved_entry" in selector:
        selector = known.saved_entry if known is not None else None
    return config.find(selector or "0")


def grub_config_from(files: Files) -> GrubConfig | Unknown:
    """The generated menu out of files that were read."""

    def parse(file: FileContent) -> GrubConfig:
        return parse_grub_cfg(file.data, file.path, record_numbers(file.record))

    return first_present(files, PATHS, parse)
