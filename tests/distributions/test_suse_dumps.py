"""SUSE's dump directories: README.txt tells whether a dump is whole, never the name."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kdumpkit.distributions.answers import DumpCandidate, DumpState
from kdumpkit.distributions.suse_dumps import listing_command, parse_listing, parse_note
from kdumpkit.errors import ParameterError

# the lines that dracut/kdump-save of kdump 2.1 writes, first before the dump and then after it
BEFORE = (
    "This file will be overwritten when the dump is finished.\nthe crash dump is likely incomplete.\n\nHost: db01\n"
)
AFTER = """Kernel crashdump
----------------
dmesg status: saved successfully
vmcore status: {status}
Kernel version: 6.4.0-150600.23.25-default
Crash time: 2026-11-23T05:12:07
Dump time: 2026-11-23T05:12:31
Host: db01
Dump level: 31
Dump format: compressed
Note: vmcore saved in makedumpfile flattened format
"""
# up to kdump 1.0 (savedump.cc): written after the dump, without a status
OLD = "Kernel crashdump\n----------------\n\nCrash time     : 2019-03-01 10:00 (+0100)\nHost           : db01\n"
SAVED = AFTER.format(status="saved successfully")


def listed(directory: Path) -> tuple[DumpCandidate, ...]:
    command = listing_command(str(directory))
    done = subprocess.run(command.argv, capture_output=True, check=False)
    assert done.returncode in command.accepted
    return parse_listing(done.stdout, str(directory))


def dump(
    directory: Path, readme: str | bytes | None, *, vmcore: bytes | None = b"makedumpfile\0", at: int = 100
) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "dmesg").write_bytes(b"[    0.000000] Linux version\n")
    if vmcore is not None:
        (directory / "vmcore").write_bytes(vmcore)
        os.utime(directory / "vmcore", (at, at))
    if readme is not None:
        (directory / "README.txt").write_bytes(readme if isinstance(readme, bytes) else readme.encode())
    return directory


def test_a_dump_that_was_saved(tmp_path: Path) -> None:
    made = dump(tmp_path / "2026-11-23-05-12", SAVED)
    (found,) = listed(tmp_path)
    assert found.state is DumpState.FINISHED
    assert (found.path, found.dmesg_path) == (f"{made}/vmcore", f"{made}/dmesg")
    assert (found.stamp, found.size_bytes, found.modified_at) == ("2026-11-23-05-12", 13, 100.0)


@pytest.mark.parametrize(
    ("readme", "vmcore", "state"),
    [
        # case 12: the note from before the dump is still there
        (BEFORE, b"makedumpfile\0", DumpState.INCOMPLETE),
        (AFTER.format(status="error while saving, return code: 1"), b"makedumpfile\0", DumpState.INCOMPLETE),
        (AFTER.format(status=""), b"makedumpfile\0", DumpState.INCOMPLETE),
        # case 12: it was deleted again for want of space, or never written
        (AFTER.format(status="deleted (12 < KDUMP_FREE_DISK_SIZE 64)"), None, DumpState.LOG_ONLY),
        (AFTER.format(status="deleted (12 < KDUMP_FREE_DISK_SIZE 64)"), b"makedumpfile\0", DumpState.INCOMPLETE),
        (AFTER.format(status="skipped"), None, DumpState.LOG_ONLY),
        (SAVED, b"", DumpState.INCOMPLETE),
        # both texts: what was written first was not overwritten
        (BEFORE + SAVED, b"makedumpfile\0", DumpState.INCOMPLETE),
        # nothing says that it was saved to its end
        (None, b"makedumpfile\0", DumpState.INCOMPLETE),
        ("", b"makedumpfile\0", DumpState.INCOMPLETE),
        ("somebody's own notes\n", b"makedumpfile\0", DumpState.INCOMPLETE),
        (b"\0" * 10 + b"\xff\xfe", b"makedumpfile\0", DumpState.INCOMPLETE),
        (OLD, b"makedumpfile\0", DumpState.FINISHED),
        (OLD, None, DumpState.LOG_ONLY),
    ],
)
def test_what_readme_says_decides(
    tmp_path: Path, readme: str | bytes | None, vmcore: bytes | None, state: DumpState
) -> None:
    dump(tmp_path / "2026-11-23-05-12", readme, vmcore=vmcore)
    (found,) = listed(tmp_path)
    assert found.state is state
    assert (found.path is None) == (vmcore is None)
    # why it is so is told to the reader
    assert "README.txt" in found.note
    if "deleted" in str(readme):
        assert "deleted (12 < KDUMP_FREE_DISK_SIZE 64)" in found.note


def test_hosts_in_the_name_older_names_and_what_is_no_dump(tmp_path: Path) -> None:
    dump(tmp_path / "db-01.example.org-2026-11-23-05-10", SAVED)
    dump(tmp_path / "2026-11-23-05:11", OLD)
    dump(tmp_path / "2026-11-23-05-12", SAVED)
    dump(tmp_path / "backup", SAVED)
    dump(tmp_path / "2026-11-23", SAVED)
    dump(tmp_path / "202611230512", SAVED)
    (tmp_path / "README.txt").write_text(SAVED)
    (tmp_path / "2026-11-23-05-13").write_text("a file")
    (tmp_path / "2026-11-23-05-14").mkdir()
    found = listed(tmp_path)
    assert [one.stamp for one in found] == [
        "2026-11-23-05-10",
        "2026-11-23-05:11",
        "2026-11-23-05-12",
        "2026-11-23-05-14",
    ]
    assert [one.state for one in found] == [DumpState.FINISHED] * 3 + [DumpState.EMPTY]


def test_dmesg_txt_of_older_releases(tmp_path: Path) -> None:
    made = dump(tmp_path / "2019-03-01-10:00", OLD)
    (made / "dmesg").rename(made / "dmesg.txt")
    (found,) = listed(tmp_path)
    assert found.dmesg_path == f"{made}/dmesg.txt"


def test_links_are_not_followed(tmp_path: Path) -> None:
    made = dump(tmp_path / "2026-11-23-05-12", SAVED, vmcore=None)
    (tmp_path / "elsewhere").write_bytes(b"makedumpfile\0")
    (made / "vmcore").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "said").write_text(SAVED)
    other = dump(tmp_path / "2026-11-23-05-13", None)
    (other / "README.txt").symlink_to(tmp_path / "said")
    assert [one.state for one in listed(tmp_path)] == [DumpState.LOG_ONLY, DumpState.INCOMPLETE]


def test_a_note_cannot_pass_for_another_dumps(tmp_path: Path) -> None:
    # a README.txt whose text looks like the listing of another dump
    forged = f"f 9 1.0 {tmp_path}/2026-11-23-05-13/vmcore\0README {tmp_path}/2026-11-23-05-13/README.txt\0{SAVED}\0"
    dump(tmp_path / "2026-11-23-05-12", forged.encode())
    dump(tmp_path / "2026-11-23-05-13", BEFORE)
    # its own dump it can call whole (whoever writes there could write the dump as well), the other it cannot
    assert [one.state for one in listed(tmp_path)] == [DumpState.FINISHED, DumpState.INCOMPLETE]


def test_a_name_with_line_breaks_and_quotes(tmp_path: Path) -> None:
    made = dump(tmp_path / "a'b\n$(touch x)-2026-11-23-05-12", SAVED)
    (found,) = listed(tmp_path)
    assert (found.state, found.directory) == (DumpState.FINISHED, str(made))
    assert not Path("x").exists()


def test_a_cut_off_listing_and_an_absent_directory(tmp_path: Path) -> None:
    assert listed(tmp_path / "none") == ()
    root = "/var/crash/2026-11-23-05-12"
    whole = f"d 1 1.5 {root}\0f 9 1.5 {root}/vmcore\0README {root}/README.txt\0{SAVED}\0".encode()
    assert parse_listing(whole, "/var/crash")[0].state is DumpState.FINISHED
    for length in range(len(whole)):
        for found in parse_listing(whole[:length], "/var/crash"):
            assert found.state is not DumpState.FINISHED


def test_the_status_line_that_counts_is_the_last() -> None:
    assert not parse_note("vmcore status: saved successfully\nvmcore status: error while saving, return code: 28").saved
    assert parse_note("  vmcore status: saved successfully").status is None


@pytest.mark.parametrize("directory", ["", "var/crash", "-delete", "/a\0b"])
def test_a_directory_that_is_no_path_is_refused(directory: str) -> None:
    with pytest.raises(ParameterError):
        listing_command(directory)
