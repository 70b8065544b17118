"""``crashkernel=`` set on Enterprise Linux, Fedora and Amazon Linux: by grub2-mkconfig or by grubby, and what lasts.

Sources: grub2-mkconfig and 10_linux of EL 7 (they source /etc/default/grub alone, no grub.d); grubby(8) of grubby 8.40,
which with ``--update-kernel=ALL`` writes the entries, kernelopts in the environment block, and GRUB_CMDLINE_LINUX;
kernel-install(8), by which new kernels inherit /etc/kernel/cmdline; kdump.conf(5) for auto_reset_crashkernel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kdumpkit.command import Command, command
from kdumpkit.distributions.answers import BootLoaderEdit, FileEdit
from kdumpkit.distributions.crashkernel_sizes import crashkernel_tokens
from kdumpkit.distributions.el_boot_entries import edit_entries, entries_of
from kdumpkit.distributions.grub_crashkernel import effective_crashkernel
from kdumpkit.distributions.grub_settings import crashkernel_lines, replace_crashkernel
from kdumpkit.distributions.shell_settings import set_assignment
from kdumpkit.errors import GateClosed, UnsupportedHost
from kdumpkit.facts.boot_entries import DIRECTORY, KERNEL_CMDLINE, PATTERN
from kdumpkit.facts.el_boot_loader import (
    EFI_MENUS,
    ENVIRONMENT,
    MENU,
    ZIPL,
    efi_menus,
    menu_path,
    uses_boot_entries,
)
from kdumpkit.facts.grub import DEFAULTS
from kdumpkit.facts.kdump_conf import PATH as KDUMP_CONF
from kdumpkit.facts.kdump_conf import parse_kdump_conf
from kdumpkit.facts.shell_assignments import parse_shell_assignments

NEXT_BOOT = "it takes effect at the next boot: memory can be reserved only while the kernel starts"
#: what zipl writes on s390x, which boots by no entry file but by this
BOOT_MAP = "/boot/bootmap"

_TOKEN = re.compile(r"(?:^|(?<=\s))crashkernel=\S*\s?")


@dataclass(frozen=True)
class EditKnowledge:
    """What a release knows."""

    #: its kernels know crashkernel=auto
    auto: bool
    #: its kdumpctl knows auto_reset_crashkernel in kdump.conf
    auto_reset: bool
    #: its grubby is good for any one value and can leave /etc/default/grub alone (since 8.40-39, EL 8.3); before that a
    #: comma in a value ends its sed expressions, and nothing is written
    grubby: bool


def edit_el_crashkernel(
    files: Mapping[str, bytes], value: str, *, id: str, custom: bool, knows: EditKnowledge
) -> BootLoaderEdit:
    """The edits and commands after which ``value`` alone is in force, now and for kernels to come.

    ``id`` is that of os-release; ``custom``: the value is not the distribution's own, and an update would take it away.
    Raises GateClosed where this cannot be done safely, ParameterError for a value that is not one.
    """
    tokens = crashkernel_tokens(value, auto=knows.auto)
    entries = uses_boot_entries(files, id)
    edit = _by_entries(files, tokens, knows.grubby) if entries else _by_mkconfig(files, tokens, id)
    lasting = _auto_reset(files, custom=custom, known=knows.auto_reset)
    if lasting is None:
        return edit
    note = "auto_reset_crashkernel no: without it an update of the kdump package may set its own value again"
    return BootLoaderEdit(edit.carrier, (*edit.edits, lasting), edit.commands, edit.rewrites, (*edit.notes, note))


def mkconfig(path: str) -> Command:
    """Writes the menu anew from /etc/default/grub."""
    return command("grub2-mkconfig", "-o", path, timeout_s=600, as_root=True)


def grubby(token: str, *, more: tuple[str, ...] = ("--no-etc-grub-update",)) -> Command:
    """Takes every crashkernel= out of all entries and puts this one in; the kit edits /etc/default/grub itself."""
    words = ("--update-kernel=ALL", "--remove-args=crashkernel", f"--args=crashkernel={token}", *more)
    return command("grubby", *words, timeout_s=300, as_root=True)


def with_crashkernel(content: bytes, tokens: tuple[str, ...], path: str = DEFAULTS) -> bytes:
    """/etc/default/grub with these tokens and no other, in GRUB_CMDLINE_LINUX where there was none.

    Raises GateClosed where the file is written in a way that cannot be edited safely.
    """
    if _effective(content, path) == tokens:
        return content
    after = replace_crashkernel(content, tokens, path)
    if not crashkernel_lines(content):
        found = parse_shell_assignments([(path, content)]).last("GRUB_CMDLINE_LINUX")
        words = " ".join(f"crashkernel={token}" for token in tokens)
        if found is None or (found.certain and "$" not in _source_line(content, found.origin.line)):
            before = found.value if found else ""
            after = set_assignment(content, "GRUB_CMDLINE_LINUX", f"{before} {words}".strip(), path)
        else:
            # a line of its own keeps whatever the shell makes of the one before
            line = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {words}"\n'.encode()
            after = content + (b"" if content.endswith(b"\n") or not content else b"\n") + line
    if _effective(after, path) != tokens:
        raise GateClosed(
            f"crashkernel={' '.join(tokens)} cannot be made the only one by editing {path}: what it does is more than "
            "assignments of quoted values",
            f"grep -n crashkernel {path}, and leave one of them",
        )
    return after


def _effective(content: bytes, path: str) -> tuple[str, ...]:
    return tuple(word.text.removeprefix("crashkernel=") for word in effective_crashkernel({path: content}))


def _source_line(content: bytes, number: int) -> str:
    return content.split(b"\n")[number - 1].decode("utf-8", "replace")


def _other_boot_loader(why: str, tokens: tuple[str, ...]) -> UnsupportedHost:
    words = " ".join(f"crashkernel={token}" for token in tokens)
    addon = "/boot/efi/loader/addons/crashkernel.addon.efi"
    return UnsupportedHost(
        f"{why}, so this host boots by systemd-boot, by a unified kernel image or by something else that the kit does "
        "not change; nothing was changed",
        f"for a unified kernel image an addon that the firmware trusts: ukify build --cmdline='{words}' "
        f"--output={addon}; for systemd-boot: options in its entries, and {KERNEL_CMDLINE} for those to come",
    )


def known_menu(files: Mapping[str, bytes], id: str) -> str:
    """The one menu that this host boots by; GateClosed where several could be it."""
    menu = menu_path(files, id)
    if menu is None:
        raise GateClosed(
            f"several files could be the menu that this host boots by, so nothing was changed: "
            f"{', '.join(efi_menus(files))}",
            f"efibootmgr -v; ls -l {EFI_MENUS}",
        )
    return menu


def _by_mkconfig(files: Mapping[str, bytes], tokens: tuple[str, ...], id: str) -> BootLoaderEdit:
    if DEFAULTS not in files:
        raise _other_boot_loader(f"there is no {DEFAULTS}", tokens)
    menu = known_menu(files, id)
    if menu not in files:
        raise _other_boot_loader(f"there is no {menu}", tokens)
    after = with_crashkernel(files[DEFAULTS], tokens)
    edits = () if after == files[DEFAULTS] else (FileEdit(DEFAULTS, files[DEFAULTS], after),)
    return BootLoaderEdit(DEFAULTS, edits, (mkconfig(menu),), (menu,), (NEXT_BOOT,))


def _by_entries(files: Mapping[str, bytes], tokens: tuple[str, ...], by_grubby: bool) -> BootLoaderEdit:
    entries = entries_of(files)
    if any("ostree=" in entry.options for entry in entries):
        words = " ".join(f"--append-if-missing=crashkernel={token}" for token in tokens)
        raise GateClosed(
            f"the boot entries in {DIRECTORY} belong to rpm-ostree, which writes them anew; nothing was changed",
            f"rpm-ostree kargs --delete-if-present=crashkernel {words}",
        )
    edits = []
    for path, change in ((DEFAULTS, with_crashkernel), (KERNEL_CMDLINE, _with_words)):
        before = files.get(path)
        after = None if before is None else change(before, tokens, path)
        if before is not None and after != before:
            edits.append(FileEdit(path, before, after))
    notes, commands, rewrites = [NEXT_BOOT], [], []
    if by_grubby and len(tokens) == 1:
        commands = [grubby(tokens[0])]
        rewrites = [entry.path for entry in entries]
        others = (ENVIRONMENT, MENU, *efi_menus(files), DEFAULTS, KERNEL_CMDLINE)
        rewrites += [path for path in others if path in files]
        notes.append("the entries are read back: grubby can say that it did and not have done")
    else:
        edits += edit_entries(files, tokens)
        notes.append("the entries are written without grubby, which cannot put in such a value here")
    if ZIPL in files:
        commands.append(command("zipl", timeout_s=300, as_root=True))
        rewrites.append(BOOT_MAP)
    if not files.keys() & {DEFAULTS, KERNEL_CMDLINE}:
        notes.append("kernels that are installed later inherit the command line of the running one")
    return BootLoaderEdit(PATTERN, tuple(edits), tuple(commands), tuple(dict.fromkeys(rewrites)), tuple(notes))


def _with_words(content: bytes, tokens: tuple[str, ...], path: str) -> bytes:
    # /etc/kernel/cmdline is the command line itself, on one line
    text = content.decode("utf-8", "surrogateescape")
    found = re.findall(r"(?:^|(?<=\s))crashkernel=(\S*)", text)
    if tuple(found) == tokens:
        return content
    if path != KERNEL_CMDLINE or text.strip("\n").count("\n"):
        raise GateClosed(f"{path} has more than one line, and is not edited", f"grep -n crashkernel {path}")
    line = _TOKEN.sub("", text.rstrip("\n")).rstrip()
    words = " ".join(f"crashkernel={token}" for token in tokens)
    return f"{line} {words}".strip().encode("utf-8", "surrogateescape") + (b"\n" if text.endswith("\n") else b"")


def _auto_reset(files: Mapping[str, bytes], *, custom: bool, known: bool) -> FileEdit | None:
    # older packages refuse the whole file for a key that they do not know
    content = files.get(KDUMP_CONF)
    if content is None or not custom or not (known or b"auto_reset_crashkernel" in content):
        return None
    conf = parse_kdump_conf(content)
    if conf.auto_reset_crashkernel is False:
        return None
    line = next((one for one in reversed(conf.lines) if one.key == "auto_reset_crashkernel"), None)
    lines = content.split(b"\n")
    if line is not None:
        lines[line.number - 1] = b"auto_reset_crashkernel no"
        return FileEdit(KDUMP_CONF, content, b"\n".join(lines))
    end = b"" if content.endswith(b"\n") or not content else b"\n"
    return FileEdit(KDUMP_CONF, content, content + end + b"auto_reset_crashkernel no\n")
