"""Which kernel Enterprise Linux, Fedora and Amazon Linux start: boot entries and grubby, or GRUB's generated menu.

Boot entries are named by the file's name. These often begin with a digit of the machine id: the family's GRUB looks
for an entry of that name before it takes a number for a place in the menu ("Fix menu entry selection based on ID and
title", 2018, in EL 8 and later).

**Source**: grubby(8) of grubby 8.40; grub2-reboot(8) and 00_header of EL 7 to 9; grub2-mkconfig of EL 8, which writes
kernelopts into the environment block.
"""

from __future__ import annotations

from collections.abc import Mapping

from kdumpkit.command import Command, command
from kdumpkit.distributions import grub_kernels
from kdumpkit.distributions.answers import BootLoaderEdit, FileEdit
from kdumpkit.distributions.el_boot_entries import entries_of
from kdumpkit.distributions.el_boot_loader import known_menu, mkconfig
from kdumpkit.distributions.grub_crashkernel import GrubLayout
from kdumpkit.errors import GateClosed, ParameterError, UnsupportedHost
from kdumpkit.facts.boot_entries import DIRECTORY, PATTERN, BlsEntry, in_menu_order
from kdumpkit.facts.el_boot_loader import ENVIRONMENT, MENU, ZIPL, is_stub, menu_path, uses_boot_entries
from kdumpkit.facts.grub import DEFAULTS, DEFAULTS_DIRECTORY

PROGRAMS = grub_kernels.GrubPrograms("grub2-set-default", "grub2-reboot", ENVIRONMENT)


def edit_default_kernel(files: Mapping[str, bytes], release: str, id: str) -> BootLoaderEdit:
    """The edits and commands after which each boot starts this kernel; none where each does already.

    ``id`` is that of os-release. Raises ParameterError where no entry starts it, GateClosed where it cannot be done
    safely, UnsupportedHost where another boot loader decides.
    """
    if not uses_boot_entries(files, id):
        return grub_kernels.edit_default_kernel(_layout(files, id), PROGRAMS, files, release)
    entry = _entry(files, release)
    fixed = _default_is_fixed(files, id)
    if not fixed and PROGRAMS.saved_entry(files) == entry.name:
        return BootLoaderEdit(ENVIRONMENT, (), (), ())
    notes = [f"{ENVIRONMENT} then names {entry.name}"]
    if not fixed:
        notes.append("where UPDATEDEFAULT=yes stands in /etc/sysconfig/kernel, the next kernel that is installed is it")
        return BootLoaderEdit(ENVIRONMENT, (), (_name_entry(files, entry),), (ENVIRONMENT,), tuple(notes))
    edits, commands = _saved_by_default(files, id)
    notes.append("GRUB_DEFAULT was a place in the menu")
    written = (known_menu(files, id), ENVIRONMENT)
    return BootLoaderEdit(ENVIRONMENT, edits, (*commands, _name_entry(files, entry)), written, tuple(notes))


def edit_boot_once(files: Mapping[str, bytes], release: str, id: str) -> BootLoaderEdit:
    """The command after which the next boot, and that one alone, starts this kernel; none where it does already.

    Raises what :func:`edit_default_kernel` raises.
    """
    if not uses_boot_entries(files, id):
        return grub_kernels.edit_boot_once(_layout(files, id), PROGRAMS, files, release)
    entry = _entry(files, release)
    if PROGRAMS.next_entry(files) == entry.name:
        return BootLoaderEdit(ENVIRONMENT, (), (), ())
    menu = files.get(menu_path(files, id) or MENU)
    if menu is None or is_stub(menu) or b"next_entry" not in menu:
        raise GateClosed(
            f"the boot menu does not look at next_entry of {ENVIRONMENT}, so no kernel can be started once",
            f"grep -n next_entry {menu_path(files, id) or MENU}",
        )
    once = PROGRAMS.once_command(entry.name)
    return BootLoaderEdit(ENVIRONMENT, (), (once,), (ENVIRONMENT,), (grub_kernels.ONCE_NOTE,))


def _layout(files: Mapping[str, bytes], id: str) -> GrubLayout:
    menu = known_menu(files, id)
    if menu not in files:
        raise UnsupportedHost(
            f"there is no {menu} and no entry in {DIRECTORY}, so the kit does not know what names the kernel that "
            "starts; nothing was changed",
            "bootctl list; efibootmgr --verbose",
        )
    # grub2-mkconfig of EL 7 sources /etc/default/grub alone
    return GrubLayout(DEFAULTS, DEFAULTS_DIRECTORY, DEFAULTS, None, (menu,), mkconfig(menu))


def _entry(files: Mapping[str, bytes], release: str) -> BlsEntry:
    entries = in_menu_order(entries_of(files))
    if any("ostree=" in entry.options for entry in entries):
        raise UnsupportedHost(
            f"the boot entries in {DIRECTORY} belong to rpm-ostree, which starts deployments and not kernels; nothing "
            "was changed",
            "rpm-ostree status; rpm-ostree rollback",
        )
    if ZIPL in files:
        raise UnsupportedHost(
            f"this host boots by zipl ({ZIPL}), whose default the kit does not change; nothing was changed",
            f"grubby --set-default=/boot/vmlinuz-{release} && zipl",
        )
    fitting = [entry for entry in entries if entry.release == release and not entry.rescue]
    if not fitting:
        known = sorted({entry.release for entry in entries if entry.release and not entry.rescue})
        raise ParameterError(
            f"{PATTERN}: no entry starts {release!r}", f"there are entries for: {', '.join(known) or 'none'}"
        )
    return fitting[0]


def _name_entry(files: Mapping[str, bytes], entry: BlsEntry) -> Command:
    # grubby knows kernels, not entries: of two for one kernel it refuses to choose
    same = [other for other in entries_of(files) if other.kernel_path == entry.kernel_path]
    if len(same) > 1:
        return PROGRAMS.default_command(entry.name)
    path = "/boot/" + (entry.kernel_path or "").removeprefix("/boot").lstrip("/")
    return command("grubby", f"--set-default={path}", timeout_s=120, as_root=True)


def _default_is_fixed(files: Mapping[str, bytes], id: str) -> bool:
    menu = files.get(menu_path(files, id) or MENU)
    return menu is not None and not is_stub(menu) and b'default="${saved_entry}"' not in menu


def _saved_by_default(files: Mapping[str, bytes], id: str) -> tuple[tuple[FileEdit, ...], tuple[Command, ...]]:
    if any("kernelopts" in entry.variables for entry in entries_of(files)):
        raise GateClosed(
            f"GRUB_DEFAULT is not `saved`, and making {MENU} anew writes kernelopts, which the entries share, "
            "anew as well; nothing was changed",
            f"set GRUB_DEFAULT=saved in {DEFAULTS}, and compare kernelopts before and after grub2-mkconfig",
        )
    layout = _layout(files, id)
    edit = grub_kernels.saved_by_default(layout, files)
    return ((edit,) if edit.before != edit.after else ()), (layout.regenerate,)
