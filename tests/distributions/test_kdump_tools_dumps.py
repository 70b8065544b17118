from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kdumpkit.distributions.answers import DumpState
from kdumpkit.distributions.dump_listing import listing_command
from kdumpkit.distributions.kdump_tools_dumps import parse_listing


def listed(directory: Path) -> bytes:
    return subprocess.run(listing_command(str(directory)).argv, capture_output=True, check=True).stdout


def put(path: Path, content: bytes = b"x", at: int = 1_764_000_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at, at))


def test_a_finished_dump_with_its_log_and_what_is_no_dump(tmp_path: Path) -> None:
    put(tmp_path / "202611230512" / "dump.202611230512", b"makedumpfile\0")
    put(tmp_path / "202611230512" / "dmesg.202611230512")
    put(tmp_path / "kexec_cmd")
    put(tmp_path / "kdump_lock", b"")
    put(tmp_path / "linux-image-6.1.0-55-amd64-202611230512.crash")
    put(tmp_path / "backup" / "dump.202611230512")
    (dump,) = parse_listing(listed(tmp_path), str(tmp_path))
    assert dump.state is DumpState.FINISHED
    assert dump.path == f"{tmp_path}/202611230512/dump.202611230512"
    assert dump.dmesg_path == f"{tmp_path}/202611230512/dmesg.202611230512"
    assert (dump.stamp, dump.size_bytes, dump.modified_at) == ("202611230512", 13, 1_764_000_000.0)


@pytest.mark.parametrize(
    ("names", "state", "path"),
    [
        (["dump-incomplete"], DumpState.INCOMPLETE, "dump-incomplete"),
        (["dump-incomplete.lz4", "dmesg.202611230512"], DumpState.INCOMPLETE, "dump-incomplete.lz4"),
        (["vmcore-incomplete"], DumpState.INCOMPLETE, "vmcore-incomplete"),
        (["vmcore.202611230512"], DumpState.FINISHED, "vmcore.202611230512"),
        (["dump.202611230512.gz"], DumpState.FINISHED, "dump.202611230512.gz"),
        (["dmesg.202611230512"], DumpState.LOG_ONLY, None),
        (["dump.202611230512.zip"], DumpState.EMPTY, None),
        ([], DumpState.EMPTY, None),
    ],
)
def test_what_the_names_say(tmp_path: Path, names: list[str], state: DumpState, path: str | None) -> None:
    (tmp_path / "202611230512").mkdir()
    for name in names:
        put(tmp_path / "202611230512" / name)
    (dump,) = parse_listing(listed(tmp_path), str(tmp_path) + "/")
    assert dump.state is state
    assert dump.path == (None if path is None else f"{tmp_path}/202611230512/{path}")
    assert (dump.dmesg_path is not None) == any(name.startswith("dmesg.") for name in names)


def test_a_finished_name_with_nothing_in_it_is_not_finished(tmp_path: Path) -> None:
    put(tmp_path / "202611230512" / "dump.202611230512", b"")
    (dump,) = parse_listing(listed(tmp_path), str(tmp_path))
    assert dump.state is DumpState.INCOMPLETE


def test_oldest_first_and_hosts_in_the_name_of_a_network_target(tmp_path: Path) -> None:
    for name in ("web-01-202611230512", "10.0.2.15-202611230510", "202611230511"):
        put(tmp_path / name / f"dump.{name[-12:]}")
    dumps = parse_listing(listed(tmp_path), str(tmp_path))
    assert [dump.stamp for dump in dumps] == ["202611230510", "202611230511", "202611230512"]


def test_two_panics_in_one_minute_are_two_dumps(tmp_path: Path) -> None:
    put(tmp_path / "202611230512" / "dump.202611230512", at=100)
    put(tmp_path / "202611230512" / "dump-incomplete", at=200)
    states = [dump.state for dump in parse_listing(listed(tmp_path), str(tmp_path))]
    assert states == [DumpState.FINISHED, DumpState.INCOMPLETE]


def test_links_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere")
    (tmp_path / "202611230512").mkdir()
    (tmp_path / "202611230512" / "dump.202611230512").symlink_to(tmp_path / "elsewhere")
    (dump,) = parse_listing(listed(tmp_path), str(tmp_path))
    assert dump.state is DumpState.EMPTY


def test_an_absent_directory_lists_nothing(tmp_path: Path) -> None:
    command = listing_command(str(tmp_path / "none"))
    run = subprocess.run(command.argv, capture_output=True, check=False)
    assert run.returncode in command.accepted
    assert parse_listing(run.stdout, str(tmp_path / "none")) == ()


def test_what_lies_elsewhere_is_no_part_of_a_dump() -> None:
    listing = b"d 1 1.5 /var/crash/202611230512\0f 1 1.5 /etc/202611230512/dump.202611230512\0"
    (dump,) = parse_listing(listing, "/var/crash")
    assert dump.state is DumpState.EMPTY
