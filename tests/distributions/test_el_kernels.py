"""Which kernel an EL or Fedora host starts: boot entries by grubby, and the generated menu of EL 7."""

from __future__ import annotations

import pytest

from kdumpkit.distributions.el_boot_entries import with_variable
from kdumpkit.distributions.el_kernels import edit_boot_once, edit_default_kernel
from kdumpkit.errors import GateClosed, ParameterError, UnsupportedHost
from kdumpkit.facts.boot_loader import BootEntry, BootLoader
from kdumpkit.facts.el_boot_loader import ENVIRONMENT, MENU, ZIPL
from kdumpkit.facts.grub import DEFAULTS

from .test_el_boot_loader import ALMA, CENTOS, FEDORA, RHEL_8, files_of, loader, made_of

MACHINE = "b2c3d4e5f60718293a4b5c6d7e8f90a1"
NEWEST, OLDER = "5.14.0-427.24.1.el9_4.x86_64", "5.14.0-427.13.1.el9_4.x86_64"
FILES = files_of(ALMA)
ENTRY = f"/boot/loader/entries/{MACHINE}-{OLDER}.conf"
EL_7 = files_of(CENTOS)


def named(**variables: str) -> dict[str, bytes]:
    block = FILES[ENVIRONMENT]
    for name, value in variables.items():
        block = with_variable(block, name, value)
    return {**FILES, ENVIRONMENT: block}


def starts(entry: object) -> str | None:
    assert isinstance(entry, BootEntry)
    return entry.release


def test_grubby_names_the_default() -> None:
    edit = edit_default_kernel(FILES, OLDER, "almalinux")
    assert edit.edits == ()
    assert [step.argv for step in edit.commands] == [("grubby", f"--set-default=/boot/vmlinuz-{OLDER}")]
    assert edit.commands[0].as_root
    assert edit.rewrites == (ENVIRONMENT,)
    done = edit_default_kernel(named(saved_entry=f"{MACHINE}-{OLDER}"), OLDER, "almalinux")
    assert (done.edits, done.commands) == ((), ())


def test_of_two_entries_for_one_kernel_the_name_tells_which() -> None:
    twice = {**FILES, ENTRY.replace(".conf", "-serial.conf"): FILES[ENTRY]}
    edit = edit_default_kernel(twice, OLDER, "almalinux")
    assert [step.argv[0] for step in edit.commands] == ["grub2-set-default"]
    assert edit.commands[0].argv[1].startswith(f"{MACHINE}-{OLDER}")


def test_a_fixed_default_is_made_saved_first() -> None:
    fixed = {
        **FILES,
        DEFAULTS: FILES[DEFAULTS].replace(b"GRUB_DEFAULT=saved", b"GRUB_DEFAULT=0"),
        MENU: FILES[MENU].replace(b'default="${saved_entry}"', b'default="0"'),
    }
    edit = edit_default_kernel(fixed, OLDER, "almalinux")
    assert [(file.path, file.after) for file in edit.edits] == [(DEFAULTS, FILES[DEFAULTS])]
    assert [step.argv[0] for step in edit.commands] == ["grub2-mkconfig", "grubby"]
    assert edit.rewrites == (MENU, ENVIRONMENT)
    # EL 8: making the menu anew would write what the entries share
    shared = {**fixed, ENTRY: FILES[ENTRY].replace(b"options ", b"options $kernelopts ")}
    with pytest.raises(GateClosed, match="kernelopts"):
        edit_default_kernel(shared, OLDER, "almalinux")


def test_once_by_the_name_of_the_entry() -> None:
    edit = edit_boot_once(FILES, OLDER, "almalinux")
    assert [step.argv for step in edit.commands] == [("grub2-reboot", f"{MACHINE}-{OLDER}")]
    assert edit.rewrites == (ENVIRONMENT,)
    assert edit_boot_once(named(next_entry=f"{MACHINE}-{OLDER}"), OLDER, "almalinux").commands == ()
    forgetful = {**FILES, MENU: FILES[MENU].replace(b"next_entry", b"other_entry")}
    with pytest.raises(GateClosed, match="next_entry"):
        edit_boot_once(forgetful, OLDER, "almalinux")


