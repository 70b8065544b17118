"""Assignments in a file that a shell sources, read without running it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kdumpkit.errors import ParseError


@dataclass(frozen=True)
class Origin:
    """The file and line (from 1) that a piece of text comes from."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Piece:
    """A piece of a value and the line that wrote it; appending keeps the origin of what was there before."""

    text: str
    origin: Origin
    #: False: the text of shell code whose result only a shell could tell
    certain: bool = True


@dataclass(frozen=True)
class Assignment:
    """One ``NAME=value``: its value after expansion, piece by piece.

    ``certain`` is False where only a shell could tell the value, or whether the assignment is made at all.
    """

    name: str
    pieces: tuple[Piece, ...]
    origin: Origin
    certain: bool = True

    @property
    def value(self) -> str:
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True)
class BrokenLine:
    """A line that the shell would not take as an assignment or that cannot be known without running it."""

    origin: Origin
    text: str
    why: str


@dataclass(frozen=True)
class ShellAssignments:
    """Every assignment in the order in which the shell makes them, and the lines that are not understood."""

    assignments: tuple[Assignment, ...]
    broken: tuple[BrokenLine, ...] = ()

    def last(self, name: str) -> Assignment | None:
        """The assignment that stands in the end; None where the name is never set."""
        return next((found for found in reversed(self.assignments) if found.name == name), None)

    def value(self, name: str) -> str | None:
        """The value that stands in the end; None: never set, "": set to nothing."""
        found = self.last(name)
        return None if found is None else found.value


