"""The listing that all families share: any name, any order, nothing taken from beside the dump directory."""

from __future__ import annotations

import pytest

from kdumpkit.distributions.answers import DumpCandidate, DumpState
from kdumpkit.distributions.dump_listing import dump_directories, listing_command, oldest_first, parse_files
from kdumpkit.errors import ParameterError


def test_hostile_and_broken_listings() -> None:
    assert parse_files(b"") == ()
    assert parse_files(b"f 12 1.5 /var/crash/202611230512/dump.2026") == ()
    assert parse_files(b"f -1 1.5 /x\0f x 1.5 /x\0f 1 nan /x\0\xff\xfe\0") == ()
    (odd,) = parse_files(b"f 1 1.5 /var/crash/a\n<b>\xff\0")
    assert odd.path.startswith("/var/crash/a\n<b>")


@pytest.mark.parametrize("directory", ["", "var/crash", "-delete", "/a\0b"])
def test_a_directory_that_is_no_path_is_refused(directory: str) -> None:
    with pytest.raises(ParameterError):
        listing_command(directory)


def test_files_right_in_a_directory_of_a_dump_are_its_own_in_whatever_order_they_come() -> None:
    listing = (
        b"f 7 2 /d/take/vmcore\0f 1 2 /d/leave/vmcore\0d 0 3 /d/take\0d 0 3 /d/leave\0"
        b"d 0 1 /d/take/vmcore-dmesg.txt\0l 9 1 /d/take/latest\0f 1 1 /dd/take/log\0f 1 1 /d/take/deep/er\0"
    )
    (found,) = dump_directories(parse_files(listing), "/d/", lambda name: name == "take")
    assert (found.name, found.path, found.modified_at) == ("take", "/d/take", 3.0)
    assert {name: file.size_bytes for name, file in found.files.items()} == {"vmcore": 7}
    assert found.first("vmcore-dmesg.txt", "vmcore") is found.files["vmcore"]
    assert found.first("log") is None


def test_without_a_dump_the_log_counts_and_else_the_directory() -> None:
    listing = b"d 0 3.5 /d/a\0f 5 2.5 /d/a/dmesg\0"
    (folder,) = dump_directories(parse_files(listing), "/d", str)
    found = folder.without_dump("a", folder.first("dmesg"), "a note")
    assert found == DumpCandidate("/d/a", "a", DumpState.LOG_ONLY, None, 0, 2.5, "/d/a/dmesg", "a note")
    assert folder.without_dump("a", None) == DumpCandidate("/d/a", "a", DumpState.EMPTY, None, 0, 3.5, None)


def test_the_time_in_the_name_counts_before_the_time_of_change_with_a_colon_or_without() -> None:
    stamps = [("2026-11-23-05:12", 1.0), ("2026-11-23-05-11", 9.0), ("2026-11-23-05-12", 0.5)]
    dumps = [DumpCandidate("/d", stamp, DumpState.FINISHED, "/d/x", 1, at, None) for stamp, at in stamps]
    assert [dump.modified_at for dump in oldest_first(dumps)] == [9.0, 0.5, 1.0]