@pytest.mark.parametrize("edit", [edit_default_kernel, edit_boot_once])
def test_a_kernel_without_an_entry(edit: object) -> None:
    with pytest.raises(ParameterError, match=r"no entry starts '5\.1'") as caught:
        edit(FILES, "5.1", "almalinux")  # type: ignore[operator]
    assert OLDER in str(caught.value)
    assert "rescue" not in str(caught.value)
    with pytest.raises(ParameterError, match="no entry"):
        edit(FILES, f"0-rescue-{MACHINE}", "almalinux")  # type: ignore[operator]


def test_other_boot_loaders_are_left_alone() -> None:
    with pytest.raises(UnsupportedHost, match="zipl"):
        edit_default_kernel({**FILES, ZIPL: b"[defaultboot]\n"}, OLDER, "almalinux")
    ostree = {**FILES, ENTRY: FILES[ENTRY].replace(b"options ", b"options ostree=/ostree/boot.1/x ")}
    with pytest.raises(UnsupportedHost, match="rpm-ostree"):
        edit_boot_once(ostree, OLDER, "almalinux")


def test_el_7_by_the_generated_menu() -> None:
    menu = loader(made_of(CENTOS), EL_7)
    release = next(entry.release for entry in reversed(menu.entries) if entry.counts)
    assert release is not None
    edit = edit_default_kernel(EL_7, release, "centos")
    assert edit.commands[-1].argv[0] == "grub2-set-default"
    assert edit.commands[-1].argv[1].startswith(f"gnulinux-{release}-advanced-")
    once = edit_boot_once(EL_7, release, "centos")
    assert [step.argv for step in once.commands] == [("grub2-reboot", edit.commands[-1].argv[1])]
    several = {**EL_7, "/sys/firmware/efi/runtime": b"", "/boot/efi/EFI/a/grub.cfg": EL_7[MENU]}
    several["/boot/efi/EFI/b/grub.cfg"] = EL_7[MENU]
    with pytest.raises(GateClosed, match="several files"):
        edit_boot_once(several, release, "centos")


def test_entries_without_a_boot_partition_of_their_own() -> None:
    # Fedora's cloud image has /boot on the root, so that entries say /boot/vmlinuz or /vmlinuz
    for before, after in ((b"linux /boot/", b"linux /"), (b"linux /", b"linux /boot/")):
        files = {path: data.replace(before, after) for path, data in files_of(FEDORA).items()}
        found = loader(made_of(FEDORA), files)
        release = next(entry.release for entry in found.entries if entry.counts)
        assert release is not None
        commands = edit_default_kernel(named_away(files), release, "fedora").commands
        assert commands[-1].argv[-1].startswith("--set-default=/boot/vmlinuz-"), commands


def named_away(files: dict[str, bytes]) -> dict[str, bytes]:
    return {**files, ENVIRONMENT: b"# GRUB Environment Block\nsaved_entry=gone\n".ljust(1024, b"#")}


@pytest.mark.parametrize(("root", "id"), [(ALMA, "almalinux"), (RHEL_8, "rhel")])
def test_the_reader_tells_the_next_boot_from_those_after_it(root: object, id: str) -> None:
    files = files_of(root)  # type: ignore[arg-type]
    distribution = made_of(root)  # type: ignore[arg-type]
    before = loader(distribution, files)
    assert before.default == before.lasting
    other = next(one for one in before.entries if one.counts and one.release != starts(before.default))
    block = with_variable(files[ENVIRONMENT], "next_entry", other.id or "")
    after: BootLoader = loader(distribution, {**files, ENVIRONMENT: block})
    assert starts(after.default) == other.release
    assert after.lasting == before.lasting
