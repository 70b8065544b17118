"""The boot loader of Enterprise Linux, Fedora and Amazon Linux: which files decide, and what they give the next kernel.

EL 7 (and Amazon Linux 2): a generated grub.cfg, on the EFI partition where the machine was started by UEFI. EL 8 and
later, Fedora, Amazon Linux 2023: entries below /boot/loader, with variables from the environment block on EL 8; the
grub.cfg on the EFI partition is the menu on EL 8, and since EL 9 a stub that leads to the one in /boot/grub2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kdumpkit.errors import ParseError
from kdumpkit.facts import firmware, grub, grub_cfg
from kdumpkit.facts.boot_entries import (
    DIRECTORY,
    KERNEL_CMDLINE,
    PATTERN,
    BlsEntry,
    boot_entries,
    find_entry,
    menu_variables,
    parse_boot_entry,
)
from kdumpkit.facts.boot_loader import BootEntry, BootLoader, grub_boot_loader_from
from kdumpkit.facts.grub import CommandLineWord, GrubEnvironment, grub_defaults_from, grub_environment_from
from kdumpkit.facts.kdump_conf import PATH as KDUMP_CONF
from kdumpkit.facts.kernel_command_line import split_words
from kdumpkit.facts.reading import Files, record_numbers, records_of
from kdumpkit.facts.shell_assignments import Origin
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import Absent, FileContent, NotPermitted

MENU = "/boot/grub2/grub.cfg"
EFI_MENUS = "/boot/efi/EFI/*/grub.cfg"
ENVIRONMENT = "/boot/grub2/grubenv"
ZIPL = "/etc/zipl.conf"
#: what the size of a default reservation depends on beside RAM and machine
MLX5 = "/sys/module/mlx5_core/initstate"
SMMU = "/sys/devices/platform/arm-smmu-*/uevent"
FADUMP = "/sys/kernel/fadump/enabled"
#: kdump.conf takes part too: auto_reset_crashkernel lets an update of the package set crashkernel= anew
PATHS = (
    grub.DEFAULTS,
    KERNEL_CMDLINE,
    PATTERN,
    ENVIRONMENT,
    MENU,
    EFI_MENUS,
    ZIPL,
    KDUMP_CONF,
    firmware.EFI_VERSION,
    firmware.EFI_RUNTIME,
    MLX5,
    SMMU,
    FADUMP,
)
#: the folder on the EFI partition where it is not named as ID in os-release is
EFI_FOLDERS = {"rhel": "redhat", "ol": "redhat", "amzn": "amzn"}

_EFI_MENU = re.compile(r"/boot/efi/EFI/([^/]+)/grub\.cfg")


def efi_menus(contents: Mapping[str, bytes]) -> tuple[str, ...]:
    """The menus on the EFI partition that are menus: not the stubs that only lead to /boot/grub2/grub.cfg."""
    return tuple(sorted(path for path, data in contents.items() if _EFI_MENU.fullmatch(path) and not is_stub(data)))


def is_stub(menu: bytes) -> bool:
    """True for a grub.cfg that has no entries of its own and reads another one."""
    return re.search(rb"^\s*(?:menuentry|submenu|blscfg)\b", menu, re.MULTILINE) is None and b"configfile" in menu


def by_uefi(contents: Mapping[str, bytes]) -> bool:
    """True where the kernel shows that the machine was started by UEFI."""
    return firmware.EFI_VERSION in contents or firmware.EFI_RUNTIME in contents


def menu_path(contents: Mapping[str, bytes], id: str = "") -> str | None:
    """The one grub.cfg that the machine boots by; None where several on the EFI partition could be it.

    On UEFI that on the EFI partition, unless it is a stub or missing. ``id`` is that of os-release, which tells between
    several.
    """
    menus = efi_menus(contents) if by_uefi(contents) else ()
    if not menus:
        return MENU
    if len(menus) == 1:
        return menus[0]
    mine = f"/boot/efi/EFI/{EFI_FOLDERS.get(id, id)}/grub.cfg"
    return mine if mine in menus else None


def uses_boot_entries(contents: Mapping[str, bytes], id: str = "") -> bool:
    """True where the menu is made of boot entries: there are some, and grub.cfg (if there is one) reads them.

    An entry alone proves nothing: EL 7 can have some that nothing reads.
    """
    if not any(path.startswith(DIRECTORY + "/") for path in contents):
        return False
    path = menu_path(contents, id)
    menu = contents.get(path or MENU)
    if menu is None or is_stub(menu):
        # s390x has no GRUB: zipl reads the entries; a grub.cfg that leads elsewhere says nothing
        return True
    return re.search(rb"^\s*blscfg\b", menu, re.MULTILINE) is not None


def el_boot_loader_from(files: Files, id: str = "") -> BootLoader | Unknown:
    """What the boot loader gives the next kernel, out of files that were read. Unknown where what decides was not."""
    refused = next((state for path, state in files.items() if isinstance(state, NotPermitted) and _decides(path)), None)
    if refused is not None:
        return Unknown(refused.path, Why.NOT_PERMITTED, "", record_numbers(refused.record))
    contents = {path: state.data for path, state in files.items() if isinstance(state, FileContent)}
    menu = menu_path(contents, id)
    if uses_boot_entries(contents, id):
        return _from_entries(files, contents, menu or MENU)
    if menu is None:
        found = ", ".join(efi_menus(contents))
        return Unknown(EFI_MENUS, Why.NOT_UNDERSTOOD, f"several could be the menu that is booted: {found}")
    if menu not in contents:
        detail = "nor is there any boot entry: this host does not boot by GRUB, or by a unified kernel image without it"
        return Unknown(menu, Why.ABSENT, detail, record_numbers(*(s.record for p, s in files.items() if _decides(p))))
    # the generic reader takes the first that is there of each; Debian's were not asked for
    chosen = {
        grub_cfg.PATHS[0]: Absent(grub_cfg.PATHS[0], -1),
        grub_cfg.PATHS[1]: files.get(menu, Absent(menu, -1)),
        grub.ENVIRONMENTS[0]: Absent(grub.ENVIRONMENTS[0], -1),
        ENVIRONMENT: files.get(ENVIRONMENT, Absent(ENVIRONMENT, -1)),
    }
    return grub_boot_loader_from({**files, **chosen})


def _decides(path: str) -> bool:
    return path in (ENVIRONMENT, MENU) or path.startswith((DIRECTORY, "/boot/efi/EFI/"))


def _from_entries(files: Files, contents: Mapping[str, bytes], menu: str) -> BootLoader | Unknown:
    entries: list[BlsEntry] = []
    notes = []
    for path in sorted(path for path in contents if path.startswith(DIRECTORY + "/")):
        try:
            entries.append(parse_boot_entry(contents[path], path))
        except ParseError as error:
            notes.append(f"left out: {error.message}")
    records = record_numbers(*(state.record for path, state in files.items() if _decides(path)))
    if not entries:
        return Unknown(PATTERN, Why.NOT_UNDERSTOOD, "; ".join(notes), records)
    blocks = {path: files.get(path, Absent(path, -1)) for path in grub.ENVIRONMENTS}
    environment = grub_environment_from(blocks)
    if isinstance(environment, Unknown) and not environment.absent:
        return environment
    known = environment if isinstance(environment, GrubEnvironment) else None
    fallbacks = menu_variables(contents.get(menu, b""))
    made = boot_entries(entries, known, fallbacks)
    saved = _saved_name(known, fallbacks, contents.get(menu, b""))
    name = (known.next_entry if known else None) or saved
    shared = sorted({path for entry in entries if "kernelopts" in entry.variables for path in _kernelopts(known, menu)})
    settings = grub_defaults_from({path: state for path, state in files.items() if path == grub.DEFAULTS})
    return BootLoader(
        entries=made,
        # what is named and not there makes GRUB take the first entry
        default=find_entry(made, name) or made[0],
        lasting=find_entry(made, saved) or made[0],
        default_name=name,
        configured=_configured(settings, contents),
        deciders=(PATTERN, *shared),
        notes=(*notes, *_notes(made, name)),
        records=record_numbers(*records, *records_of(environment)),
    )


def _kernelopts(environment: GrubEnvironment | None, menu: str) -> tuple[str, ...]:
    return (environment.path,) if environment and environment.get("kernelopts") is not None else (menu,)


def _saved_name(environment: GrubEnvironment | None, fallbacks: Mapping[str, str], menu: bytes) -> str | None:
    saved = environment.saved_entry if environment is not None else None
    # GRUB_DEFAULT with a number or a title of its own is written as plain text
    fixed = fallbacks.get("default")
    return saved if fixed is None or b'default="${saved_entry}"' in menu else fixed


def _configured(settings: grub.GrubDefaults | Unknown, contents: Mapping[str, bytes]) -> tuple[CommandLineWord, ...]:
    # where new kernels take their options from: /etc/kernel/cmdline, where it is there and says something about it
    inherited = contents.get(KERNEL_CMDLINE)
    if inherited is not None:
        text = inherited.decode("utf-8", "replace")
        words = [
            CommandLineWord(text[start:end], Origin(KERNEL_CMDLINE, text[:start].count("\n") + 1))
            for start, end in split_words(text)
            if text.startswith("crashkernel=", start)
        ]
        if words:
            return tuple(words)
    return () if isinstance(settings, Unknown) else settings.crashkernel_words()


def _notes(entries: tuple[BootEntry, ...], name: str | None) -> tuple[str, ...]:
    if name and find_entry(entries, name) is None:
        return (f"the entry {name!r} that is saved as the default is not there, so the first one is started",)
    return ()
