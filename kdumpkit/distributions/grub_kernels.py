"""Which kernel GRUB starts, once or for good, where a generated menu names its entries.

**Source**: grub-set-default, grub-reboot and 00_header of GRUB 2.02 to 2.06; grub-core/normal/menu.c of 2.06, where a
name that begins with a digit is read as the number of an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kdumpkit.command import Command, command
from kdumpkit.distributions.answers import BootLoaderEdit, FileEdit
from kdumpkit.distributions.grub_crashkernel import GrubLayout
from kdumpkit.distributions.shell_settings import set_assignment
from kdumpkit.errors import GateClosed, ParameterError
from kdumpkit.facts.grub import GrubDefaults, parse_grub_defaults, parse_grub_environment
from kdumpkit.facts.grub_cfg import GrubConfig, GrubEntry, parse_grub_cfg


@dataclass(frozen=True)
class GrubPrograms:
    """What a family calls the two programs that name an entry in the environment block, and where that lies."""

    set_default: str
    reboot: str
    environment: str

    def default_command(self, entry: str) -> Command:
        """Makes this entry the default. It has an effect only where GRUB_DEFAULT is ``saved``."""
        return command(self.set_default, entry, timeout_s=60, as_root=True)

    def once_command(self, entry: str) -> Command:
        """Makes the next boot alone take this entry, whatever GRUB_DEFAULT is: 00_header takes next_entry first."""
        return command(self.reboot, entry, timeout_s=60, as_root=True)

    def saved_entry(self, files: Mapping[str, bytes]) -> str | None:
        """What the block names as the default; None where it names none, or is not there."""
        block = files.get(self.environment)
        return None if block is None else parse_grub_environment(block, self.environment).saved_entry

    def next_entry(self, files: Mapping[str, bytes]) -> str | None:
        """What the block names for the next boot alone; None where it names none, or is not there."""
        block = files.get(self.environment)
        return None if block is None else parse_grub_environment(block, self.environment).next_entry


ONCE_NOTE = "GRUB takes the name out of its environment block as it boots; the boot after that starts the default"


def edit_default_kernel(
    layout: GrubLayout, programs: GrubPrograms, files: Mapping[str, bytes], release: str
) -> BootLoaderEdit:
    """The edits and commands after which each boot starts this kernel; none where each does already.

    GRUB_DEFAULT is set to ``saved`` first where it is not, and the menu made anew. Raises ParameterError where the menu
    has no entry for it, GateClosed where the settings cannot be edited safely.
    """
    block = programs.environment
    selector = selector_of(_menu(layout, files), release)
    defaults = _defaults(layout, files)
    entry = defaults.default_entry
    if entry == "saved" and programs.saved_entry(files) == selector:
        return BootLoaderEdit(block, (), (), ())
    edits: tuple[FileEdit, ...] = ()
    commands: list[Command] = []
    notes = [f"{block} then names {selector}, which stays so when newer kernels are installed"]
    if entry != "saved":
        edits = (saved_by_default(layout, files),)
        commands.append(layout.regenerate)
        notes.append(f"GRUB_DEFAULT was {entry or 'not set, which is 0'}: the default was a place in the menu")
    commands.append(programs.default_command(selector))
    if defaults.settings.value("GRUB_SAVEDEFAULT") == "true":
        notes.append("GRUB_SAVEDEFAULT is true: an entry that somebody chooses in the menu becomes the default")
    return BootLoaderEdit(block, edits, tuple(commands), (*layout.generated, block), tuple(notes))


def saved_by_default(layout: GrubLayout, files: Mapping[str, bytes]) -> FileEdit:
    """The edit after which GRUB_DEFAULT is ``saved``. Raises GateClosed where another file sets it again."""
    before = files.get(layout.settings)
    after = set_assignment(before or b"", "GRUB_DEFAULT", "saved", layout.settings)
    if _defaults(layout, {**files, layout.settings: after}).default_entry != "saved":
        raise GateClosed(
            f"GRUB_DEFAULT cannot be made `saved` in {layout.settings}: a file in {layout.directory} sets it again",
            f"grep -n GRUB_DEFAULT {layout.settings} {layout.directory}/*.cfg",
        )
    return FileEdit(layout.settings, before, after)


def edit_boot_once(
    layout: GrubLayout, programs: GrubPrograms, files: Mapping[str, bytes], release: str
) -> BootLoaderEdit:
    """The command after which the next boot, and that one alone, starts this kernel; none where it does already.

    Raises ParameterError where the menu has no entry for it.
    """
    selector = selector_of(_menu(layout, files), release)
    block = programs.environment
    if programs.next_entry(files) == selector:
        return BootLoaderEdit(block, (), (), ())
    return BootLoaderEdit(block, (), (programs.once_command(selector),), (block,), (ONCE_NOTE,))


def selector_of(menu: GrubConfig, release: str) -> str:
    """What names the normal entry of a kernel: ids with ``>`` between the levels, titles where there is no id.

    The entry that names the release is taken before one that stands for the newest kernel. Raises ParameterError.
    """
    fitting = [entry for entry in menu.entries if entry.kernel_release == release and not entry.recovery]
    if not fitting:
        known = sorted({entry.kernel_release for entry in menu.entries if entry.kernel_release})
        raise ParameterError(
            f"{menu.path} has no entry that starts {release!r}", f"it has entries for: {', '.join(known) or 'none'}"
        )
    entry = next((entry for entry in fitting if len(entry.titles) > 1), fitting[0])
    levels = [_level(entry, level) for level in range(len(entry.titles))]
    selector = ">".join(levels)
    found = menu.find(selector)
    numbers = any(level[:1].isdigit() for level in levels)
    if numbers or found is None or found.kernel_release != release or found.recovery:
        raise GateClosed(
            f"{menu.path}: the entry of {release} cannot be named so that GRUB finds it and no other",
            f"grep -n menuentry {menu.path}",
        )
    return selector


def _level(entry: GrubEntry, level: int) -> str:
    return entry.ids[level] or entry.titles[level].replace(">", ">>")


def _menu(layout: GrubLayout, files: Mapping[str, bytes]) -> GrubConfig:
    for path in layout.generated:
        if path in files:
            return parse_grub_cfg(files[path], path)
    raise GateClosed(
        f"there is no {' or '.join(layout.generated)}, so no entry can be named", layout.regenerate.shown()
    )


def _defaults(layout: GrubLayout, files: Mapping[str, bytes]) -> GrubDefaults:
    return parse_grub_defaults(list(layout.ordered(files).items()))
