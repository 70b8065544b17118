"""The generated ``grub.cfg``: what the machine would really boot."""

from __future__ import annotations

from dataclasses import dataclass

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
    """All entries in menu order, submenus walked into. ``default`` is the text of ``set default=`` as generated."""

    path: str
    entries: tuple[GrubEntry, ...]
    #: the fixed default that was generated in; "saved_entry" where the environment block decides; None where none is set
    default: str | None
    records: tuple[int, ...] = ()

    def find(self, selector: str) -> GrubEntry | None:
        """The entry that GRUB starts for a position, title or id, with ``>`` between the levels."""
        raise NotImplementedError
