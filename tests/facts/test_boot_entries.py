"""Boot entries, their variables, their order, and which file really decides on Enterprise Linux and its kin."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.checks.crashkernel import CrashkernelRemedies, check_crashkernel_configured
from kdumpkit.checks.finding import Status
from kdumpkit.errors import ParseError
from kdumpkit.facts.boot_entries import boot_entries, find_entry, in_menu_order, menu_variables, parse_boot_entry
from kdumpkit.facts.boot_loader import BootEntry, BootLoader
from kdumpkit.facts.el_boot_loader import (
    ENVIRONMENT,
    MENU,
    ZIPL,
    el_boot_loader_from,
    is_stub,
    menu_path,
    uses_boot_entries,
)
from kdumpkit.facts.grub import DEFAULTS, parse_grub_environment
from kdumpkit.facts.unknown import Unknown, Why

from .conftest import file_states

HOSTS = Path(__file__).parent.parent / "recordings"
MACHINE = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
DIRECTORY = "/boot/loader/entries"
EFI = {"/sys/firmware/efi/fw_platform_size": b"64\n"}
#: as 10_linux of EL 8 writes it: the fallback for a missing environment block
MENU_8 = (
    b'set default="${saved_entry}"\nset tuned_params=""\nif [ -z "${kernelopts}" ]; then\n'
    b'  set kernelopts="root=/dev/sda1 ro crashkernel=fallback"\nfi\ninsmod blscfg\nblscfg\n'
)
MENU_9 = b'set default="${saved_entry}"\nset tuned_params="isolcpus=2"\ninsmod blscfg\nblscfg\n'
STUB = b"search --fs-uuid --set=dev 1234\nset prefix=($dev)/grub2\nexport $prefix\nconfigfile $prefix/grub.cfg\n"


def entry(release: str, options: str, machine: str = MACHINE) -> tuple[str, bytes]:
    text = f"title Linux ({release})\nversion {release}\nlinux /vmlinuz-{release}\ninitrd /i $tuned_initrd\n"
    return f"{DIRECTORY}/{machine}-{release}.conf", f"{text}options {options}\ngrub_class kernel\n".encode()


def environment(**values: str) -> bytes:
    text = "# GRUB Environment Block\n" + "".join(f"{name}={value}\n" for name, value in values.items())
    return text.ljust(1024, "#").encode()


def tree_of(recording: str) -> dict[str, bytes | str | None]:
    root = HOSTS / recording / "documents" / "root"
    return {f"/{path.relative_to(root)}": path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def loader(contents: dict[str, bytes | str | None], id: str = "") -> BootLoader:
    found = el_boot_loader_from(file_states(contents), id)
    assert isinstance(found, BootLoader), found
    return found


def default_of(found: BootLoader) -> BootEntry:
    assert isinstance(found.default, BootEntry)
    return found.default


def test_an_entry_of_the_distribution() -> None:
    path, data = next(
        (p, d) for p, d in tree_of("almalinux-9/check").items() if "427.24.1" in p and isinstance(d, bytes)
    )
    found = parse_boot_entry(data, path)
    assert found.machine_id == "b2c3d4e5f60718293a4b5c6d7e8f90a1"
    assert found.release == "5.14.0-427.24.1.el9_4.x86_64"
    assert found.variables == ("tuned_params",)
    assert found.title == "AlmaLinux (5.14.0-427.24.1.el9_4.x86_64) 9.4 (Seafoam Ocelot)"


def test_options_that_stand_twice_are_put_together_and_tabs_separate() -> None:
    found = parse_boot_entry(b"title\tX\nlinux /a/6.1/linux\nversion 6.1\noptions a=1\noptions\tb=2\n", "/x/y.conf")
    assert (found.options, found.release, found.machine_id, found.rescue) == ("a=1 b=2", "6.1", None, False)


@pytest.mark.parametrize("data", [b"", b"\0", b"not an entry\n"])
def test_what_is_no_entry_is_refused(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_boot_entry(data, "/x.conf")


def test_newest_first_by_rpms_order_and_rescue_last() -> None:
    releases = ["0-rescue", "5.14.0-427.el9.x86_64", "5.14.0-70.el9.x86_64", "5.14.0-427.13.1.el9_4.x86_64"]
    parsed = [parse_boot_entry(data, path) for path, data in (entry(release, "ro") for release in releases)]
    assert [one.version for one in in_menu_order(parsed)] == [releases[3], releases[1], releases[2], releases[0]]
    assert [one.rescue for one in in_menu_order(parsed)] == [False, False, False, True]


def test_variables_come_from_the_environment_block_then_from_the_menu_and_else_are_empty() -> None:
    path, data = entry("4.18.0-553.el8.x86_64", "$kernelopts ${tuned_params} $nobody quiet")
    parsed = [parse_boot_entry(data, path)]
    block = parse_grub_environment(environment(kernelopts="root=/dev/sda1 ro crashkernel=auto"))
    (found,) = boot_entries(parsed, block, menu_variables(MENU_8))
    assert found.command_line == "root=/dev/sda1 ro crashkernel=auto quiet"
    (found,) = boot_entries(parsed, None, menu_variables(MENU_8))
    assert found.values("crashkernel") == ("fallback",)
    (found,) = boot_entries(parsed, None, {})
    assert found.command_line == "quiet"


def test_an_entry_is_found_by_id_title_or_number() -> None:
    parsed = [parse_boot_entry(data, path) for path, data in (entry(r, "ro") for r in ("1.1", "1.2"))]
    made = boot_entries(parsed, None, {})
    assert [one.release for one in made] == ["1.2", "1.1"]
    for selector, release in (
        (f"{MACHINE}-1.1", "1.1"),
        (f"{MACHINE}-1.1.conf", "1.1"),
        ("Linux (1.1)", "1.1"),
        ("1", "1.1"),
        ("0", "1.2"),
        (None, "1.2"),
    ):
        found = find_entry(made, selector)
        assert found is not None
        assert found.release == release
    assert find_entry(made, "gone") is None
    assert find_entry([], "0") is None


def bls(menu: bytes = MENU_9, **values: str) -> dict[str, bytes | str | None]:
    entries = dict(entry(release, "ro $tuned_params") for release in ("1.1", "1.2", "0-rescue"))
    return {**entries, MENU: menu, ENVIRONMENT: environment(**values), DEFAULTS: b"GRUB_CMDLINE_LINUX=quiet\n"}


def test_the_default_is_what_is_saved_and_the_first_where_that_is_gone() -> None:
    assert default_of(loader(bls(saved_entry=f"{MACHINE}-1.1"))).release == "1.1"
    assert default_of(loader(bls(saved_entry="1", next_entry=f"{MACHINE}-1.2"))).release == "1.2"
    assert default_of(loader(bls())).release == "1.2"
    gone = loader(bls(saved_entry="0123-1.0"))
    assert default_of(gone).release == "1.2"
    assert "not there, so the first one is started" in gone.notes[0]
    fixed = bls(b'set default="1"\nblscfg\n', saved_entry=f"{MACHINE}-1.2")
    assert default_of(loader(fixed)).release == "1.1"


def test_variables_of_the_menu_and_recovery_entries() -> None:
    found = loader(bls())
    assert default_of(found).values("isolcpus") == ("2",)
    assert [one.counts for one in found.entries] == [True, True, False]


def test_el_8_shares_the_command_line_of_the_environment_block_and_says_so() -> None:
    path, data = entry("4.18.0-553.el8.x86_64", "$kernelopts $tuned_params")
    block = environment(kernelopts="root=/dev/sda1 crashkernel=auto")
    found = loader({path: data, MENU: MENU_8, ENVIRONMENT: block})
    assert found.deciders == (f"{DIRECTORY}/*.conf", ENVIRONMENT)
    assert default_of(found).values("crashkernel") == ("auto",)
    assert loader({path: data, MENU: MENU_8}).deciders == (f"{DIRECTORY}/*.conf", MENU)


# regression: crashkernel= in /etc/default/grub, and not in the boot entries


def test_what_is_only_in_the_settings_does_not_count_as_set() -> None:
    found = loader(tree_of("rhel-9/bls-without-crashkernel"), "rhel")
    assert default_of(found).values("crashkernel") == ()
    assert [word.text for word in found.configured] == ["crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M"]
    unread = Unknown("/proc/iomem", Why.NOT_PERMITTED)
    remedies = CrashkernelRemedies("grub2-mkconfig --update-bls-cmdline")
    finding = check_crashkernel_configured(found, unread, remedies=remedies)
    assert finding.status is Status.FAIL
    assert "was not made from it" in finding.reason
    assert finding.remedy == "grub2-mkconfig --update-bls-cmdline"


def test_new_kernels_take_their_words_from_etc_kernel_cmdline_where_it_has_some() -> None:
    found = loader(tree_of("fedora-41/check"), "fedora")
    assert [(word.text, str(word.origin)) for word in found.configured] == [
        ("crashkernel=2G-64G:256M,64G-:512M", "/etc/kernel/cmdline:1")
    ]


# which file decides


def test_el_7_boots_by_the_menu_of_its_firmware() -> None:
    menu = (HOSTS / "centos-7/check/documents/root/boot/grub2/grub.cfg").read_bytes()
    efi = "/boot/efi/EFI/centos/grub.cfg"
    assert menu_path({MENU: menu, efi: menu}) == MENU
    assert menu_path({MENU: menu, efi: menu, **EFI}) == efi
    assert menu_path({MENU: menu, **EFI}) == MENU
    both = {efi: menu, "/boot/efi/EFI/redhat/grub.cfg": menu, **EFI}
    assert menu_path(both, "centos") == efi
    assert menu_path(both, "rhel") == "/boot/efi/EFI/redhat/grub.cfg"
    assert menu_path(both, "scientific") is None
    found = el_boot_loader_from(file_states({**both}), "scientific")
    assert isinstance(found, Unknown)
    assert "several" in found.detail
    assert default_of(loader({efi: menu, **EFI}, "centos")).path == efi


def test_a_stub_on_the_efi_partition_is_never_the_menu() -> None:
    assert is_stub(STUB)
    assert not is_stub(MENU_9)
    contents = {MENU: MENU_9, "/boot/efi/EFI/redhat/grub.cfg": STUB, **EFI}
    assert menu_path(contents, "rhel") == MENU


def test_entries_count_only_where_the_menu_reads_them() -> None:
    path, data = entry("3.10.0-1160.el7.x86_64", "ro")
    menu = (HOSTS / "centos-7/check/documents/root/boot/grub2/grub.cfg").read_bytes()
    assert not uses_boot_entries({path: data, MENU: menu})
    assert uses_boot_entries({path: data, MENU: MENU_9})
    assert not uses_boot_entries({MENU: MENU_9})
    # s390x has no GRUB at all
    assert uses_boot_entries({path: data, ZIPL: b"[defaultboot]\n"})


@pytest.mark.parametrize("refused", [f"{DIRECTORY}/*.conf", ENVIRONMENT, MENU])
def test_what_may_not_be_read_leaves_it_unknown(refused: str) -> None:
    found = el_boot_loader_from(file_states({**bls(), refused: "denied"}))
    assert isinstance(found, Unknown)
    assert found.why is Why.NOT_PERMITTED


def test_no_boot_loader_of_this_kind_is_absent_and_a_broken_entry_is_told() -> None:
    found = el_boot_loader_from(file_states({MENU: None, ENVIRONMENT: None}))
    assert isinstance(found, Unknown)
    assert found.absent
    broken = loader({**bls(), f"{DIRECTORY}/x.conf": b"???\n"})
    assert len(broken.entries) == 3
    assert "x.conf" in broken.notes[0]
