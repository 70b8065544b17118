"""Which kernel GRUB starts by a generated menu: entries of a real one, the default for good and once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.distributions.debian import GRUB
from kdumpkit.distributions.debian_kernels import PROGRAMS
from kdumpkit.distributions.grub_kernels import edit_boot_once, edit_default_kernel, selector_of
from kdumpkit.errors import GateClosed, ParameterError
from kdumpkit.facts.grub_cfg import parse_grub_cfg

REAL = Path(__file__).parent / "debian-12"
NEWEST, OLDER = "6.1.0-56-cloud-amd64", "6.1.0-55-cloud-amd64"
UUID = "6f7c1f0a-6a53-4b0c-9d52-2f1d5a3a7f10"
SELECTOR = f"gnulinux-advanced-{UUID}>gnulinux-{OLDER}-advanced-{UUID}"
ENVIRONMENT = PROGRAMS.environment
FILES = {
    "/etc/default/grub": (REAL / "grub").read_bytes(),
    "/etc/default/grub.d/kdump-tools.cfg": (REAL / "kdump-tools.cfg").read_bytes(),
    "/boot/grub/grub.cfg": (REAL / "grub.cfg").read_bytes(),
}


def block(*lines: str) -> bytes:
    # the form of grub-editenv: 1024 bytes, filled up with #
    text = "# GRUB Environment Block\n" + "".join(f"{line}\n" for line in lines)
    return text.encode().ljust(1024, b"#")


def test_entries_are_named_so_that_grub_finds_them() -> None:
    menu = parse_grub_cfg(FILES["/boot/grub/grub.cfg"])
    assert selector_of(menu, OLDER) == SELECTOR
    # not the first entry, which is whatever is newest
    assert selector_of(menu, NEWEST) == SELECTOR.replace(OLDER, NEWEST)
    found = menu.find(SELECTOR)
    assert found is not None
    assert (found.kernel_release, found.recovery) == (OLDER, False)
    with pytest.raises(ParameterError, match=r"no entry that starts '5\.10\.0'") as caught:
        selector_of(menu, "5.10.0")
    assert f"{OLDER}, {NEWEST}" in str(caught.value)


def test_entries_without_ids_are_named_by_title() -> None:
    menu = parse_grub_cfg(b"submenu 'More > kernels' {\nmenuentry 'Old' {\nlinux /vmlinuz-5.1-x root=/dev/sda1\n}\n}\n")
    assert selector_of(menu, "5.1-x") == "More >> kernels>Old"


def test_a_name_that_grub_would_take_for_a_number_is_no_name() -> None:
    menu = parse_grub_cfg(b"menuentry '2nd' {\nlinux /vmlinuz-6.1-x\n}\nmenuentry 'Linux' {\nlinux /vmlinuz-5.1-x\n}\n")
    with pytest.raises(GateClosed, match="cannot be named"):
        selector_of(menu, "6.1-x")


def test_two_entries_of_one_name_are_not_guessed_between() -> None:
    menu = parse_grub_cfg(
        b"menuentry 'Linux' {\nlinux /vmlinuz-6.1-x\n}\nmenuentry 'Linux' {\nlinux /vmlinuz-5.1-x\n}\n"
    )
    with pytest.raises(GateClosed, match="cannot be named"):
        selector_of(menu, "5.1-x")


def test_the_default_needs_grub_default_saved() -> None:
    edit = edit_default_kernel(GRUB, PROGRAMS, FILES, OLDER)
    (file,) = edit.edits
    assert file.path == "/etc/default/grub"
    assert file.after is not None
    assert b"\nGRUB_DEFAULT=saved\n" in file.after
    assert file.after.replace(b"GRUB_DEFAULT=saved", b"GRUB_DEFAULT=0") == FILES["/etc/default/grub"]
    assert [step.argv for step in edit.commands] == [("update-grub",), ("grub-set-default", SELECTOR)]
    assert edit.rewrites == ("/boot/grub/grub.cfg", ENVIRONMENT)
    assert "GRUB_DEFAULT was 0" in edit.notes[1]


def test_where_it_is_saved_only_the_name_is_written() -> None:
    saved = {**FILES, "/etc/default/grub": FILES["/etc/default/grub"].replace(b"DEFAULT=0", b"DEFAULT=saved")}
    edit = edit_default_kernel(GRUB, PROGRAMS, {**saved, ENVIRONMENT: block("saved_entry=0")}, OLDER)
    assert edit.edits == ()
    assert [step.argv for step in edit.commands] == [("grub-set-default", SELECTOR)]
    done = edit_default_kernel(GRUB, PROGRAMS, {**saved, ENVIRONMENT: block(f"saved_entry={SELECTOR}")}, OLDER)
    assert (done.edits, done.commands) == ((), ())
    savedefault = {**saved, "/etc/default/grub.d/a.cfg": b"GRUB_SAVEDEFAULT=true\n"}
    assert "becomes the default" in edit_default_kernel(GRUB, PROGRAMS, savedefault, OLDER).notes[-1]


def test_a_drop_in_that_wins_is_not_edited_past() -> None:
    with pytest.raises(GateClosed, match="sets it again"):
        edit_default_kernel(GRUB, PROGRAMS, {**FILES, "/etc/default/grub.d/99.cfg": b"GRUB_DEFAULT=2\n"}, OLDER)


def test_once() -> None:
    edit = edit_boot_once(GRUB, PROGRAMS, FILES, OLDER)
    assert edit.edits == ()
    assert [step.argv for step in edit.commands] == [("grub-reboot", SELECTOR)]
    assert edit.rewrites == (ENVIRONMENT,)
    done = edit_boot_once(GRUB, PROGRAMS, {**FILES, ENVIRONMENT: block(f"next_entry={SELECTOR}")}, OLDER)
    assert done.commands == ()
    with pytest.raises(GateClosed, match=r"there is no /boot/grub/grub\.cfg"):
        edit_boot_once(GRUB, PROGRAMS, {}, OLDER)
