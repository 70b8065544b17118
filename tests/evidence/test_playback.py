from __future__ import annotations

import json
from pathlib import Path

import pytest

from evidence.records import Story, result_of
from kdumpkit import errors
from kdumpkit.command import Command, CommandResult, command
from kdumpkit.errors import DiskFull, HostError, HostLost, LoginRefused, ReplayDivergence
from kdumpkit.evidence.playback import Playback
from kdumpkit.evidence.transcript import Transcript, read_transcript
from kdumpkit.hosts.base import Fetched, Host, Progress
from kdumpkit.hosts.recorder import Recorder
from kdumpkit.hosts.replay import ReplayHost

STAGE = "05-panic-test"


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path).run().begin(STAGE)


def test_the_same_commands_get_the_same_answers_in_order(story: Story) -> None:
    story.ask("cat", "/proc/uptime", stdout=b"1\n").ask("cat", "/proc/uptime", stdout=b"2\n")
    host = ReplayHost("web01", Playback(story.folder, STAGE), "target")
    results = [host.run(command("cat", "/proc/uptime")) for _ in range(2)]
    assert [r.stdout for r in results] == [b"1\n", b"2\n"]
    assert [r.record for r in results] == [2, 3]
    assert (results[0].exit_status, results[0].started_at, results[0].duration_s) == (0, 1000.0, 0.25)


def test_the_clock_of_a_replay_stands_where_the_record_stands(story: Story) -> None:
    story.ask("true")
    playback = Playback(story.folder, STAGE)
    assert playback.now == 900.0
    playback.next_command("target", command("true"))
    assert playback.now == 1000.25


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        (Command(("uname", "-r")), Command(("uname", "-a"))),
        (Command(("uname",)), Command(("uname", ""))),
        (Command(("tee", "/x"), stdin=b"a"), Command(("tee", "/x"), stdin=b"b")),
        (Command(("tee", "/x"), stdin=b"a"), Command(("tee", "/x"))),
        (Command(("reboot",), as_root=True), Command(("reboot",))),
        (Command(("sh", "-c", "x"), title="read 3 files"), Command(("sh", "-c", "x"), title="read 4 files")),
    ],
)
def test_another_command_is_a_divergence_that_names_both(story: Story, recorded: Command, asked: Command) -> None:
    story.transcript.record_command("target", recorded, result_of(recorded))
    with pytest.raises(ReplayDivergence) as caught:
        Playback(story.folder, STAGE).next_command("target", asked)
    assert f"asks for `{asked.shown()}`" in caught.value.message
    assert f"record 2 holds `{recorded.title or ' '.join(recorded.argv)}`" in caught.value.message
    assert caught.value.exit_status == 5


def test_the_deadline_and_the_accepted_statuses_are_not_part_of_what_was_asked(story: Story) -> None:
    story.ask("true", timeout_s=5.0)
    result = Playback(story.folder, STAGE).next_command("target", Command(("true",), timeout_s=60, accepted=(0, 1)))
    assert result.ok
    assert result.command.accepted == (0, 1)


def test_another_machine_is_a_divergence(story: Story) -> None:
    story.ask("true", host="here")
    with pytest.raises(ReplayDivergence):
        Playback(story.folder, STAGE).next_command("target", command("true"))


def test_after_the_last_record_there_is_no_answer(story: Story) -> None:
    with pytest.raises(ReplayDivergence, match=f"recording of stage {STAGE} ends before it"):
        Playback(story.folder, STAGE).next_command("target", command("true"))


def test_a_refused_command_does_not_move_on(story: Story) -> None:
    story.ask("true")
    playback = Playback(story.folder, STAGE)
    with pytest.raises(ReplayDivergence):
        playback.next_command("target", command("false"))
    assert playback.next_command("target", command("true")).ok


def test_a_stage_that_was_never_run_cannot_be_replayed(story: Story) -> None:
    with pytest.raises(ReplayDivergence, match="no recording of stage 06-analysis"):
        Playback(story.folder, "06-analysis")


def test_what_a_cell_that_is_left_out_asked_is_passed_over(story: Story) -> None:
    story.step("check").ask("uptime").step("trigger-panic").ask("true").ask("echo", "c").step("wait").ask("uptime")
    playback = Playback(story.folder, STAGE)
    playback.begin_step("check")
    assert playback.next_command("target", command("uptime")).record == 2
    playback.begin_step("wait")
    assert playback.next_command("target", command("uptime")).record == 5


def test_a_step_that_asked_nothing_moves_nothing(story: Story) -> None:
    story.step("check").ask("uptime").step("wait").ask("date")
    playback = Playback(story.folder, STAGE)
    playback.begin_step("give-consent")
    assert playback.next_command("target", command("uptime")).ok
    playback.begin_step("plot")
    assert playback.next_command("target", command("date")).ok


