"""GRUB's settings: ``/etc/default/grub``, ``/etc/default/grub.d/*.cfg`` and the environment block."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.facts.shell_assignments import BrokenLine, Origin, ShellAssignments

DEFAULTS = "/etc/default/grub"
DEFAULTS_DIRECTORY = "/etc/default/grub.d"
ENVIRONMENTS = ("/boot/grub/grubenv", "/boot/grub2/grubenv")


@dataclass(frozen=True)
class CommandLineWord:
    """A word of a kernel command line that GRUB would be given, and the file and line that put it there."""

    text: str
    origin: Origin


@dataclass(frozen=True)
class GrubDefaults:
    """What the files say when they are sourced in update-grub's order: /etc/default/grub, then grub.d/*.cfg by name."""

    paths: tuple[str, ...]
    settings: ShellAssignments
    records: tuple[int, ...] = ()

    @property
    def default_entry(self) -> str | None:
        """``GRUB_DEFAULT``; None where it is not set (GRUB then takes entry 0)."""
        raise NotImplementedError

    @property
    def broken(self) -> tuple[BrokenLine, ...]:
        return self.settings.broken

    def words(self, name: str = "GRUB_CMDLINE_LINUX_DEFAULT") -> tuple[CommandLineWord, ...]:
        """The words of one setting with their origins; () where it is not set."""
        raise NotImplementedError

    def kernel_words(self) -> tuple[CommandLineWord, ...]:
        """The words that a normal entry gets: GRUB_CMDLINE_LINUX, then GRUB_CMDLINE_LINUX_DEFAULT (10_linux's order)."""
        raise NotImplementedError

    def crashkernel_words(self) -> tuple[CommandLineWord, ...]:
        """The ``crashkernel=`` words of :meth:`kernel_words`, in order."""
        raise NotImplementedError


@dataclass(frozen=True)
class GrubEnvironment:
    """The environment block; an entry that is not set is None."""

    path: str
    variables: tuple[tuple[str, str], ...]
    records: tuple[int, ...] = ()

    def get(self, name: str) -> str | None:
        return dict(self.variables).get(name)

    @property
    def saved_entry(self) -> str | None:
        return self.get("saved_entry")

    @property
    def next_entry(self) -> str | None:
        return self.get("next_entry")
