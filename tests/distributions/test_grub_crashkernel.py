"""Edits of GRUB's settings, checked by a real shell that sources the files as grub-mkconfig does."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdumpkit.distributions import distribution_for
from kdumpkit.distributions.answers import BootLoaderEdit
from kdumpkit.distributions.grub_settings import crashkernel_lines, replace_crashkernel
from kdumpkit.errors import GateClosed, ParameterError, UnsupportedHost
from kdumpkit.facts.os_release import OsRelease

REAL = Path(__file__).parent / "debian-12"
GRUB = "/etc/default/grub"
PACKAGED = "/etc/default/grub.d/kdump-tools.cfg"
OWN = "/etc/default/grub.d/zz-kdumpkit.cfg"
DEBIAN = distribution_for(OsRelease("debian", (), "12", "Debian GNU/Linux 12 (bookworm)"))


def real_files(**changes: bytes | None) -> dict[str, bytes]:
    files: dict[str, bytes | None] = {
        GRUB: (REAL / "grub").read_bytes(),
        PACKAGED: (REAL / "kdump-tools.cfg").read_bytes(),
    }
    names = {"grub": GRUB, "packaged": PACKAGED}
    files.update({names.get(name, f"/etc/default/grub.d/{name}.cfg"): content for name, content in changes.items()})
    return {path: content for path, content in files.items() if content is not None}


def after(files: dict[str, bytes], edit: BootLoaderEdit) -> dict[str, bytes]:
    result = dict(files)
    for change in edit.edits:
        assert result.get(change.path) == change.before
        assert change.before != change.after
        assert change.after is not None
        result[change.path] = change.after
    return result


def sourced(files: dict[str, bytes], directory: Path) -> list[str]:
    """The words that a normal boot entry gets, by a real shell in grub-mkconfig's order."""
    root = directory / "etc" / "default"
    (root / "grub.d").mkdir(parents=True)
    for path, content in files.items():
        (directory / path.lstrip("/")).write_bytes(content)
    script = (
        'set -e; . "$1/grub"; for x in "$1"/grub.d/*.cfg; do if [ -e "$x" ]; then . "$x"; fi; done; '
        'printf "%s" "$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"'
    )
    run = subprocess.run(["sh", "-c", script, "sh", str(root)], capture_output=True, text=True, check=True)
    return run.stdout.split()


def crashkernels(words: list[str]) -> list[str]:
    return [word for word in words if word.startswith("crashkernel=")]


def test_the_known_trap_is_in_the_real_files(tmp_path: Path) -> None:
    seed = (REAL / "grub").read_bytes().replace(b'DEFAULT="quiet"', b'DEFAULT="crashkernel=256M"')
    words = sourced(real_files(grub=seed), tmp_path)
    assert crashkernels(words) == ["crashkernel=256M", "crashkernel=384M-:128M"]


@pytest.mark.parametrize(
    "files",
    [
        real_files(),
        real_files(grub=b'GRUB_CMDLINE_LINUX_DEFAULT="quiet crashkernel=256M"\nGRUB_CMDLINE_LINUX=""\n'),
        real_files(
            grub=b"GRUB_CMDLINE_LINUX_DEFAULT='crashkernel=1G splash'\nGRUB_CMDLINE_LINUX=\"crashkernel=64M a=b\"\n"
        ),
        real_files(grub=b"GRUB_CMDLINE_LINUX_DEFAULT=crashkernel=256M\nGRUB_CMDLINE_LINUX=quiet\n"),
        real_files(grub=b'GRUB_CMDLINE_LINUX_DEFAULT="quiet"  # crashkernel=auto was here\n#GRUB_X="crashkernel=1M"\n'),
        real_files(packaged=None),
        real_files(packaged=None, grub=b'GRUB_CMDLINE_LINUX="crashkernel=128M"\n'),
        real_files(packaged=b'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT"\n'),
        # a cloud image's own file sets the variable anew, before kdump-tools.cfg
        real_files(**{"50-cloudimg-settings": b'GRUB_CMDLINE_LINUX_DEFAULT="console=tty1 console=ttyS0"\n'}),
        # and after it: what the package appends is lost
        real_files(local=b'GRUB_CMDLINE_LINUX_DEFAULT="console=ttyS0"\n'),
        real_files(local=b'GRUB_CMDLINE_LINUX_DEFAULT="console=ttyS0 crashkernel=1G"\n'),
        real_files(zzz=b'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX crashkernel=99M"\n'),
        real_files(windows=b'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX crashkernel=99M"\r\n'),
    ],
)
def test_exactly_one_value_is_in_force_afterwards(files: dict[str, bytes], tmp_path: Path) -> None:
    before = [word for word in sourced(files, tmp_path / "before") if not word.startswith("crashkernel=")]
    edit = DEBIAN.edit_crashkernel(files, "256M")
    words = sourced(after(files, edit), tmp_path / "after")
    assert crashkernels(words) == ["crashkernel=256M"]
    # nothing else was touched
    assert [word for word in words if not word.startswith("crashkernel=")] == before
    # and a second look finds nothing to do
    assert DEBIAN.edit_crashkernel(after(files, edit), "256M").edits == ()


def test_the_packaged_drop_in_carries_the_value_and_only_it_is_touched() -> None:
    edit = DEBIAN.edit_crashkernel(real_files(), "256M")
    assert edit.carrier == PACKAGED
    (change,) = edit.edits
    assert change.path == PACKAGED
    assert change.after == b'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=256M"\n'
    assert [command.argv for command in edit.commands] == [("update-grub",)]
    assert edit.rewrites == ("/boot/grub/grub.cfg",)
    assert any("recovery" in note for note in edit.notes)


