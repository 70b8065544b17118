"""Kernels of Debian and Ubuntu: which one boots, once or for good, and how one is removed.

Read from grub2-common 2.06 (grub-set-default, grub-reboot, 00_header) and apt 2.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kdumpkit.command import Command, command
from kdumpkit.distributions.answers import BootLoaderEdit, FileEdit
from kdumpkit.distributions.grub_crashkernel import GrubLayout
from kdumpkit.distributions.shell_settings import set_assignment
from kdumpkit.errors import GateClosed, ParameterError
from kdumpkit.facts.grub import ENVIRONMENTS, GrubDefaults, parse_grub_defaults, parse_grub_environment
from kdumpkit.facts.grub_cfg import GrubConfig, GrubEntry, parse_grub_cfg

#: what grub-set-default and grub-reboot write
ENVIRONMENT = ENVIRONMENTS[0]


def edit_default_kernel(layout: GrubLayout, files: Mapping[str, bytes], release: str) -> BootLoaderEdit:
    """The edits and commands after which each boot starts this kernel; none where each does already.

    grub-set-default has an effect only where GRUB_DEFAULT is ``saved``, so that is set first and the menu made anew.
    Raises ParameterError where the menu has no entry for it, GateClosed where the settings cannot be edited safely.
    """
    selector = selector_of(_menu(layout, files), release)
    defaults = _defaults(layout, files)
    entry = defaults.default_entry
    saved = _saved_entry(files)
    if entry == "saved" and saved == selector:
        return BootLoaderEdit(ENVIRONMENT, (), (), ())
    edits: tuple[FileEdit, ...] = ()
    commands: list[Command] = []
    notes = [f"{ENVIRONMENT} then names {selector}, which stays so when newer kernels are installed"]
    if entry != "saved":
        before = files.get(layout.settings, b"")
        after = set_assignment(before, "GRUB_DEFAULT", "saved", layout.settings)
        if _defaults(layout, {**files, layout.settings: after}).default_entry != "saved":
            raise GateClosed(
                f"GRUB_DEFAULT cannot be made `saved` in {layout.settings}: a file in {layout.directory} sets it again",
                f"grep -n GRUB_DEFAULT {layout.settings} {layout.directory}/*.cfg",
            )
        edits = (FileEdit(layout.settings, files.get(layout.settings), after),)
        commands.append(layout.regenerate)
        notes.append(f"GRUB_DEFAULT was {entry or 'not set, which is 0'}: the default was a place in the menu")
    commands.append(command("grub-set-default", selector, timeout_s=60, as_root=True))
    if defaults.settings.value("GRUB_SAVEDEFAULT") == "true":
        notes.append("GRUB_SAVEDEFAULT is true: an entry that somebody chooses in the menu becomes the default")
    return BootLoaderEdit(ENVIRONMENT, edits, tuple(commands), (*layout.generated, ENVIRONMENT), tuple(notes))


def edit_boot_once(layout: GrubLayout, files: Mapping[str, bytes], release: str) -> BootLoaderEdit:
    """The command after which the next boot, and that one alone, starts this kernel.

    It works whatever GRUB_DEFAULT is: 00_header takes ``next_entry`` first. Raises ParameterError where the menu has no
    entry for it.
    """
    selector = selector_of(_menu(layout, files), release)
    block = files.get(ENVIRONMENT)
    if block is not None and parse_grub_environment(block).next_entry == selector:
        return BootLoaderEdit(ENVIRONMENT, (), (), ())
    once = command("grub-reboot", selector, timeout_s=60, as_root=True)
    notes = ("GRUB takes the name out of its environment block as it boots; the boot after that starts the default",)
    return BootLoaderEdit(ENVIRONMENT, (), (once,), (ENVIRONMENT,), notes)


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
    selector = ">".join(_level(entry, level) for level in range(len(entry.titles)))
    found = menu.find(selector)
    if found is None or found.kernel_release != release or found.recovery:
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


def _saved_entry(files: Mapping[str, bytes]) -> str | None:
    block = files.get(ENVIRONMENT)
    return None if block is None else parse_grub_environment(block).saved_entry


def kernel_owner_command(release: str) -> Command:
    """A read-only command that tells which packages a kernel's files are from."""
    # status 1: one of the files is from no package
    paths = (f"/boot/vmlinuz-{release}", f"/lib/modules/{release}")
    return Command(("dpkg-query", "--search", "--", *paths), timeout_s=60, accepted=(0, 1))


_OWNER = re.compile(r"([a-z0-9][a-z0-9+.:, -]*): (/\S+)")
_REMOVED = re.compile(r"Remv ([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9]+)? .*")


def parse_kernel_owners(text: str, release: str) -> tuple[str, ...]:
    """The packages that carry this release's kernel and modules, by :func:`kernel_owner_command`'s answer."""
    found: list[str] = []
    for line in text.split("\n"):
        owner = _OWNER.fullmatch(line.strip())
        if owner:
            found += [name.strip().partition(":")[0] for name in owner[1].split(",")]
    # a directory of modules may be shared with packages of drivers; those of the kernel have its release in the name
    return tuple(dict.fromkeys(name for name in found if name.endswith(release) and name.startswith("linux-")))


def simulated_removal_command(packages: tuple[str, ...]) -> Command:
    """A read-only command that tells what removing these would take along."""
    return command("apt-get", "--simulate", "--quiet", "remove", "--", *packages, timeout_s=120)


def parse_simulated_removal(text: str) -> tuple[str, ...]:
    """The packages that would be removed."""
    lines = (_REMOVED.fullmatch(line.strip()) for line in text.split("\n"))
    return tuple(dict.fromkeys(found[1] for found in lines if found))


def remove_kernel_command(packages: tuple[str, ...]) -> Command:
    """Removes kernel packages; their own scripts make the boot menu anew."""
    options = ("--yes", "-o", "DPkg::Lock::Timeout=120")
    argv = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "remove", *options, "--", *packages)
    return command(*argv, timeout_s=900, as_root=True)
