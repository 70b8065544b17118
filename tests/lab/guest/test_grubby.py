"""The lab's grubby on entries in a folder: what it prints, what it edits, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kdumpkit.lab.enterprise_linux import guest_text

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="not on this machine: bash")

ID = "44655004f7bf4f32b123b99692cca431"
WORDS = "root=UUID=483cee36 ro console=tty0 console=ttyS0,115200 quiet"

# What grub2-editenv does with a name and a value, without the block's fixed size.
_EDITENV = """\
#!/bin/sh
file=$1 name=${3%%=*}
[ "$2" = set ] || exit 1
{ grep -v "^$name=" "$file"; printf '%s\\n' "$3"; } > "$file.new"
mv "$file.new" "$file"
"""

Grubby = Callable[..., subprocess.CompletedProcess[str]]


def entry(release: str, options: str) -> str:
    return (
        f"title AlmaLinux ({release}) 9.4 (Seafoam Ocelot)\nversion {release}\nlinux /boot/vmlinuz-{release}\n"
        f"initrd /boot/initramfs-{release}.img\noptions {options}\ngrub_users $grub_users\n"
        "grub_arg --unrestricted\ngrub_class almalinux\n"
    )


@pytest.fixture
def entries(tmp_path: Path) -> Path:
    folder = tmp_path / "entries"
    folder.mkdir()
    # 9 is older than 10, whatever a sort by letters says
    (folder / f"{ID}-6.1.0-9.conf").write_text(entry("6.1.0-9", "$kernelopts"))
    (folder / f"{ID}-6.1.0-10.conf").write_text(entry("6.1.0-10", f"{WORDS} $tuned_params"))
    (tmp_path / "grubenv").write_text(
        f"# GRUB Environment Block\nsaved_entry={ID}-6.1.0-10\nkernelopts={WORDS}\n####\n"
    )
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("grubby", guest_text("grubby")), ("grub2-editenv", _EDITENV)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return folder


@pytest.fixture
def grubby(entries: Path, tmp_path: Path) -> Grubby:
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        "GRUBBY_ENTRIES": str(entries),
        "GRUBBY_ENV": str(tmp_path / "grubenv"),
        "GRUBBY_DEFAULTS": str(tmp_path / "default-grub"),
    }

    def run(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        argv = [str(tmp_path / "bin/grubby"), *words]
        done = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=30, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def options(entries: Path, release: str) -> str:
    lines = (entries / f"{ID}-{release}.conf").read_text().splitlines()
    (found,) = [line for line in lines if line.startswith("options ")]
    return found.removeprefix("options ")


def grubenv(entries: Path) -> str:
    return (entries.parent / "grubenv").read_text()


def test_info_lists_the_newest_version_first_with_its_words_resolved(grubby: Grubby) -> None:
    said = grubby("--info=ALL").stdout
    assert said.index('kernel="/boot/vmlinuz-6.1.0-10"') < said.index('kernel="/boot/vmlinuz-6.1.0-9"')
    assert grubby("--info=1").stdout.splitlines() == [
        "index=1",
        'kernel="/boot/vmlinuz-6.1.0-9"',
        'args="ro console=tty0 console=ttyS0,115200 quiet"',
        'root="UUID=483cee36"',
        'initrd="/boot/initramfs-6.1.0-9.img"',
        'title="AlmaLinux (6.1.0-9) 9.4 (Seafoam Ocelot)"',
        f'id="{ID}-6.1.0-9"',
    ]
    # a variable that nobody has set stays what it is
    assert "$tuned_params" in grubby("--info", "DEFAULT").stdout


def test_all_entries_get_a_word_and_the_shared_ones_are_changed_where_they_are(grubby: Grubby, entries: Path) -> None:
    grubby("--update-kernel=ALL", "--args=crashkernel=192M")
    assert options(entries, "6.1.0-10") == f"{WORDS} $tuned_params crashkernel=192M"
    assert options(entries, "6.1.0-9") == "$kernelopts"
    assert f"kernelopts={WORDS} crashkernel=192M\n" in grubenv(entries)
    assert grubby("--info=ALL").stdout.count("crashkernel=192M") == 2


def test_settings_for_new_kernels_change_with_all_entries_unless_that_is_refused(grubby: Grubby, entries: Path) -> None:
    settings = entries.parent / "default-grub"
    settings.write_text('GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX="crashkernel=auto quiet"\nGRUB_ENABLE_BLSCFG=true\n')
    before = settings.read_text()
    change = ("--remove-args=crashkernel", "--args=crashkernel=1G-4G:192M,4G-64G:256M")
    grubby("--update-kernel=ALL", *change, "--no-etc-grub-update")
    grubby("--update-kernel=DEFAULT", *change)
    assert settings.read_text() == before
    grubby("--update-kernel=ALL", *change)
    assert settings.read_text() == before.replace("crashkernel=auto quiet", "quiet crashkernel=1G-4G:192M,4G-64G:256M")


def test_one_entry_gets_words_of_its_own(grubby: Grubby, entries: Path) -> None:
    before = grubenv(entries), options(entries, "6.1.0-10")
    grubby("--update-kernel=/boot/vmlinuz-6.1.0-9", "--args", "crashkernel=192M")
    assert options(entries, "6.1.0-9") == f"{WORDS} crashkernel=192M"
    assert (grubenv(entries), options(entries, "6.1.0-10")) == before


def test_a_value_is_replaced_and_consoles_add_up(grubby: Grubby, entries: Path) -> None:
    grubby("--update-kernel=DEFAULT", "--args=crashkernel=1G-4G:192M,4G-:256M,high crashkernel=72M,low console=tty0")
    grubby("--update-kernel=DEFAULT", "--args=crashkernel=256M")
    assert options(entries, "6.1.0-10").split().count("console=tty0") == 1
    assert "console=ttyS0,115200" in options(entries, "6.1.0-10").split()
    assert [word for word in options(entries, "6.1.0-10").split() if "crashkernel" in word] == ["crashkernel=256M"]


def test_words_are_removed_by_name_or_by_value(grubby: Grubby, entries: Path) -> None:
    grubby("--update-kernel=ALL", "--args=crashkernel=192M hugepages=4")
    grubby("--update-kernel=ALL", "--remove-args=crashkernel")
    grubby("--update-kernel=ALL", "--remove-args=hugepages=5 console=tty0")
    assert options(entries, "6.1.0-10").split() == [
        "root=UUID=483cee36", "ro", "console=ttyS0,115200", "quiet", "$tuned_params", "hugepages=4",
    ]  # fmt: skip
    assert "crashkernel" not in grubenv(entries)


def test_nothing_else_of_an_entry_changes(grubby: Grubby, entries: Path) -> None:
    path = entries / f"{ID}-6.1.0-10.conf"
    path.chmod(0o640)
    before = [line for line in path.read_text().splitlines() if not line.startswith("options")]
    grubby("--update-kernel=ALL", "--args=a=1;b 'c=$(touch x)' `d`")
    after = path.read_text()
    assert [line for line in after.splitlines() if not line.startswith("options")] == before
    assert "$(touch" in after
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in entries.iterdir()) == [f"{ID}-6.1.0-10.conf", f"{ID}-6.1.0-9.conf"]


def test_the_default_entry_is_read_and_set(grubby: Grubby, entries: Path) -> None:
    assert grubby("--default-kernel").stdout == "/boot/vmlinuz-6.1.0-10\n"
    assert grubby("--default-index").stdout == "0\n"
    grubby("--set-default=/boot/vmlinuz-6.1.0-9")
    assert f"saved_entry={ID}-6.1.0-9\n" in grubenv(entries)
    assert grubby("--default-title").stdout == "AlmaLinux (6.1.0-9) 9.4 (Seafoam Ocelot)\n"
    grubby("--set-default-index=0")
    assert grubby("--default-kernel").stdout == "/boot/vmlinuz-6.1.0-10\n"


@pytest.mark.parametrize("saved", ["", "saved_entry=0\n", "saved_entry=gone\n"])
def test_without_a_saved_entry_the_newest_is_the_default(grubby: Grubby, entries: Path, saved: str) -> None:
    (entries.parent / "grubenv").write_text(f"# GRUB Environment Block\n{saved}")
    assert grubby("--default-kernel").stdout == "/boot/vmlinuz-6.1.0-10\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--nonsense"],
        ["--info=/boot/vmlinuz-none"],
        ["--update-kernel=ALL"],
        ["--update-kernel=7", "--args=x"],
        ["--info=ALL", "--default-kernel"],
        ["--args=x"],
        ["--remove-kernel=/boot/vmlinuz-6.1.0-9"],
        ["--set-default=ALL"],
    ],
)
def test_what_it_does_not_know_fails_and_changes_nothing(grubby: Grubby, entries: Path, words: list[str]) -> None:
    def state() -> list[str]:
        return [grubenv(entries), *(path.read_text() for path in sorted(entries.iterdir()))]

    before = state()
    assert grubby(*words, status=1).stderr.startswith("grubby: ")
    assert state() == before
