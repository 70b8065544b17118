"""Kernels of Debian: entries of a real menu, the default for good and once, what a removal takes along."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.distributions import distribution_for
from kdumpkit.distributions.debian import GRUB
from kdumpkit.distributions.debian_kernels import (
    ENVIRONMENT,
    edit_boot_once,
    edit_default_kernel,
    parse_kernel_owners,
    parse_simulated_removal,
    selector_of,
)
from kdumpkit.errors import GateClosed, ParameterError, UnsupportedHost
from kdumpkit.facts.grub_cfg import parse_grub_cfg
from kdumpkit.facts.os_release import OsRelease

REAL = Path(__file__).parent / "debian-12"
NEWEST, OLDER = "6.1.0-56-cloud-amd64", "6.1.0-55-cloud-amd64"
UUID = "6f7c1f0a-6a53-4b0c-9d52-2f1d5a3a7f10"
SELECTOR = f"gnulinux-advanced-{UUID}>gnulinux-{OLDER}-advanced-{UUID}"
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


def test_two_entries_of_one_name_are_not_guessed_between() -> None:
    menu = parse_grub_cfg(
        b"menuentry 'Linux' {\nlinux /vmlinuz-6.1-x\n}\nmenuentry 'Linux' {\nlinux /vmlinuz-5.1-x\n}\n"
    )
    with pytest.raises(GateClosed, match="cannot be named"):
        selector_of(menu, "5.1-x")


def test_the_default_needs_grub_default_saved() -> None:
    edit = edit_default_kernel(GRUB, FILES, OLDER)
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
    edit = edit_default_kernel(GRUB, {**saved, ENVIRONMENT: block("saved_entry=0")}, OLDER)
    assert edit.edits == ()
    assert [step.argv for step in edit.commands] == [("grub-set-default", SELECTOR)]
    done = edit_default_kernel(GRUB, {**saved, ENVIRONMENT: block(f"saved_entry={SELECTOR}")}, OLDER)
    assert (done.edits, done.commands) == ((), ())
    savedefault = {**saved, "/etc/default/grub.d/a.cfg": b"GRUB_SAVEDEFAULT=true\n"}
    assert "becomes the default" in edit_default_kernel(GRUB, savedefault, OLDER).notes[-1]


def test_a_drop_in_that_wins_is_not_edited_past() -> None:
    with pytest.raises(GateClosed, match="sets it again"):
        edit_default_kernel(GRUB, {**FILES, "/etc/default/grub.d/99.cfg": b"GRUB_DEFAULT=2\n"}, OLDER)


def test_once() -> None:
    edit = edit_boot_once(GRUB, FILES, OLDER)
    assert edit.edits == ()
    assert [step.argv for step in edit.commands] == [("grub-reboot", SELECTOR)]
    assert edit.rewrites == (ENVIRONMENT,)
    done = edit_boot_once(GRUB, {**FILES, ENVIRONMENT: block(f"next_entry={SELECTOR}")}, OLDER)
    assert done.commands == ()
    with pytest.raises(GateClosed, match=r"there is no /boot/grub/grub\.cfg"):
        edit_boot_once(GRUB, {}, OLDER)


def test_owners_of_a_kernel() -> None:
    debian = f"linux-image-{OLDER}: /boot/vmlinuz-{OLDER}\nlinux-image-{OLDER}: /lib/modules/{OLDER}\n"
    assert parse_kernel_owners(debian, OLDER) == (f"linux-image-{OLDER}",)
    # Ubuntu: modules are a package of their own, and drivers share their directory
    release = "6.8.0-45-generic"
    ubuntu = (
        f"linux-image-{release}: /boot/vmlinuz-{release}\n"
        f"linux-modules-{release}, linux-modules-extra-{release}, zfs-dkms:amd64: /lib/modules/{release}\n"
    )
    assert parse_kernel_owners(ubuntu, release) == (
        f"linux-image-{release}",
        f"linux-modules-{release}",
        f"linux-modules-extra-{release}",
    )
    assert parse_kernel_owners(f"dpkg-query: no path found matching pattern /boot/vmlinuz-{OLDER}\n", OLDER) == ()


def test_what_a_removal_takes_along() -> None:
    said = (
        "The following packages will be REMOVED:\n  linux-image-amd64 linux-image-6.1.0-56-amd64\n"
        "Remv linux-image-amd64 [6.1.192-2]\nRemv linux-image-6.1.0-56-amd64 [6.1.192-2] [other:amd64 ]\n"
    )
    assert parse_simulated_removal(said) == ("linux-image-amd64", "linux-image-6.1.0-56-amd64")
    assert parse_simulated_removal("Inst bash [5.2] (5.3 Debian)\n") == ()


def test_names_are_checked_before_they_are_put_into_commands() -> None:
    debian = distribution_for(OsRelease("debian", (), "12", None))
    for call in (debian.kernel_owner_command, debian.symbol_packages):
        with pytest.raises(ParameterError):
            call("6.1; reboot")
    with pytest.raises(ParameterError):
        debian.remove_kernel_command(("linux-image-$(x)",))
    with pytest.raises(ParameterError):
        debian.simulated_removal_command(())
    assert debian.remove_kernel_command((f"linux-image-{OLDER}",)).argv[-2:] == ("--", f"linux-image-{OLDER}")


def test_a_family_that_does_not_answer_keeps_its_kernels() -> None:
    void = distribution_for(OsRelease("void", (), None, "Void"))
    for refused in (
        lambda: void.edit_default_kernel({}, OLDER),
        lambda: void.edit_boot_once({}, OLDER),
        lambda: void.kernel_owner_command(OLDER),
        lambda: void.parse_kernel_owners("", OLDER),
        lambda: void.simulated_removal_command(("a",)),
        lambda: void.parse_simulated_removal(""),
        lambda: void.remove_kernel_command(("a",)),
    ):
        with pytest.raises(UnsupportedHost, match="Void"):
            refused()