def test_a_step_never_goes_back(story: Story) -> None:
    story.step("check").ask("uptime").step("wait").ask("date")
    playback = Playback(story.folder, STAGE)
    playback.begin_step("wait")
    playback.begin_step("check")
    with pytest.raises(ReplayDivergence):
        playback.next_command("target", command("uptime"))


def test_the_last_attempt_is_the_one_that_is_replayed(story: Story) -> None:
    story.ask("true", stdout=b"first").fail()
    story.begin("06-analysis").ask("true", stdout=b"other stage")
    story.begin(STAGE, attempt=2).ask("true", stdout=b"second").note("values", values={"a": 1})
    playback = Playback(story.folder, STAGE)
    assert playback.next_command("target", command("true")).stdout == b"second"
    assert [r.kind for r in playback.earlier] == ["run", "stage", "command", "error", "stage", "command"]
    assert [r.kind for r in playback.own] == ["command", "values"]


@pytest.mark.parametrize("error", [HostLost("gone", "look"), LoginRefused("no", "ask"), HostError("x")])
def test_a_recorded_failure_is_raised_again_as_what_it_was(story: Story, error: HostError) -> None:
    story.transcript.record_failure("target", command("true"), error, 1000.0, 2.0)
    playback = Playback(story.folder, STAGE)
    with pytest.raises(HostError) as caught:
        playback.next_command("target", command("true"))
    assert type(caught.value) is type(error)
    assert (caught.value.message, caught.value.hint) == (error.message, error.hint)
    assert playback.now == 1002.0


@pytest.mark.parametrize("name", ["ClassVar", "annotations", "cleaned", "ReplayDivergence", "__builtins__", "NoSuch"])
def test_a_failure_of_a_kind_that_is_none_is_a_host_error(story: Story, name: str) -> None:
    assert name == "NoSuch" or hasattr(errors, name)
    key = {"host": "target", "argv": ["true"]}
    story.note("command", **key, failure={"type": name, "message": "m", "hint": "h"})
    with pytest.raises(HostError) as caught:
        Playback(story.folder, STAGE).next_command("target", command("true"))
    assert type(caught.value) is HostError


def test_a_fetch_is_served_from_its_record_and_writes_nothing(story: Story, tmp_path: Path) -> None:
    story.note("fetch", host="target", remote="/var/crash/d", size_bytes=7, sha256="ab")
    host = ReplayHost("web01", Playback(story.folder, STAGE), "target")
    fetched = host.fetch("/var/crash/d", tmp_path / "d")
    assert (fetched.size_bytes, fetched.sha256, fetched.record) == (7, "ab", 2)
    assert not (tmp_path / "d").exists()


def test_a_command_where_a_fetch_was_recorded_is_a_divergence(story: Story) -> None:
    story.note("fetch", host="target", remote="/var/crash/d", size_bytes=7, sha256="ab").ask("true")
    playback = Playback(story.folder, STAGE)
    with pytest.raises(ReplayDivergence, match="/var/crash/d"):
        playback.next_command("target", command("true"))
    with pytest.raises(ReplayDivergence, match="fetch of /elsewhere"):
        playback.next_fetch("target", "/elsewhere")


def test_secrets_in_what_is_asked_compare_as_they_were_kept(story: Story) -> None:
    asked = Command(("tee", "/x"), stdin=b"password=hunter2")
    story.transcript.record_command("target", asked, result_of(asked))
    assert Playback(story.folder, STAGE).next_command("target", asked).ok
    assert Playback(story.folder, STAGE).next_command("target", Command(("tee", "/x"), stdin=b"password=[masked]")).ok


def test_a_transcript_that_was_changed_is_not_played(story: Story) -> None:
    story.ask("true").ask("true")
    path = story.folder / "transcript.jsonl"
    lines = path.read_text().splitlines()
    changed = {**json.loads(lines[2]), "exit_status": 1}
    path.write_text("\n".join([*lines[:2], json.dumps(changed), *lines[3:]]) + "\n")
    with pytest.raises(errors.EvidenceError, match="line 4"):
        Playback(story.folder, STAGE)
    assert path.exists()
    with pytest.raises(errors.EvidenceError):
        read_transcript(story.folder)


def test_copy_that_failed_fails_again_in_a_replay(tmp_path: Path) -> None:
    class Full(Host):
        name = "web01"

        def run(self, command: Command) -> CommandResult:
            raise NotImplementedError

        def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
            raise DiskFull("no room here", "df -h .")

    transcript = Transcript(tmp_path)
    transcript.stage, transcript.attempt = "06-analysis", 1
    transcript.append("stage", {})
    with pytest.raises(DiskFull):
        Recorder(Full(), transcript, "target").fetch("/var/crash/dump", tmp_path / "dump")
    replay = ReplayHost("web01", Playback(tmp_path, "06-analysis"), "target")
    with pytest.raises(DiskFull, match="no room here"):
        replay.fetch("/var/crash/dump", tmp_path / "dump")
