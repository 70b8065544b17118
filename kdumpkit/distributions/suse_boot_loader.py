"""``crashkernel=`` on SUSE: ``/etc/default/grub``, the setting of kdump that would overwrite it, and grub2-mkconfig.

kdump 2.0 and later compare the command line with ``KDUMP_CRASHKERNEL`` at each boot and write their own value into the
boot loader where it differs (kdump-commandline.service). A value that does not stand there lasts one boot.

**Source**: the kdumptool script and kdump-commandline.service of openSUSE's kdump 2.1; transactional-update(8).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from kdumpkit.command import command
from kdumpkit.distributions.answers import BootLoaderEdit, FileEdit
from kdumpkit.distributions.crashkernel_sizes import crashkernel_tokens
from kdumpkit.distributions.grub_crashkernel import GrubLayout, edit_grub_settings, effective_crashkernel
from kdumpkit.distributions.shell_settings import set_assignment
from kdumpkit.errors import UnsupportedHost
from kdumpkit.facts.boot_entries import KERNEL_CMDLINE
from kdumpkit.facts.grub import DEFAULTS
from kdumpkit.facts.suse_boot_loader import ENTRY_TYPES, SETTINGS, kernel_cmdline_words, loader_type
from kdumpkit.facts.sysconfig_kdump import PATH as KDUMP
from kdumpkit.facts.sysconfig_kdump import parse_sysconfig_kdump

MENU = "/boot/grub2/grub.cfg"
GRUB = GrubLayout(
    settings=DEFAULTS,
    # none: SUSE's grub2-mkconfig sources /etc/default/grub alone
    directory="/etc/default/grub.d",
    own_drop_in=DEFAULTS,
    packaged_drop_in=None,
    generated=(MENU,),
    regenerate=command("grub2-mkconfig", "-o", MENU, timeout_s=600, as_root=True),
)

_ASSIGNMENT = re.compile(rb"^(GRUB_CMDLINE_LINUX_DEFAULT=(\"|'))([^\"'`\\\n]*)(\2)", re.MULTILINE)


def edit_suse(files: Mapping[str, bytes], value: str, distribution: str) -> BootLoaderEdit:
    """The edits after which ``value`` alone is in force, also after the next boot.

    Raises UnsupportedHost where another boot loader decides, GateClosed where /etc/default/grub cannot be edited
    safely, ParameterError for a value that is none.
    """
    tokens = crashkernel_tokens(value)
    kind = loader_type(files.get(SETTINGS))
    if kind in ENTRY_TYPES:
        words = kernel_cmdline_words(files.get(KERNEL_CMDLINE, b""))
        if tuple(word.text.removeprefix("crashkernel=") for word in words) == tokens:
            return BootLoaderEdit(KERNEL_CMDLINE, (), (), ())
        raise UnsupportedHost(
            f"{distribution}: LOADER_TYPE={kind} in {SETTINGS}, so sdbootutil writes the boot entries; nothing was "
            "changed",
            crashkernel_remedy(value, by_kdump=True),
        )
    if DEFAULTS not in files:
        raise UnsupportedHost(
            f"{distribution}: there is no {DEFAULTS}, so this host does not boot by GRUB and grub2-mkconfig; nothing "
            "was changed",
            "add crashkernel= by the way of this host's own boot loader",
        )
    grub = _edit_grub(files[DEFAULTS], value, tokens)
    pinned = _pinned(files.get(KDUMP), tokens, already=not grub.edits)
    notes = grub.notes
    if pinned:
        notes = (
            *notes,
            f"{KDUMP} gets the value too: kdump-commandline.service would put its own in its place at the next boot; "
            'KDUMP_CRASHKERNEL="auto" there leaves it to kdump again',
            "the change to it makes the next start of kdump.service build the kdump initramfs anew",
        )
    return BootLoaderEdit(grub.carrier, (*grub.edits, *pinned), grub.commands, grub.rewrites, notes)


def _edit_grub(content: bytes, value: str, tokens: Sequence[str]) -> BootLoaderEdit:
    grub = {DEFAULTS: content}
    if not effective_crashkernel(grub):
        # into the line that is there: pbl changes this file as well, and knows one assignment of each name
        found = list(_ASSIGNMENT.finditer(content))
        if found:
            last = found[-1]
            words = " ".join(f"crashkernel={token}" for token in tokens).encode()
            line = last[1] + (last[3].rstrip() + b" " + words if last[3].strip() else words) + last[4]
            after = content[: last.start()] + line + content[last.end() :]
            if _values(after) == tuple(tokens):
                edit = FileEdit(DEFAULTS, content, after)
                notes = (
                    "it takes effect at the next boot: memory can be reserved only while the kernel starts",
                    "recovery entries do not get it: they are generated without GRUB_CMDLINE_LINUX_DEFAULT",
                )
                return BootLoaderEdit(DEFAULTS, (edit,), (GRUB.regenerate,), GRUB.generated, notes)
    return edit_grub_settings(GRUB, grub, value)


def _values(content: bytes) -> tuple[str, ...]:
    return tuple(word.text.removeprefix("crashkernel=") for word in effective_crashkernel({DEFAULTS: content}))


def _pinned(content: bytes | None, tokens: Sequence[str], *, already: bool) -> tuple[FileEdit, ...]:
    if content is None:
        return ()
    settings = parse_sysconfig_kdump(content)
    if not settings.updates_boot_loader:
        return ()
    wanted = " ".join(f"crashkernel={token}" for token in tokens)
    said = settings.text("KDUMP_CRASHKERNEL")
    # a pair that stands there already is what the service itself put there
    if said.split() == wanted.split() or (said == "auto" and already and tokens[0].endswith((",high", ",low"))):
        return ()
    return (FileEdit(KDUMP, content, set_assignment(content, "KDUMP_CRASHKERNEL", wanted, KDUMP)),)


def crashkernel_remedy(value: str, *, by_kdump: bool) -> str:
    """A line to paste that makes the next boot ask for ``value``, and reboots.

    ``by_kdump``: kdump has its own setting for it (16 and later), and its tool puts that into any boot loader.
    """
    words = " ".join(f"crashkernel={token}" for token in crashkernel_tokens(value))
    if not by_kdump:
        return f"pbl --add-option '{words}' --config && reboot"
    setting = f's|^KDUMP_CRASHKERNEL=.*|KDUMP_CRASHKERNEL="{words}"|'
    return f"sed -i '{setting}' {KDUMP} && kdumptool commandline -u && reboot"


def transactional_remedy() -> str:
    """What to do on a system whose root is read-only and changed by snapshots."""
    return "transactional-update setup-kdump && reboot"
