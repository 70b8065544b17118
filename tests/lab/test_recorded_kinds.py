"""Recorded logs of real crashes are read as what they were made to be, in the dump's log and on the console."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kdumpkit.analysis.cause import find_cause
from kdumpkit.analysis.log import read_crash_file
from kdumpkit.lab.crash_kinds import KINDS, MODULE, dump_differences, log_differences

KEPT = Path(__file__).resolve().parent.parent / "recordings" / "crash-kinds"
RECORDED = sorted(path.name for path in KEPT.iterdir())


def result_of(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((KEPT / name / "result.json").read_text(encoding="utf-8"))
    return result


def read_log(name: str, file: str = "dmesg.txt") -> dict[str, Any]:
    """What the reader says today, of what was recorded."""
    found = read_crash_file(KEPT / name / file).as_json()
    return {key: found.get(key) for key in result_of(name)["log"]}


def test_every_kind_is_recorded_and_nothing_else() -> None:
    assert set(RECORDED) == set(KINDS)
    for name in KINDS:
        assert {path.name for path in (KEPT / name).iterdir()} == {"dmesg.txt", "console.txt", "result.json"}
        assert result_of(name)["kind"] == name


@pytest.mark.parametrize("name", RECORDED)
def test_the_log_names_kind_function_module_and_task(name: str) -> None:
    assert log_differences(KINDS[name], read_log(name)) == []


@pytest.mark.parametrize("name", RECORDED)
def test_what_was_recorded_is_what_the_reader_says_today(name: str) -> None:
    """Fails where the reader says something else than before, for better or worse: record_kinds.py --read-again."""
    assert read_log(name) == result_of(name)["log"]


@pytest.mark.parametrize("name", RECORDED)
def test_the_dump_named_the_task_that_was_made_to_crash(name: str) -> None:
    dump = result_of(name)["dump"]
    assert dump["symbols"]
    assert dump_differences(KINDS[name], dump["sections"]) == []


@pytest.mark.parametrize("name", RECORDED)
def test_the_console_alone_tells_the_same_kind(name: str) -> None:
    # where the console never tells there is nothing to be read, and nothing may be made up
    assert read_log(name, "console.txt")["kind"] == ((KINDS[name].log_kind or name) if KINDS[name].says else "none")


@pytest.mark.parametrize("name", [name for name in RECORDED if KINDS[name].needs_module])
def test_a_module_that_is_out_of_tree_and_unsigned_shows_as_taint(name: str) -> None:
    tainted = read_log(name)["tainted"]
    assert tainted is not None
    assert {"O", "E"} <= set(tainted)
    assert MODULE in (KEPT / name / "dmesg.txt").read_text(errors="replace")


def test_the_recordings_are_small() -> None:
    sizes = {path: path.stat().st_size for path in Path(KEPT).rglob("*") if path.is_file()}
    assert max(sizes.values()) < 200_000, max(sizes, key=lambda path: sizes[path])


def test_a_capture_kernel_that_dies_in_its_turn_is_not_what_the_machine_died_of() -> None:
    # a quiet console: no line of the capture kernel's start stands between the crash and its own panic
    log = read_crash_file(KEPT.parent / "capture-fails" / "console.txt")
    found = log.as_json()
    assert [found[key] for key in ("kind", "rip_symbol", "rip_module", "comm")] == ["bug_on", "kdk_bug", MODULE, "sh"]
    assert log.capture_death is not None
    assert (log.capture_death.kind, log.capture_death.first_line) == ("vfs_mount_root", 51)
    cause = find_cause(log)
    assert cause is not None
    assert 'The capture kernel died too: "VFS: Unable to mount root fs on unknown-block(0,0)"' in cause.sentence
    assert cause.evidence[-1].line == 51
    assert "initramfs" in cause.next_steps[-1].text
