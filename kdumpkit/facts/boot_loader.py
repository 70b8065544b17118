"""What the boot loader will give the next kernel, whichever boot loader it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.facts.grub import CommandLineWord, GrubEnvironment, grub_defaults_from, grub_environment_from
from kdumpkit.facts.grub_cfg import GrubConfig, GrubEntry, default_entry, grub_config_from
from kdumpkit.facts.kernel_command_line import parse_kernel_command_line
from kdumpkit.facts.reading import Files, records_of
from kdumpkit.facts.unknown import Unknown

#: 30_os-prober writes another system's entries with the device they are on
_OTHER_SYSTEM = re.compile(r"\(on /dev/[^)]+\)")


@dataclass(frozen=True)
class BootEntry:
    """One entry of the boot menu.

    ``command_line`` is what the kernel gets, with every variable resolved. ``path`` is the file that it stands in.
    ``release`` and ``kernel_path`` are None where they are not told (an entry that starts no Linux). ``position`` and
    ``id`` are how the boot loader's default names it.
    """

    title: str
    release: str | None
    kernel_path: str | None
    command_line: str
    path: str
    position: str
    id: str | None = None
    recovery: bool = False
    #: it starts another system
    foreign: bool = False

    @property
    def counts(self) -> bool:
        """True for the entries that an edit is meant to reach: a kernel of this system, and no recovery entry."""
        return self.release is not None and not self.foreign and not self.recovery

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a parameter of the kernel in this entry, in order; a parameter without ``=`` is ""."""
        text = self.command_line.encode("utf-8", "surrogateescape")
        if not text.strip():
            return ()
        return tuple(word.value or "" for word in parse_kernel_command_line(text).parameters if word.name == name)


@dataclass(frozen=True)
class BootLoader:
    """The entries, the one that the next boot takes, and what the settings would put into the next entries.

    ``default`` None: what is named is not in the menu; Unknown: it could not be read which is named. ``lasting`` is
    the same for each boot after the next, which can be asked to start another one once. ``default_name`` is what names
    the default (None: nothing does). ``configured`` are the ``crashkernel=`` words of the settings with the file
    and line that put them there. ``deciders`` are the files that the command line of the next boot comes from.
    """

    entries: tuple[BootEntry, ...]
    default: BootEntry | Unknown | None
    lasting: BootEntry | Unknown | None
    default_name: str | None
    configured: tuple[CommandLineWord, ...]
    deciders: tuple[str, ...]
    notes: tuple[str, ...] = ()
    records: tuple[int, ...] = ()

    @property
    def path(self) -> str:
        """The files of the entries, for messages."""
        return ", ".join(self.deciders)


def grub_boot_loader_from(files: Files) -> BootLoader | Unknown:
    """GRUB with a generated ``grub.cfg`` and settings that it is generated from.

    Unknown where the menu could not be read. Settings that could not be read put a note in the place of their words.
    """
    config = grub_config_from(files)
    if isinstance(config, Unknown):
        return config
    settings, environment = grub_defaults_from(files), grub_environment_from(files)
    notes = () if not isinstance(settings, Unknown) else (f"its settings are not known: {settings.sentence()}",)
    entries = tuple(_entry(config, entry) for entry in config.entries)
    return BootLoader(
        entries=entries,
        default=_default(config, environment),
        lasting=_default(config, environment, lasting=True),
        default_name=config.default,
        configured=() if isinstance(settings, Unknown) else settings.crashkernel_words(),
        deciders=(config.path,),
        notes=notes,
        records=records_of(config, settings, environment),
    )


def _default(
    config: GrubConfig, environment: GrubEnvironment | Unknown, *, lasting: bool = False
) -> BootEntry | Unknown | None:
    # without an environment block GRUB has no saved entry: only where it is needed does it matter that it was not read
    if isinstance(environment, Unknown) and not environment.absent:
        return environment
    entry = default_entry(config, environment, lasting=lasting)
    return None if entry is None else _entry(config, entry)


def _entry(config: GrubConfig, entry: GrubEntry) -> BootEntry:
    return BootEntry(
        title=entry.title,
        release=entry.kernel_release,
        kernel_path=entry.kernel_path,
        command_line=entry.command_line,
        path=config.path,
        position=entry.position,
        id=entry.id,
        recovery=entry.recovery,
        foreign=bool(_OTHER_SYSTEM.search(" ".join(entry.titles))),
    )
