"""A change as data: what would be written and run, in order, with the way back. Nothing here touches a host."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from kdumpkit.command import Command


@dataclass(frozen=True)
class FileChange:
    """A file that gets new content. ``before`` None: it does not exist yet; ``after`` None: it is removed."""

    path: str
    before: bytes | None
    after: bytes | None
    #: permission bits for a file that does not exist yet; an existing one keeps its own
    mode: int = 0o644

    def diff(self) -> str:
        """A unified diff, ``/dev/null`` standing for "does not exist"."""
        old = (self.before or b"").decode("utf-8", "replace").splitlines(keepends=True)
        new = (self.after or b"").decode("utf-8", "replace").splitlines(keepends=True)
        lines = difflib.unified_diff(
            old,
            new,
            self.path if self.before is not None else "/dev/null",
            self.path if self.after is not None else "/dev/null",
        )
        return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


@dataclass(frozen=True)
class CommandChange:
    """A command that changes the host, why it is run, and the command that takes it back (None: no way back).

    ``rewrites`` are files that the command writes anew (a generated grub.cfg): they are kept before it runs, and
    putting them back is then the way back.
    """

    command: Command
    why: str
    undo: Command | None = None
    rewrites: tuple[str, ...] = ()


Change = FileChange | CommandChange


@dataclass(frozen=True)
class Plan:
    """Changes in the order in which they are made."""

    title: str
    changes: tuple[Change, ...] = ()
    #: why there is nothing to change; always set where ``changes`` is empty
    reason_if_empty: str = ""
    #: what a person should know before agreeing: a restart of a service, minutes of time, a way to undo
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.changes and not self.reason_if_empty:
            raise ValueError(f"plan {self.title!r} is empty and does not say why")
