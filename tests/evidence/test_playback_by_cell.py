"""Cells that are run again and in any order get the answers of one recorded execution of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.records import Story
from kdumpkit.command import command
from kdumpkit.errors import ReplayDivergence
from kdumpkit.evidence.playback_by_cell import STEP, PlaybackByCell

STAGE = "05-panic-test"


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path).run().begin(STAGE)


def cell(story: Story, name: str) -> Story:
    return story.step(name).note(STEP)


def answer(playback: PlaybackByCell, *argv: str) -> bytes:
    return playback.next_command("target", command(*argv)).stdout


def test_cell_that_is_run_again_gets_the_same_answers(story: Story) -> None:
    story.step("check").ask("uptime", stdout=b"1").ask("uptime", stdout=b"2").step("wait").ask("date", stdout=b"3")
    playback = PlaybackByCell(story.folder, STAGE)
    for name, argv, expected in (("wait", "date", [b"3"]), ("check", "uptime", [b"1", b"2"])):
        for _ in range(2):
            playback.begin_step(name)
            assert [answer(playback, argv) for _ in expected] == expected


def test_last_execution_of_a_cell_stands_for_it(story: Story) -> None:
    cell(story, "check").ask("uptime", stdout=b"1")
    cell(story, "check").ask("uptime", stdout=b"2")
    playback = PlaybackByCell(story.folder, STAGE)
    playback.begin_step("check")
    assert answer(playback, "uptime") == b"2"


def test_execution_without_an_error_and_the_one_that_changed_something_come_first(story: Story) -> None:
    cell(story, "change").ask("apt", stdout=b"refused").fail()
    cell(story, "change").ask("apt", stdout=b"done").note("intent", what="change")
    cell(story, "change").ask("apt", stdout=b"nothing to do")
    cell(story, "look").ask("ls", stdout=b"first")
    cell(story, "look").ask("ls", stdout=b"failed").fail()
    playback = PlaybackByCell(story.folder, STAGE)
    playback.begin_step("change")
    assert answer(playback, "apt") == b"done"
    playback.begin_step("look")
    assert answer(playback, "ls") == b"first"


def test_what_another_cell_had_asked_before_is_found(story: Story) -> None:
    cell(story, "first").ask("read", stdout=b"oldest").ask("read", stdout=b"old")
    cell(story, "second").ask("date")
    cell(story, "first").ask("read", stdout=b"new")
    cell(story, "early").ask("ls", stdout=b"later")
    playback = PlaybackByCell(story.folder, STAGE)
    # it saw what was read before it, and not what was read after
    playback.begin_step("second")
    assert answer(playback, "read") == b"old"
    # asked by a later cell alone, because that one was run first
    assert answer(playback, "ls") == b"later"


def test_what_was_never_asked_is_a_divergence(story: Story) -> None:
    cell(story, "check").ask("uptime", as_root=True)
    playback = PlaybackByCell(story.folder, STAGE)
    playback.begin_step("check")
    for argv in ("uptime", "reboot"):
        with pytest.raises(ReplayDivergence, match="which nothing in the recording"):
            answer(playback, argv)


def test_clock_stands_where_the_served_record_ended(story: Story) -> None:
    cell(story, "check").ask("uptime")
    playback = PlaybackByCell(story.folder, STAGE)
    assert playback.now == 900.0
    playback.begin_step("check")
    answer(playback, "uptime")
    assert playback.now == 1000.25
