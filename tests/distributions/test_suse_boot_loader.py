"""crashkernel= on SUSE: /etc/default/grub, kdump's own setting beside it, the menu, and what is left alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kdumpkit.actions.boot_loader import compare_crashkernel, plan_crashkernel
from kdumpkit.actions.plan import CommandChange, FileChange
from kdumpkit.distributions import distribution_for
from kdumpkit.distributions.answers import BootLoaderEdit
from kdumpkit.distributions.suse_boot_loader import MENU, crashkernel_remedy, edit_suse
from kdumpkit.errors import GateClosed, ParameterError, UnsupportedHost
from kdumpkit.facts.boot_entries import KERNEL_CMDLINE
from kdumpkit.facts.boot_loader import BootLoader
from kdumpkit.facts.grub import DEFAULTS, parse_grub_defaults
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.suse_boot_loader import (
    ENTRIES_DIRECTORY,
    PATHS,
    SETTINGS,
    loader_type,
    suse_boot_loader_from,
)
from kdumpkit.facts.sysconfig_kdump import PATH as KDUMP
from kdumpkit.facts.unknown import Unknown, Why
from tests.facts.conftest import file_states

FILES = Path(__file__).parent
SLES = FILES / "sles-15"
GRUB = (SLES / "grub").read_bytes()
OLD_KDUMP = (SLES / "sysconfig-kdump").read_bytes()
NEW_GRUB = (FILES / "opensuse-tumbleweed" / "grub").read_bytes()
NEW_KDUMP = (FILES / "opensuse-tumbleweed" / "sysconfig-kdump").read_bytes()
PAIR = "512M,high crashkernel=72M,low"
GRUBENV = "/boot/grub2/grubenv"
SAVED = b"# GRUB Environment Block\nsaved_entry=SLES 15-SP5\n" + b"#" * 900


def words(content: bytes) -> list[str]:
    return [word.text for word in parse_grub_defaults([(DEFAULTS, content)]).crashkernel_words()]


def after(edit: BootLoaderEdit, files: dict[str, bytes]) -> dict[str, bytes]:
    return {**files, **{one.path: one.after or b"" for one in edit.edits}}


def test_the_pair_is_replaced_in_its_place_and_nothing_else_is_touched() -> None:
    files = {DEFAULTS: GRUB, KDUMP: OLD_KDUMP}
    edit = edit_suse(files, PAIR, "SLES")
    assert [one.path for one in edit.edits] == [DEFAULTS]
    # also not the words for the Xen hypervisor, which have a grammar of their own
    assert after(edit, files)[DEFAULTS] == GRUB.replace(b"crashkernel=300M,high", b"crashkernel=512M,high")
    assert edit.edits[0].before == GRUB
    assert [command.argv for command in edit.commands] == [("grub2-mkconfig", "-o", MENU)]
    assert edit.commands[0].as_root
    assert edit.rewrites == (MENU,)


def test_the_value_that_is_there_needs_no_edit() -> None:
    assert edit_suse({DEFAULTS: GRUB, KDUMP: OLD_KDUMP}, "300M,high 72M,low", "SLES").edits == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('GRUB_CMDLINE_LINUX_DEFAULT="quiet"', 'GRUB_CMDLINE_LINUX_DEFAULT="quiet crashkernel=1G"'),
        ("GRUB_CMDLINE_LINUX_DEFAULT='quiet'", "GRUB_CMDLINE_LINUX_DEFAULT='quiet crashkernel=1G'"),
        ('GRUB_CMDLINE_LINUX_DEFAULT=""', 'GRUB_CMDLINE_LINUX_DEFAULT="crashkernel=1G"'),
        ('GRUB_CMDLINE_LINUX_DEFAULT="quiet " # why', 'GRUB_CMDLINE_LINUX_DEFAULT="quiet crashkernel=1G" # why'),
    ],
)
def test_without_a_value_it_goes_into_the_line_that_is_there(line: str, expected: str) -> None:
    # pbl changes this file too, and knows one assignment of each name
    files = {DEFAULTS: f"GRUB_TIMEOUT=8\n{line}\nGRUB_TERMINAL=gfxterm\n".encode()}
    edit = edit_suse(files, "1G", "SLES")
    assert after(edit, files)[DEFAULTS] == f"GRUB_TIMEOUT=8\n{expected}\nGRUB_TERMINAL=gfxterm\n".encode()


def test_a_line_that_is_more_than_one_quoted_value_gets_another_behind_it() -> None:
    files = {DEFAULTS: b"X=quiet\nGRUB_CMDLINE_LINUX_DEFAULT=\"$X \"'splash'\n"}
    edit = edit_suse(files, "1G", "SLES")
    assert words(after(edit, files)[DEFAULTS]) == ["crashkernel=1G"]


def test_what_only_a_shell_could_read_is_refused() -> None:
    with pytest.raises(GateClosed, match="only a shell"):
        edit_suse({DEFAULTS: b'GRUB_CMDLINE_LINUX_DEFAULT="a $(b) crashkernel=1M"\n'}, "1G", "SLES")
    with pytest.raises(ParameterError):
        edit_suse({DEFAULTS: GRUB}, "lots", "SLES")


def test_a_version_that_writes_its_own_value_at_boot_is_told_the_value_as_well() -> None:
    files = {DEFAULTS: NEW_GRUB, KDUMP: NEW_KDUMP}
    edit = edit_suse(files, PAIR, "openSUSE")
    assert [one.path for one in edit.edits] == [DEFAULTS, KDUMP]
    changed = after(edit, files)
    assert words(changed[DEFAULTS]) == ["crashkernel=512M,high", "crashkernel=72M,low"]
    # kdumptool compares the words in their order
    line = b'KDUMP_CRASHKERNEL="crashkernel=512M,high crashkernel=72M,low"'
    assert changed[KDUMP] == NEW_KDUMP.replace(b'KDUMP_CRASHKERNEL="auto"', line)
    assert any("next boot" in note and "auto" in note for note in edit.notes)
    assert edit_suse(changed, PAIR, "openSUSE").edits == ()


@pytest.mark.parametrize(
    ("settings", "value", "pinned"),
    [
        # what the service put there itself
        (NEW_KDUMP, "72M,low 180M,high", False),
        (NEW_KDUMP + b"KDUMP_UPDATE_BOOTLOADER=false\n", PAIR, False),
        (NEW_KDUMP + b'KDUMP_CRASHKERNEL="crashkernel=512M,high crashkernel=72M,low"\n', PAIR, False),
        (NEW_KDUMP + b'KDUMP_CRASHKERNEL="crashkernel=72M,low crashkernel=512M,high"\n', PAIR, True),
        (NEW_KDUMP, "512M", True),
        (OLD_KDUMP, PAIR, False),
    ],
)
def test_when_kdumps_own_setting_has_to_follow(settings: bytes, value: str, pinned: bool) -> None:
    edit = edit_suse({DEFAULTS: NEW_GRUB, KDUMP: settings}, value, "openSUSE")
    assert (KDUMP in [one.path for one in edit.edits]) == pinned


def test_a_plain_value_in_grub_alone_would_last_one_boot() -> None:
    # GRUB says it already, and kdump-commandline.service would take it out again
    grub = NEW_GRUB.replace(b"crashkernel=72M,low crashkernel=180M,high", b"crashkernel=512M")
    edit = edit_suse({DEFAULTS: grub, KDUMP: NEW_KDUMP}, "512M", "openSUSE")
    assert [one.path for one in edit.edits] == [KDUMP]


@pytest.mark.parametrize("kind", ["systemd-boot", "grub2-bls"])
def test_entries_of_sdbootutil_are_left_alone_and_the_way_is_told(kind: str) -> None:
    files = {DEFAULTS: NEW_GRUB, KDUMP: NEW_KDUMP, SETTINGS: f'LOADER_TYPE="{kind}"\n'.encode()}
    with pytest.raises(UnsupportedHost, match=kind) as caught:
        edit_suse(files, PAIR, "openSUSE")
    assert "kdumptool commandline -u" in caught.value.hint
    assert 'KDUMP_CRASHKERNEL="crashkernel=512M,high crashkernel=72M,low"' in caught.value.hint
    # where it is so already there is nothing to tell
    files[KERNEL_CMDLINE] = b"quiet crashkernel=512M,high crashkernel=72M,low\n"
    edit = edit_suse(files, PAIR, "openSUSE")
    assert (edit.carrier, edit.edits, edit.commands, edit.rewrites) == (KERNEL_CMDLINE, (), (), ())
    # and what it would boot is not taken from a grub.cfg that lies there from before
    found = suse_boot_loader_from(
        file_states({MENU: (SLES / "grub.cfg").read_bytes(), DEFAULTS: NEW_GRUB, SETTINGS: files[SETTINGS]})
    )
    assert isinstance(found, Unknown)
    assert (found.why, found.source) == (Why.ABSENT, ENTRIES_DIRECTORY)


ENTRY = """# Boot Loader Specification type#1 entry
title      openSUSE Tumbleweed
version    {snapshot}@{release}
sort-key   opensuse-tumbleweed
options    root=UUID=7d9e splash=silent quiet {words} rootflags=subvol=@/.snapshots/{snapshot}/snapshot
linux      /opensuse-tumbleweed/{release}/linux-0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c
initrd     /opensuse-tumbleweed/{release}/initrd-1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d
"""


def entries(*words: str, cmdline: bytes | None = None) -> BootLoader | Unknown:
    """A host with one entry for each of these words, the newest kernel first."""
    contents: dict[str, bytes | str | None] = {SETTINGS: b'LOADER_TYPE="systemd-boot"\n', KERNEL_CMDLINE: cmdline}
    for number, given in enumerate(words):
        release = f"6.17.{9 - number}-1-default"
        name = f"{ENTRIES_DIRECTORY}/system-opensuse-tumbleweed-{release}-{42 - number}.conf"
        contents[name] = ENTRY.format(snapshot=42 - number, release=release, words=given).encode()
    return suse_boot_loader_from(file_states(contents))


def test_entries_of_sdbootutil_are_read() -> None:
    pair = "crashkernel=180M,high crashkernel=72M,low"
    found = entries(pair, pair, cmdline=b"splash=silent quiet\ncrashkernel=512M")
    assert isinstance(found, BootLoader)
    assert [entry.release for entry in found.entries] == ["6.17.9-1-default", "6.17.8-1-default"]
    assert found.entries[0].values("crashkernel") == ("180M,high", "72M,low")
    # all agree, so it is no matter which of them is the default
    assert found.default == found.entries[0]
    assert [(word.text, str(word.origin)) for word in found.configured] == [("crashkernel=512M", f"{KERNEL_CMDLINE}:2")]
    assert any("does not change" in note for note in found.notes)


def test_entries_that_differ_leave_the_next_boot_unknown() -> None:
    found = entries("crashkernel=180M,high", "")
    assert isinstance(found, BootLoader)
    assert isinstance(found.default, Unknown)
    assert "EFI variables" in found.default.detail


@pytest.mark.parametrize("content", [b"", b"\0", b"neither\n", "denied"])
def test_an_entry_that_cannot_be_read_is_no_answer(content: bytes | str) -> None:
    path = f"{ENTRIES_DIRECTORY}/a.conf"
    assert isinstance(
        suse_boot_loader_from(file_states({SETTINGS: b"LOADER_TYPE=grub2-bls\n", path: content})), Unknown
    )


def test_loader_types() -> None:
    assert loader_type(b'## Type: list\nLOADER_TYPE="grub2-efi"\nSECURE_BOOT="yes"\n') == "grub2-efi"
    assert loader_type(b"LOADER_TYPE=\n") is None
    assert loader_type(None) is None
    with pytest.raises(UnsupportedHost, match="/etc/default/grub"):
        edit_suse({SETTINGS: b'LOADER_TYPE="grub2"\n'}, PAIR, "SLES")


def boot_loader(**changed: bytes | str | None) -> BootLoader | Unknown:
    contents: dict[str, bytes | str | None] = dict.fromkeys(PATHS)
    contents |= {DEFAULTS: GRUB, MENU: (SLES / "grub.cfg").read_bytes(), GRUBENV: SAVED}
    named = {"menu": MENU, "environment": GRUBENV, "settings": SETTINGS}
    contents |= {named[name]: content for name, content in changed.items()}
    return suse_boot_loader_from(file_states(contents))


def test_the_menu_that_was_generated() -> None:
    found = boot_loader()
    assert isinstance(found, BootLoader)
    assert found.deciders == (MENU,)
    assert [word.text for word in found.configured] == ["crashkernel=300M,high", "crashkernel=72M,low"]
    assert [entry.counts for entry in found.entries] == [True, True, False, True, False, False]
    assert isinstance(found.default, type(found.entries[0]))
    assert found.default.title == "SLES 15-SP5"
    assert found.default.values("crashkernel") == ("300M,high", "72M,low")
    assert compare_crashkernel(found, "300M,high crashkernel=72M,low").ok
    assert not compare_crashkernel(found, PAIR).ok


def test_what_was_not_read_is_not_known() -> None:
    assert isinstance(boot_loader(menu="denied"), Unknown)
    assert isinstance(boot_loader(menu=None), Unknown)
    assert isinstance(boot_loader(settings="denied"), Unknown)
    without = boot_loader(environment="denied")
    assert isinstance(without, BootLoader)
    assert isinstance(without.default, Unknown)


def test_the_plan_changes_files_then_the_menu_and_says_what_is_kept() -> None:
    suse = distribution_for(OsRelease("opensuse-tumbleweed", ("opensuse", "suse"), "20261101", None))
    files = {DEFAULTS: NEW_GRUB, KDUMP: NEW_KDUMP, MENU: (SLES / "grub.cfg").read_bytes()}
    plan = plan_crashkernel(suse, files, boot_loader(), PAIR)
    *edits, command = plan.changes
    assert [change.path for change in edits if isinstance(change, FileChange)] == [DEFAULTS, KDUMP]
    assert isinstance(command, CommandChange)
    assert command.command.argv[0] == "grub2-mkconfig"
    # the way back puts the menu back byte for byte
    assert MENU in repr(command)


def test_the_remedy_gives_both_words_at_once_and_to_kdump_where_it_would_overwrite_them() -> None:
    line = "pbl --add-option 'crashkernel=512M,high crashkernel=72M,low' --config && reboot"
    assert crashkernel_remedy(PAIR, by_kdump=False) == line
    new = crashkernel_remedy(PAIR, by_kdump=True)
    assert new.endswith(f" {KDUMP} && kdumptool commandline -u && reboot")
    # the line does to the file what it says
    script = new.partition(" && ")[0].removesuffix(f" {KDUMP}").replace("sed -i", "sed")
    done = subprocess.run(["sh", "-c", script], input=NEW_KDUMP, capture_output=True, check=True)
    assert b'KDUMP_CRASHKERNEL="crashkernel=512M,high crashkernel=72M,low"\n' in done.stdout
    for version, by in (("15.5", "pbl "), ("16.0", "sed "), ("20261101", "sed ")):
        suse = distribution_for(OsRelease("sles", (), version, None))
        assert suse.crashkernel_remedy(PAIR).startswith(by)


# which kernel starts


def test_a_kernel_by_the_ids_of_the_menu() -> None:
    sles = distribution_for(OsRelease("sles", ("suse",), "15.5", None))
    files = {DEFAULTS: GRUB, MENU: (SLES / "grub.cfg").read_bytes(), GRUBENV: SAVED}
    older = "5.14.21-150500.53-default"
    once = sles.edit_boot_once(files, older)
    default = sles.edit_default_kernel(files, older)
    assert [step.argv[0] for step in (*once.commands, *default.commands)] == ["grub2-reboot", "grub2-set-default"]
    name = once.commands[0].argv[1]
    assert name.startswith("gnulinux-advanced-")
    assert f">gnulinux-{older}-advanced-" in name
    assert default.commands[0].argv[1] == name
    with pytest.raises(ParameterError, match="no entry"):
        sles.edit_boot_once(files, "5.1-default")


@pytest.mark.parametrize("kind", ["systemd-boot", "grub2-bls"])
def test_kernels_of_another_boot_loader_are_left_alone(kind: str) -> None:
    tumbleweed = distribution_for(OsRelease("opensuse-tumbleweed", ("suse",), "20260101", None))
    files = {SETTINGS: f'LOADER_TYPE="{kind}"\n'.encode()}
    for edit in (tumbleweed.edit_default_kernel, tumbleweed.edit_boot_once):
        with pytest.raises(UnsupportedHost, match=kind) as caught:
            edit(files, "6.17.5-1-default")
        assert "bootctl" in caught.value.hint
