"""Commands that are begun and whose result is asked for later."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kdumpkit.command import Command
from kdumpkit.errors import CommandTimeout
from kdumpkit.evidence.playback import Playback
from kdumpkit.evidence.transcript import Transcript, read_transcript
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.recorder import Recorder
from kdumpkit.hosts.replay import ReplayHost


def waits_for(file: Path) -> Command:
    return Command(("sh", "-c", f"while [ ! -e '{file}' ]; do sleep 0.05; done; echo seen"), timeout_s=30, title="wait")


def recorded(folder: Path) -> Transcript:
    transcript = Transcript(folder)
    transcript.stage, transcript.attempt = "05-panic-test", 1
    transcript.append("stage", {"run_id": "r", "given": {}, "parameters": {}})
    return transcript


def test_it_runs_while_others_do_and_is_kept_when_it_is_asked_for(tmp_path: Path) -> None:
    host = Recorder(LocalHost(), recorded(tmp_path), "here")
    begun = host.begin(waits_for(tmp_path / "made"))
    # without something that runs beside it, it would never end
    assert host.run(Command(("touch", str(tmp_path / "made")))).ok
    assert begun().text == "seen\n"
    kept = [record for record in read_transcript(tmp_path) if record.kind == "command"]
    assert [record.data.get("title", record.data["argv"][0]) for record in kept] == ["touch", "wait"]
    assert kept[1].started_at < kept[0].started_at


def test_a_replay_answers_in_the_order_of_the_questions(tmp_path: Path) -> None:
    host = Recorder(LocalHost(), recorded(tmp_path), "here")
    first = Command(("echo", "first"))
    begun = host.begin(first)
    host.run(Command(("echo", "second")))
    begun()
    replay = ReplayHost("here", Playback(tmp_path, "05-panic-test"), "here")
    begun = replay.begin(first)
    assert replay.run(Command(("echo", "second"))).text == "second\n"
    assert begun().text == "first\n"


def test_what_it_raises_is_raised_where_it_is_asked_for_and_kept(tmp_path: Path) -> None:
    host = Recorder(LocalHost(), recorded(tmp_path), "here")
    begun = host.begin(Command(("sleep", "60"), timeout_s=0.2))
    time.sleep(0.5)
    with pytest.raises(CommandTimeout, match="no end within"):
        begun()
    (kept,) = (record for record in read_transcript(tmp_path) if record.kind == "command")
    assert kept.data["failure"]["type"] == "CommandTimeout"
    assert kept.duration_s >= 0.2
