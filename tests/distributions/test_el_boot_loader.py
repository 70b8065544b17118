"""crashkernel= set by grub2-mkconfig or grubby, read back, and taken back byte for byte."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kdumpkit.actions.apply import apply_plan
from kdumpkit.actions.boot_loader import plan_crashkernel, verify_crashkernel
from kdumpkit.command import Command, CommandResult
from kdumpkit.distributions import distribution_for
from kdumpkit.distributions.base import Distribution
from kdumpkit.distributions.el_boot_entries import with_tokens, with_variable
from kdumpkit.distributions.el_boot_loader import with_crashkernel
from kdumpkit.errors import CommandFailed, GateClosed, NotVerified, ParameterError, UnsupportedHost
from kdumpkit.facts.boot_loader import BootLoader
from kdumpkit.facts.os_release import parse_os_release
from kdumpkit.hosts.base import Fetched, Host, Progress
from kdumpkit.hosts.files import FileContent
from kdumpkit.hosts.local import LocalHost

HOSTS = Path(__file__).parent.parent / "recordings"
CENTOS, RHEL, ALMA, FEDORA, RHEL_8 = (
    HOSTS / name / "documents" / "root"
    for name in (
        "centos-7/check",
        "rhel-9/bls-without-crashkernel",
        "almalinux-9/check",
        "fedora-41/check",
        "rhel-8/auto",
    )
)
DEFAULTS, CMDLINE, CONF = "/etc/default/grub", "/etc/kernel/cmdline", "/etc/kdump.conf"
DIRECTORY = "/boot/loader/entries"
EFI = {"/sys/firmware/efi/fw_platform_size": b"64\n"}


def files_of(root: Path) -> dict[str, bytes]:
    wanted = ("boot", "etc", "sys/firmware")
    return {
        f"/{path.relative_to(root)}": path.read_bytes()
        for part in wanted
        for path in sorted((root / part).rglob("*"))
        if path.is_file()
    }


def made_of(root: Path) -> Distribution:
    return distribution_for(parse_os_release((root / "etc/os-release").read_bytes()))


def loader(distribution: Distribution, files: dict[str, bytes]) -> BootLoader:
    parse = distribution.survey_request().parse_boot_loader
    assert parse is not None
    states = {path: FileContent(path, data, 0o644, False) for path, data in files.items()}
    found = parse(states)
    assert isinstance(found, BootLoader)
    return found


class Tree(Host):
    """A folder as a host, with grubby and grub2-mkconfig as the test has them."""

    name = "tree"

    def __init__(self, root: Path, tool: Callable[[Path, Command], int]) -> None:
        self.root, self.tool = root, tool
        self.ran: list[tuple[str, ...]] = []

    def run(self, command: Command) -> CommandResult:
        if command.argv[0] in ("grubby", "grub2-mkconfig"):
            self.ran.append(command.argv)
            return CommandResult(command, self.tool(self.root, command), b"", b"", 0.0, 0.0)
        inside = str(self.root)
        argv = tuple(inside + word if word.startswith("/") else word for word in command.argv)
        done = LocalHost().run(replace(command, argv=argv, as_root=False))
        stdout, stderr = (text.replace(inside.encode(), b"") for text in (done.stdout, done.stderr))
        return CommandResult(command, done.exit_status, stdout, stderr, 0.0, 0.0)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        raise NotImplementedError

    def files(self) -> dict[str, bytes]:
        kept = (path for path in sorted(self.root.rglob("*")) if path.is_file() and "var/backups" not in str(path))
        return {f"/{path.relative_to(self.root)}": path.read_bytes() for path in kept}


def grubby(root: Path, command: Command) -> int:
    """What grubby(8) says it does with all entries."""
    (token,) = (word.removeprefix("--args=") for word in command.argv if word.startswith("--args="))
    for entry in (root / DIRECTORY.lstrip("/")).glob("*.conf"):
        text = re.sub(r" crashkernel=\S*", "", entry.read_text())
        entry.write_text(re.sub(r"(?m)^(options .*)$", rf"\1 {token}", text))
    return 0


def tree(tmp_path: Path, files: dict[str, bytes], tool: Callable[[Path, Command], int] = grubby) -> Tree:
    for path, data in files.items():
        inside = tmp_path / "host" / path.lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.write_bytes(data)
    return Tree(tmp_path / "host", tool)


# EL 7


def test_el_7_edits_its_settings_and_writes_the_one_menu_it_boots_by() -> None:
    files, centos = files_of(CENTOS), made_of(CENTOS)
    edit = centos.edit_crashkernel(files, "512M")
    (change,) = edit.edits
    assert change.path == DEFAULTS
    assert b'GRUB_CMDLINE_LINUX="crashkernel=512M rd.lvm.lv=centos/root' in (change.after or b"")
    assert [command.argv for command in edit.commands] == [("grub2-mkconfig", "-o", "/boot/grub2/grub.cfg")]
    assert edit.rewrites == ("/boot/grub2/grub.cfg",)
    same = centos.edit_crashkernel(files, "256M")
    assert same.edits == ()
    boot_loader = loader(centos, files)
    assert plan_crashkernel(centos, files, boot_loader, "256M").changes == ()


def test_el_7_by_uefi_writes_the_menu_on_the_efi_partition() -> None:
    files = files_of(CENTOS)
    menu = files.pop("/boot/grub2/grub.cfg")
    efi = "/boot/efi/EFI/centos/grub.cfg"
    edit = made_of(CENTOS).edit_crashkernel({**files, efi: menu, **EFI}, "512M")
    assert [command.argv[-1] for command in edit.commands] == [efi]
    assert edit.rewrites == (efi,)


def test_a_menu_that_is_not_certain_is_not_written() -> None:
    files = files_of(CENTOS)
    menu = files["/boot/grub2/grub.cfg"]
    several = {f"/boot/efi/EFI/{name}/grub.cfg": menu for name in ("redhat", "scientific")}
    with pytest.raises(GateClosed, match="several files"):
        made_of(CENTOS).edit_crashkernel({**files, **several, **EFI}, "512M")
    del files["/boot/grub2/grub.cfg"]
    with pytest.raises(UnsupportedHost, match=r"there is no /boot/grub2/grub\.cfg"):
        made_of(CENTOS).edit_crashkernel(files, "512M")
    with pytest.raises(UnsupportedHost, match="/etc/default/grub"):
        made_of(CENTOS).edit_crashkernel({"/boot/grub2/grub.cfg": menu}, "512M")


def test_auto_is_a_value_where_the_kernel_knows_it() -> None:
    assert made_of(CENTOS).edit_crashkernel(files_of(CENTOS), "auto").edits
    with pytest.raises(ParameterError, match="only to Red Hat's kernels before RHEL 9"):
        made_of(RHEL).edit_crashkernel(files_of(RHEL), "auto")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('GRUB_CMDLINE_LINUX="quiet"\n', 'GRUB_CMDLINE_LINUX="quiet crashkernel=1G"\n'),
        ("GRUB_TIMEOUT=5\n", "GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX=crashkernel=1G\n"),
        ('GRUB_CMDLINE_LINUX="crashkernel=auto a"\n', 'GRUB_CMDLINE_LINUX="crashkernel=1G a"\n'),
        # as the walk-through for CentOS 7 has it
        ('GRUB_CMDLINE_LINUX_DEFAULT="crashkernel=auto"\n', 'GRUB_CMDLINE_LINUX_DEFAULT="crashkernel=1G"\n'),
        (
            'GRUB_CMDLINE_LINUX="crashkernel=auto a"\nGRUB_CMDLINE_LINUX_DEFAULT="crashkernel=2G"\n',
            'GRUB_CMDLINE_LINUX="a"\nGRUB_CMDLINE_LINUX_DEFAULT="crashkernel=1G"\n',
        ),
        (
            'GRUB_CMDLINE_LINUX="a $(cat /x)"',
            'GRUB_CMDLINE_LINUX="a $(cat /x)"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX crashkernel=1G"\n',
        ),
    ],
)
def test_the_settings_are_edited_in_place(before: str, after: str) -> None:
    assert with_crashkernel(before.encode(), ("1G",)).decode() == after
    assert with_crashkernel(after.encode(), ("1G",)).decode() == after


# entries


def test_entries_are_changed_by_grubby_and_what_new_kernels_inherit_is_too() -> None:
    files, alma = files_of(ALMA), made_of(ALMA)
    edit = alma.edit_crashkernel(files, "512M")
    assert [change.path for change in edit.edits] == [DEFAULTS, CONF]
    assert [command.argv for command in edit.commands] == [
        (
            "grubby",
            "--update-kernel=ALL",
            "--remove-args=crashkernel",
            "--args=crashkernel=512M",
            "--no-etc-grub-update",
        )
    ]
    entries = {path for path in files if path.startswith(DIRECTORY)}
    assert entries <= set(edit.rewrites)
    assert {"/boot/grub2/grubenv", "/boot/grub2/grub.cfg"} <= set(edit.rewrites)
    # the file on the EFI partition is a stub
    assert not any("efi" in path for path in edit.rewrites)


def test_etc_kernel_cmdline_is_edited_where_it_is_there() -> None:
    edit = made_of(FEDORA).edit_crashkernel(files_of(FEDORA), "512M")
    changed = {change.path: change.after or b"" for change in edit.edits}
    assert changed[CMDLINE].endswith(b" rhgb quiet crashkernel=512M\n")
    assert changed[CMDLINE].count(b"crashkernel=") == 1


def test_a_custom_value_is_kept_from_being_reset_and_the_default_is_not() -> None:
    files, alma = files_of(ALMA), made_of(ALMA)
    custom = {change.path: change for change in alma.edit_crashkernel(files, "512M").edits}
    assert custom[CONF].after == files[CONF].replace(b"\nauto_reset_crashkernel yes", b"\nauto_reset_crashkernel no")
    default = alma.edit_crashkernel(files, "1G-4G:192M,4G-64G:256M,64G-:512M")
    assert default.edits == ()
    # EL 7 would refuse the whole file for a key that it does not know
    assert CONF not in {change.path for change in made_of(CENTOS).edit_crashkernel(files_of(CENTOS), "512M").edits}


def test_older_grubby_which_stumbles_over_commas_is_not_used() -> None:
    old = parse_os_release(b'ID="rhel"\nVERSION_ID="8.2"\nPLATFORM_ID="platform:el8"\n')
    files = {**files_of(ALMA), f"{DIRECTORY}/broken.conf": b"???\n"}
    edit = distribution_for(old).edit_crashkernel(files, "1G-64G:512M,64G-:1G")
    assert edit.commands == ()
    entries = [change for change in edit.edits if change.path.startswith(DIRECTORY)]
    assert len(entries) == 3
    assert all(b" crashkernel=1G-64G:512M,64G-:1G " in (change.after or b"") for change in entries)


def test_what_grubby_cannot_do_is_refused_before_anything() -> None:
    ostree = {
        path: data.replace(b"options ", b"options ostree=/ostree/boot.1 ") for path, data in files_of(ALMA).items()
    }
    with pytest.raises(GateClosed, match="rpm-ostree") as caught:
        made_of(ALMA).edit_crashkernel(ostree, "512M")
    assert "rpm-ostree kargs" in caught.value.hint


PAIR = "512M,high crashkernel=128M,low"


@pytest.mark.parametrize("root", [RHEL, ALMA, FEDORA, RHEL_8], ids=["rhel", "alma", "fedora", "rhel-8"])
def test_a_pair_is_written_into_the_entries_themselves_and_undone_byte_for_byte(tmp_path: Path, root: Path) -> None:
    files, distribution = files_of(root), made_of(root)
    plan = plan_crashkernel(distribution, files, loader(distribution, files), PAIR)
    host = tree(tmp_path, files)
    applied = apply_plan(host, plan, backup_suffix="run-1")
    assert host.ran == []
    done = host.files()
    assert verify_crashkernel(loader(distribution, done), PAIR, "web01").ok
    assert plan_crashkernel(distribution, done, loader(distribution, done), PAIR).changes == ()
    assert len(done["/boot/grub2/grubenv"]) == 1024
    for undo in applied.undo_commands:
        host.run(undo).checked()
    assert host.files() == files


def test_the_environment_block_keeps_its_size_and_its_other_variables() -> None:
    block = b"# GRUB Environment Block\nsaved_entry=a-1\nkernelopts=root=/x ro\nboot_success=0\n".ljust(1024, b"#")
    after = with_variable(block, "kernelopts", "root=/x ro crashkernel=1G,high")
    assert len(after) == 1024
    assert after.startswith(
        b"# GRUB Environment Block\nsaved_entry=a-1\nkernelopts=root=/x ro crashkernel=1G,high\nboot_success=0\n##"
    )
    assert with_variable(after, "kernelopts", "root=/x ro") == block
    with pytest.raises(GateClosed, match="does not fit"):
        with_variable(block, "kernelopts", "x" * 1000)


def test_kernelopts_of_a_generated_menu_are_not_edited() -> None:
    files = {path: data for path, data in files_of(RHEL_8).items() if not path.endswith("grubenv")}
    with pytest.raises(GateClosed, match="generated"):
        made_of(RHEL_8).edit_crashkernel(files, PAIR)


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("ro quiet", "ro quiet crashkernel=1G"),
        ("ro crashkernel=auto quiet", "ro crashkernel=1G quiet"),
        ("crashkernel=1M ro crashkernel=2M", "crashkernel=1G ro"),
        ("ro  crashkernel=1G", "ro  crashkernel=1G"),
    ],
)
def test_the_words_of_a_line(line: str, after: str) -> None:
    assert with_tokens(line, ("1G",)) == after


def test_s390x_writes_its_boot_map_after_the_entries() -> None:
    files = {**files_of(ALMA), "/etc/zipl.conf": b"[defaultboot]\n"}
    edit = made_of(ALMA).edit_crashkernel(files, "512M")
    assert [command.argv[0] for command in edit.commands] == ["grubby", "zipl"]
    assert "/boot/bootmap" in edit.rewrites


# regression: what grubby says is not what counts


def test_grubby_that_fails_stops_the_plan_and_everything_can_be_undone(tmp_path: Path) -> None:
    files, rhel = files_of(RHEL), made_of(RHEL)
    plan = plan_crashkernel(rhel, files, loader(rhel, files), "512M")
    host = tree(tmp_path, files, lambda _root, _command: 1)
    with pytest.raises(CommandFailed) as caught:
        apply_plan(host, plan, backup_suffix="run-1")
    assert "made before: /etc/default/grub" in caught.value.message


def test_grubby_that_says_well_and_does_nothing_is_found_out(tmp_path: Path) -> None:
    files, rhel = files_of(RHEL), made_of(RHEL)
    plan = plan_crashkernel(rhel, files, loader(rhel, files), "512M")
    host = tree(tmp_path, files, lambda _root, _command: 0)
    apply_plan(host, plan, backup_suffix="run-1")
    with pytest.raises(NotVerified, match="no crashkernel= at all"):
        verify_crashkernel(loader(rhel, host.files()), "512M", "web01")


@pytest.mark.parametrize("root", [RHEL, ALMA, FEDORA], ids=["rhel", "alma", "fedora"])
def test_the_change_is_read_back_from_the_entries_and_undone_byte_for_byte(tmp_path: Path, root: Path) -> None:
    files, distribution = files_of(root), made_of(root)
    plan = plan_crashkernel(distribution, files, loader(distribution, files), "512M")
    host = tree(tmp_path, files)
    applied = apply_plan(host, plan, backup_suffix="run-1")
    assert verify_crashkernel(loader(distribution, host.files()), "512M", "web01").ok
    assert host.files() != files
    for undo in applied.undo_commands:
        host.run(undo).checked()
    assert host.files() == files
    again = plan_crashkernel(distribution, files, loader(distribution, files), "512M")
    assert again.changes == plan.changes


def test_settings_that_are_right_and_entries_that_are_not_still_need_grubby(tmp_path: Path) -> None:
    files, rhel = files_of(RHEL), made_of(RHEL)
    value = "1G-4G:192M,4G-64G:256M,64G-:512M"
    plan = plan_crashkernel(rhel, files, loader(rhel, files), value)
    assert len(plan.changes) == 1
    host = tree(tmp_path, files)
    apply_plan(host, plan, backup_suffix="run-1")
    assert [argv[0] for argv in host.ran] == ["grubby"]
    done = host.files()
    assert plan_crashkernel(rhel, done, loader(rhel, done), value).changes == ()


def test_the_lines_to_paste_fit_the_release() -> None:
    assert made_of(RHEL).regenerate_remedy().endswith("--update-bls-cmdline")
    assert "grub2-efi.cfg" in made_of(CENTOS).regenerate_remedy()
    assert made_of(CENTOS).crashkernel_remedy("256M").startswith("sed -i")
    assert made_of(ALMA).crashkernel_remedy("256M").startswith("grubby --update-kernel=ALL")