def test_the_packaged_drop_in_is_chosen_before_one_that_wins_over_it() -> None:
    later = b'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=1G"\n'
    edit = DEBIAN.edit_crashkernel(real_files(zlocal=later), "256M")
    assert edit.carrier == PACKAGED
    assert [change.path for change in edit.edits] == [PACKAGED, "/etc/default/grub.d/zlocal.cfg"]


def test_auto_is_refused_with_its_own_reason() -> None:
    with pytest.raises(ParameterError, match="Red Hat"):
        DEBIAN.edit_crashkernel(real_files(), "auto")


def test_two_tokens_are_named_in_the_notes() -> None:
    files = real_files(grub=b'GRUB_CMDLINE_LINUX_DEFAULT="crashkernel=256M"\n')
    notes = " ".join(DEBIAN.edit_crashkernel(files, "512M").notes)
    assert "2 values" in notes
    assert "/etc/default/grub:1" in notes
    assert PACKAGED in notes


def test_without_any_token_a_file_of_our_own_is_made() -> None:
    edit = DEBIAN.edit_crashkernel(real_files(packaged=None), "192M")
    assert [(change.path, change.before) for change in edit.edits] == [(OWN, None)]


def test_a_token_in_the_variable_that_recovery_entries_get_stays_there() -> None:
    edit = DEBIAN.edit_crashkernel(real_files(packaged=None, grub=b'GRUB_CMDLINE_LINUX="crashkernel=128M"\n'), "256M")
    assert edit.carrier == GRUB
    assert not any("recovery" in note for note in edit.notes)


def test_a_pair_of_high_and_low(tmp_path: Path) -> None:
    files = real_files(grub=b'GRUB_CMDLINE_LINUX_DEFAULT="quiet crashkernel=64M"\n')
    edit = DEBIAN.edit_crashkernel(files, "512M,high 128M,low")
    words = crashkernels(sourced(after(files, edit), tmp_path))
    assert words == ["crashkernel=512M,high", "crashkernel=128M,low"]


@pytest.mark.parametrize(
    "line",
    [
        b'GRUB_CMDLINE_LINUX_DEFAULT="$(cat /proc/cmdline) crashkernel=1M"',
        b"GRUB_CMDLINE_LINUX_DEFAULT=`echo crashkernel=1M`",
        b'GRUB_CMDLINE_LINUX_DEFAULT="a" crashkernel=1M',
        b'if true; then GRUB_CMDLINE_LINUX_DEFAULT="crashkernel=1M"; fi',
        b'GRUB_CMDLINE_LINUX_DEFAULT="a \\"b\\" crashkernel=1M"',
        b"sed -i s/crashkernel=auto// /etc/default/grub",
    ],
)
def test_what_only_a_shell_could_read_is_refused_with_its_line(line: bytes) -> None:
    with pytest.raises(GateClosed, match=r"/etc/default/grub:2 "):
        DEBIAN.edit_crashkernel(real_files(grub=b"GRUB_DEFAULT=0\n" + line + b"\n"), "256M")


@pytest.mark.parametrize(
    "value", ["", "auto", "256", "banana", "256M,low", "128M 256M", "1M;reboot", '1M" x="', "$(id)"]
)
def test_values_that_are_none_are_refused(value: str) -> None:
    with pytest.raises(ParameterError) as caught:
        DEBIAN.edit_crashkernel(real_files(), value)
    assert caught.value.hint


def test_a_host_without_grub_settings_is_refused_and_named() -> None:
    with pytest.raises(UnsupportedHost, match="/etc/default/grub"):
        DEBIAN.edit_crashkernel({}, "256M")


def test_bytes_that_are_not_ours_survive() -> None:
    odd = b'# caf\xe9\x0c\nGRUB_CMDLINE_LINUX="a=\xff crashkernel=1M"\nlast line without end'
    changed = replace_crashkernel(odd, ("2M",), GRUB)
    assert changed == odd.replace(b"crashkernel=1M", b"crashkernel=2M")
    assert replace_crashkernel(odd, ("1M",), GRUB) == odd
    assert crashkernel_lines(odd) == (2,)


WORD = st.sampled_from(
    ["quiet", "a=b", "crashkernel=1M", "crashkernel=", "xcrashkernel=2", "crashkernel=1G-:2M@3M", "\u00e9"]
)
LINE = st.builds(
    lambda name, quote, words, tail: f"{name}={quote}{' '.join(words)}{quote}{tail}",
    st.sampled_from(["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"]),
    st.sampled_from(["'", '"']),
    st.lists(WORD, max_size=5),
    st.sampled_from(["", "  ", " # crashkernel=9M"]),
)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    grub=st.lists(LINE, max_size=4),
    packaged=st.none() | st.lists(LINE, max_size=2),
    own=st.none() | st.lists(LINE, max_size=2),
)
def test_whatever_the_assignments_are_one_value_is_left_and_nothing_else_is_touched(
    grub: list[str], packaged: list[str] | None, own: list[str] | None
) -> None:
    parts = {GRUB: grub, PACKAGED: packaged, OWN: own}
    files = {
        path: "".join(f"{line}\n" for line in lines).encode() for path, lines in parts.items() if lines is not None
    }
    edit = DEBIAN.edit_crashkernel(files, "256M")
    with tempfile.TemporaryDirectory() as directory:
        before = [w for w in sourced(files, Path(directory, "before")) if not w.startswith("crashkernel=")]
        words = sourced(after(files, edit), Path(directory, "after"))
    assert crashkernels(words) == ["crashkernel=256M"]
    assert [word for word in words if not word.startswith("crashkernel=")] == before
