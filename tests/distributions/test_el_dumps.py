"""Dumps as Enterprise Linux and its kin lay them out; kdump.sh and kdumpctl of kdump-utils tell the names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kdumpkit.distributions.answers import DumpCandidate, DumpState
from kdumpkit.distributions.dump_listing import listing_command
from kdumpkit.distributions.el_dumps import parse_el_listing, stamp_of

DATED = "127.0.0.1-2026-11-23-05:12:44"


def dumps(tmp_path: Path, *names: str, content: bytes = b"KDUMP   ") -> tuple[DumpCandidate, ...]:
    for name in names:
        path = tmp_path / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_764_000_000, 1_764_000_000))
    listed = subprocess.run(listing_command(str(tmp_path)).argv, capture_output=True, check=True).stdout
    return parse_el_listing(listed, str(tmp_path))


def test_a_finished_dump_with_its_logs_and_what_is_no_dump(tmp_path: Path) -> None:
    names = ("vmcore", "vmcore-dmesg.txt", "kexec-dmesg.log")
    (found,) = dumps(
        tmp_path, *(f"{DATED}/{name}" for name in names), "scripts/kdump-post.sh", "README", "backup/vmcore"
    )
    assert found.state is DumpState.FINISHED
    assert found.path == f"{tmp_path}/{DATED}/vmcore"
    assert found.dmesg_path == f"{tmp_path}/{DATED}/vmcore-dmesg.txt"
    assert (found.stamp, found.size_bytes, found.modified_at) == ("2026-11-23-05:12:44", 8, 1_764_000_000.0)


@pytest.mark.parametrize(
    ("names", "state", "path"),
    [
        # regression: an unfinished dump alone
        (["vmcore-incomplete", "vmcore-dmesg.txt"], DumpState.INCOMPLETE, "vmcore-incomplete"),
        # regression: what an ssh target gets
        (["vmcore.flat", "vmcore-dmesg.txt"], DumpState.FINISHED, "vmcore.flat"),
        # regression: the log was saved and the dump was not
        (["vmcore-dmesg.txt", "kexec-dmesg.log"], DumpState.LOG_ONLY, None),
        (["vmcore-dmesg-incomplete.txt"], DumpState.LOG_ONLY, None),
        (["kexec-dmesg.log"], DumpState.EMPTY, None),
        ([], DumpState.EMPTY, None),
    ],
)
def test_what_the_names_say(tmp_path: Path, names: list[str], state: DumpState, path: str | None) -> None:
    (found,) = dumps(tmp_path, f"{DATED}/", *(f"{DATED}/{name}" for name in names))
    assert found.state is state
    assert found.path == (None if path is None else f"{tmp_path}/{DATED}/{path}")
    assert (found.dmesg_path is not None) == any(name.startswith("vmcore-dmesg") for name in names)


def test_an_empty_vmcore_is_not_finished(tmp_path: Path) -> None:
    (found,) = dumps(tmp_path, f"{DATED}/vmcore", content=b"")
    assert found.state is DumpState.INCOMPLETE


@pytest.mark.parametrize(
    ("name", "stamp"),
    [
        (DATED, "2026-11-23-05:12:44"),
        ("192.168.122.7-2026-11-23-05:12:44", "2026-11-23-05:12:44"),
        ("fe80::1-2026-11-23-05:12:44", "2026-11-23-05:12:44"),
        # recovered from a raw device, as the walk-through for CentOS 7 has it too
        ("2024-04-26-00:46", "2024-04-26-00:46"),
        ("127.0.0.1-2014.06.10-09:12:30", "2014-06-10-09:12:30"),
        # regression: kdumpctl test, without address and date
        ("kdump-test-1764000000-123456789", "2025-11-24-16:00:00"),
        ("kdump-test-now", None),
        ("202611230512", None),
        ("scripts", None),
        ("2026-11-23", None),
    ],
)
def test_the_time_in_a_name(name: str, stamp: str | None) -> None:
    assert stamp_of(name) == stamp


def test_a_test_of_kdumpctl_is_found_in_its_place_in_time(tmp_path: Path) -> None:
    found = dumps(tmp_path, "kdump-test-1764000000-1/vmcore", f"{DATED}/vmcore", "2024-04-26-00:46/vmcore")
    assert [dump.directory.rpartition("/")[2] for dump in found] == [
        "2024-04-26-00:46",
        "kdump-test-1764000000-1",
        DATED,
    ]


def test_two_files_in_one_directory_are_two_dumps(tmp_path: Path) -> None:
    found = dumps(tmp_path, f"{DATED}/vmcore", f"{DATED}/vmcore-incomplete")
    assert {dump.state for dump in found} == {DumpState.FINISHED, DumpState.INCOMPLETE}
