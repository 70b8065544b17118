"""A dump's name says little on Debian and Ubuntu, where a pipe hides that makedumpfile failed: the ends say more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kdumpkit.checks.finding import Status
from kdumpkit.command import Command, CommandResult
from kdumpkit.distributions.answers import DumpState
from kdumpkit.distributions.dump_listing import listing_command
from kdumpkit.distributions.kdump_tools_dumps import parse_listing
from kdumpkit.hosts.local import LocalHost
from kdumpkit.runbook.dumps import FLATTENED_END, check_dump_ends

# the header of the flattened format is 4096 bytes, its name first; segments follow, each with its offset and size
FLATTENED = b"makedumpfile".ljust(4096, b"\0") + b"\0" * 16 + b"KDUMP   " + b"\1" * 600
STAMP = "202607140612"


class Unprivileged(LocalHost):
    """This machine, without sudo."""

    def run(self, command: Command) -> CommandResult:
        return super().run(replace(command, as_root=False))


def put(directory: Path, name: str, content: bytes) -> Path:
    path = directory / STAMP / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def judged(path: Path) -> tuple[DumpState, Status, str]:
    """What the name says, and what the ends of the file say."""
    directory = str(path.parent.parent)
    host = Unprivileged()
    (dump,) = parse_listing(host.run(listing_command(directory)).stdout, directory)
    assert dump.path == str(path)
    finding = check_dump_ends(host, dump.path, dump.size_bytes)
    return dump.state, finding.status, finding.reason


def test_case_13_a_flattened_dump_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    # `file` says "Flattened kdump compressed dump v6", and the name is that of any other dump
    state, status, reason = judged(put(tmp_path, f"dump.{STAMP}", FLATTENED + FLATTENED_END))
    assert (state, status) == (DumpState.FINISHED, Status.PASS)
    assert "flattened" in reason


def test_case_14_a_truncated_dump_that_was_promoted(tmp_path: Path) -> None:
    # dash knows no pipefail: what makedumpfile left when it failed was renamed all the same
    state, status, reason = judged(put(tmp_path, f"dump.{STAMP}", FLATTENED))
    assert (state, status) == (DumpState.FINISHED, Status.FAIL)
    assert "cut off" in reason


@pytest.mark.parametrize("cut", [0, 1, 11, 4096, 4700])
def test_case_14_wherever_it_was_cut_it_is_no_pass(tmp_path: Path, cut: int) -> None:
    state, status, _ = judged(put(tmp_path, f"dump.{STAMP}", FLATTENED[:cut]))
    assert status is Status.FAIL
    assert state is (DumpState.INCOMPLETE if cut == 0 else DumpState.FINISHED)


@pytest.mark.parametrize(
    ("extension", "magic"),
    [
        ("gz", b"\x1f\x8b\x08"),
        ("lz4", b"\x04\x22\x4d\x18"),
        ("xz", b"\xfd7zXZ\x00"),
        ("zst", b"\x28\xb5\x2f\xfd"),
        ("bz2", b"BZh9"),
    ],
)
def test_case_13_a_dump_packed_as_a_whole_is_found_and_not_called_whole(
    tmp_path: Path, extension: str, magic: bytes
) -> None:
    state, status, reason = judged(put(tmp_path, f"dump.{STAMP}.{extension}", magic + b"\1" * 64))
    assert (state, status) == (DumpState.FINISHED, Status.WARN)
    assert "packed" in reason


@pytest.mark.parametrize("content", [b"<html>", b"\0" * 4096, b"DISKDUM"])
def test_what_is_no_dump(tmp_path: Path, content: bytes) -> None:
    _, status, reason = judged(put(tmp_path, f"dump.{STAMP}", content))
    assert status is Status.FAIL
    assert "no dump" in reason
