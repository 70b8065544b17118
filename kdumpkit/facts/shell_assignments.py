"""Assignments in a file that a shell sources, read without running it."""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Assignment:
    """One ``NAME=value``: its value after expansion, piece by piece."""

    name: str
    pieces: tuple[Piece, ...]
    origin: Origin

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
        raise NotImplementedError

    def value(self, name: str) -> str | None:
        """The value that stands in the end; None: never set, "": set to nothing."""
        raise NotImplementedError
