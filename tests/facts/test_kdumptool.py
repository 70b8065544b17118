"""kdumptool calibrate: its answer, and that asking for it changes nothing."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kdumpkit.errors import ParseError
from kdumpkit.facts.kdumptool import calibrate_command, parse_calibration

FILES = Path(__file__).parents[1] / "distributions" / "sles-15"


def test_a_machine_with_high_and_low_memory() -> None:
    found = parse_calibration((FILES / "calibrate").read_bytes())
    assert (found.total_mib, found.low_mib, found.high_mib) == (16308, 72, 123)
    assert (found.min_low_mib, found.max_low_mib, found.min_high_mib, found.max_high_mib) == (72, 2455, 0, 13824)
    assert found.fadump_mib is None
    assert not found.impossible


def test_a_machine_without_memory_above_4_gib() -> None:
    found = parse_calibration((FILES / "calibrate-2g").read_bytes())
    assert (found.low_mib, found.high_mib) == (0, 339)


def test_a_blank_behind_a_number_and_firmware_assisted_dump() -> None:
    # calibrate.cc prints "MinHigh: 0 " outside of x86_64
    found = parse_calibration(b"Total: 8192\nLow: 256\nHigh: 0\nMinHigh: 0 \nFadump: 512\nMinFadump: 320\n")
    assert (found.high_mib, found.min_high_mib, found.fadump_mib) == (0, 0, 512)


def test_a_paravirtual_guest_prints_zeros() -> None:
    assert parse_calibration(b"Total: 0\nLow: 0\nHigh: 0\nMinLow: 0\n").impossible


@pytest.mark.parametrize(
    "said",
    [b"", b"192\n", b"Total: 1\nLow: 1\n", b"Total: many\nLow: 1\nHigh: 1\n", b"Total: 9\nLow: -1\nHigh: 1\n", b"\0"],
)
def test_what_is_no_answer(said: bytes) -> None:
    with pytest.raises(ParseError):
        parse_calibration(said)


def run_guarded(root: Path, save_directory: str | None) -> subprocess.CompletedProcess[bytes]:
    """The command with a kdumptool that makes the dump directory, as the real script does, and settings in ``root``."""
    command = calibrate_command()
    settings = root / "sysconfig-kdump"
    if save_directory is not None:
        settings.write_text(f'KDUMP_SAVEDIR="{save_directory}"\n')
    program = root / "bin" / "kdumptool"
    program.parent.mkdir(exist_ok=True)
    made = "" if "nfs" in (save_directory or "") else (save_directory or "").removeprefix("file://")
    program.write_text(f'#!/bin/sh\necho "$*" > {root}/asked\n[ -z "{made}" ] || mkdir -p "{made}"\necho Total: 1\n')
    program.chmod(0o755)
    script = command.argv[2].replace("/etc/sysconfig/kdump", str(settings))
    argv = replace(command, argv=("sh", "-c", script)).argv
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    return subprocess.run(argv, capture_output=True, check=False, env=environment, cwd=root)


def test_it_is_asked_for_nothing_but_calibrate(tmp_path: Path) -> None:
    (tmp_path / "crash").mkdir()
    done = run_guarded(tmp_path, f"file://{tmp_path}/crash")
    assert (done.returncode, done.stdout) == (0, b"Total: 1\n")
    # --shrink would give reserved memory back
    assert (tmp_path / "asked").read_text() == "calibrate\n"


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_where_it_would_make_the_dump_directory_it_is_not_started(tmp_path: Path, prefix: str) -> None:
    done = run_guarded(tmp_path, f"{prefix}{tmp_path}/none")
    assert done.returncode == 3
    assert done.returncode not in calibrate_command().accepted
    assert b"none is not there" in done.stderr
    assert not (tmp_path / "asked").exists()
    assert not (tmp_path / "none").exists()


def test_a_network_target_needs_no_directory_here(tmp_path: Path) -> None:
    assert run_guarded(tmp_path, "nfs://vault/srv/dump").returncode == 0