_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+])([^${}`\"'\\]*))?\})")
_OPENING = {"if", "while", "until", "case", "for", "{"}
_CLOSING = {"fi", "done", "esac", "}"}
_INNER = {"then", "else", "do", "!"}
_LONGEST_VALUE = 1 << 16

_Pieces = tuple[Piece, ...]


def parse_shell_assignments(files: Sequence[tuple[str, bytes]]) -> ShellAssignments:
    """The assignments of these files, path and content each, as one shell that sources them in order would make them.

    Nothing is executed: ``$(...)`` and control flow give assignments that are not ``certain``, and whatever else is no
    assignment is listed in ``broken`` with its line. Raises ParseError where a file is not text or a value grows beyond
    64 KiB.
    """
    variables: dict[str, _Pieces] = {}
    assignments: list[Assignment] = []
    broken: list[BrokenLine] = []
    for path, data in files:
        if b"\0" in data:
            raise ParseError(f"{path} is not text: it has a NUL byte at offset {data.index(bytes(1))}")
        _Source(path, data.decode("utf-8", "replace"), variables, assignments, broken).read()
    return ShellAssignments(tuple(assignments), tuple(broken))


@dataclass(frozen=True)
class _Word:
    raw: str
    # set where the word is NAME=value
    name: str | None
    appends: bool
    pieces: _Pieces
    line: int


class _Unterminated(Exception):
    pass


class _Source:
    # one file on its way through: position, line, and the variables that it shares with the others

    def __init__(
        self,
        path: str,
        text: str,
        variables: dict[str, _Pieces],
        assignments: list[Assignment],
        broken: list[BrokenLine],
    ) -> None:
        self.path, self.text = path, text
        self.variables, self.assignments, self.broken = variables, assignments, broken
        self.at, self.line, self.depth = 0, 1, 0

    def read(self) -> None:
        words: list[_Word] = []
        conditional = False
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in " \t\r":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
                self.line += 1
            elif character == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif character in "\n;&|()<>":
                operator = re.compile(r"&&|\|\||<<|\n|.").match(self.text, self.at)
                sign = operator[0] if operator else character
                if sign == "<<":
                    self._fault(self.line, sign, "a here-document: what follows in this file is not read")
                    return
                self._statement(words, conditional, sign)
                words = []
                conditional = sign in ("&&", "||")
                self.line += sign == "\n"
                self.at += len(sign)
            else:
                start, line = self.at, self.line
                try:
                    words.append(self._word())
                except _Unterminated:
                    first = self.text[start:].partition("\n")[0]
                    self._fault(line, first, "its quotes do not close: the shell stops reading the file here")
                    return
        self._statement(words, conditional, "\n")

    def _statement(self, words: list[_Word], conditional: bool, end: str) -> None:
        while words and words[0].raw in _INNER:
            words = words[1:]
        if not words:
            return
        first = words[0]
        whole = " ".join(word.raw for word in words)
        if first.raw in _OPENING or first.raw in _CLOSING or first.raw == "elif":
            self.depth = max(0, self.depth + (first.raw in _OPENING) - (first.raw in _CLOSING))
            if first.raw not in _CLOSING:
                self._fault(first.line, whole, "shell code, which is not run here: what it sets is not certain")
            return
        if first.raw in ("export", "readonly") and len(words) > 1:
            words = [word for word in words[1:] if word.name is not None]
        if all(word.name is not None and not word.appends for word in words):
            for word in words:
                self._assign(word, certain=not conditional and self.depth == 0 and end not in "&&||")
            return
        self._fault(first.line, whole, _why_no_assignment(words))

    def _assign(self, word: _Word, certain: bool) -> None:
        name = word.name or ""
        pieces = word.pieces if certain else tuple(Piece(piece.text, piece.origin, False) for piece in word.pieces)
        if sum(len(piece.text) for piece in pieces) > _LONGEST_VALUE or len(pieces) > _LONGEST_VALUE:
            raise ParseError(
                f"{self.path}:{word.line}: the value of {name[:80]} grows beyond {_LONGEST_VALUE} characters"
            )
        self.variables[name] = pieces
        certain = certain and all(piece.certain for piece in pieces)
        self.assignments.append(Assignment(name, pieces, Origin(self.path, word.line), certain))

    def _fault(self, line: int, text: str, why: str) -> None:
        self.broken.append(BrokenLine(Origin(self.path, line), text[:200], why))

    def _word(self) -> _Word:
        start, line = self.at, self.line
        pieces: list[Piece] = []
        named = _NAME.match(self.text, self.at)
        if named:
            self.at = named.end()
        while self.at < len(self.text) and self.text[self.at] not in " \t\r\n;&|()<>":
            character = self.text[self.at]
            if character == "'":
                end = self._find("'", self.at + 1)
                self._literal(pieces, self.text[self.at + 1 : end])
                self._advance(end + 1)
            elif character == '"':
                self._double_quoted(pieces)
            elif character == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                self._literal(pieces, "" if following == "\n" else following)
                self._advance(self.at + 2)
            elif character in "$`":
                self._expansion(pieces)
            else:
                self._literal(pieces, character)
                self.at += 1
        name, appends = (named[1], named[2] == "+") if named else (None, False)
        return _Word(self.text[start : self.at], name, appends, tuple(pieces), line)

    def _double_quoted(self, pieces: list[Piece]) -> None:
        self.at += 1
        while True:
            character = self.text[self.at : self.at + 1]
            if not character:
                raise _Unterminated
            if character == '"':
                self.at += 1
                return
            if character in "$`":
                self._expansion(pieces)
            elif character == "\\" and self.text[self.at + 1 : self.at + 2] in tuple('$`"\\\n'):
                following = self.text[self.at + 1]
                self._literal(pieces, "" if following == "\n" else following)
                self._advance(self.at + 2)
            else:
                self._literal(pieces, character)
                self._advance(self.at + 1)

    def _expansion(self, pieces: list[Piece]) -> None:
        variable = _VARIABLE.match(self.text, self.at)
        if variable:
            name, operator, other = variable[1] or variable[2], variable[3] or "", variable[4] or ""
            value = self.variables.get(name)
            is_set = value is not None and (not operator.startswith(":") or any(piece.text for piece in value))
            if operator.endswith("+"):
                self._literal(pieces, other if is_set else "")
            elif is_set or not operator:
                pieces.extend(value or ())
            else:
                self._literal(pieces, other)
            if len(pieces) > _LONGEST_VALUE:
                raise ParseError(f"{self.path}:{self.line}: a value grows beyond {_LONGEST_VALUE} characters")
            self._advance(variable.end())
            return
        if self.text[self.at] == "`":
            end = self._find("`", self.at + 1) + 1
        elif self.text.startswith(("$(", "${"), self.at):
            end = self._closing(self.text[self.at + 1])
        elif self.text[self.at + 1 : self.at + 2] in tuple("0123456789?$!@*#-"):
            end = self.at + 2
        else:
            self._literal(pieces, "$")
            self.at += 1
            return
        pieces.append(Piece(self.text[self.at : end], Origin(self.path, self.line), False))
        self._advance(end)

    def _closing(self, opening: str) -> int:
        closing = ")" if opening == "(" else "}"
        depth = 0
        for position in range(self.at + 1, len(self.text)):
            depth += (self.text[position] == opening) - (self.text[position] == closing)
            if depth == 0:
                return position + 1
        raise _Unterminated

    def _literal(self, pieces: list[Piece], text: str) -> None:
        origin = Origin(self.path, self.line)
        if pieces and pieces[-1].origin == origin and pieces[-1].certain:
            if len(pieces[-1].text) > _LONGEST_VALUE:
                raise ParseError(f"{origin}: a value is longer than {_LONGEST_VALUE} characters")
            pieces[-1] = Piece(pieces[-1].text + text, origin)
        else:
            pieces.append(Piece(text, origin))

    def _find(self, character: str, start: int) -> int:
        position = self.text.find(character, start)
        if position < 0:
            raise _Unterminated
        return position

    def _advance(self, end: int) -> None:
        self.line += self.text.count("\n", self.at, end)
        self.at = end


def _why_no_assignment(words: list[_Word]) -> str:
    first = words[0]
    if first.name is None and len(words) > 1 and words[1].raw.startswith("="):
        return f"spaces around '=': the shell would run a command named {first.raw[:40]} and sets nothing"
    if first.appends:
        return "'+=' is not understood by /bin/sh and sets nothing"
    if first.name is not None:
        command = next((word.raw for word in words if word.name is None), words[-1].raw)
        if first.raw.endswith("="):
            return f"a space after '=': the shell would run {command[:40]} and leaves {first.name} as it was"
        return f"{first.name} would be set only while the shell runs {command[:40]} (are quotes missing?)"
    if first.raw in (".", "source"):
        return "reads another file, which is not followed here"
    return "not an assignment: the shell would run it as a command"
