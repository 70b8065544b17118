"""What was begun ahead is run once, beside other things, and recorded where it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import CommandTimeout
from kdumpkit.evidence.transcript import Transcript, read_transcript
from kdumpkit.hosts.ahead import Ahead
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.local import LocalHost
from kdumpkit.hosts.recorder import Recorder


def reading(*argv: str, timeout_s: float = 30) -> Command:
    return Command(argv, timeout_s=timeout_s)


@pytest.fixture
def ahead(tmp_path: Path) -> Ahead:
    transcript = Transcript(tmp_path)
    transcript.stage, transcript.attempt = "01-prerequisites", 1
    return Ahead(Recorder(LocalHost(), transcript, "here"))


def kept(tmp_path: Path) -> list[list[str]]:
    return [record.data["argv"] for record in read_transcript(tmp_path) if record.kind == "command"]


def test_it_runs_beside_what_is_asked_and_once(ahead: Ahead, tmp_path: Path) -> None:
    waits = reading("sh", "-c", f"while [ ! -e {tmp_path}/made ]; do sleep 0.05; done; echo run >>{tmp_path}/runs")
    ahead.begin_for(lambda host: host.run(waits))
    assert ahead.run(reading("touch", f"{tmp_path}/made")).ok
    assert ahead.run(waits).ok
    assert (tmp_path / "runs").read_text() == "run\n"
    assert [argv[0] for argv in kept(tmp_path)] == ["touch", "sh"]
    # asked for once more, it is asked of the host once more
    assert ahead.run(waits).ok
    assert (tmp_path / "runs").read_text() == "run\nrun\n"


def test_several_are_run_in_turn(ahead: Ahead, tmp_path: Path) -> None:
    script = f"cat {tmp_path}/a 2>/dev/null; sleep 0.2; echo $1 >>{tmp_path}/a"
    one, two = reading("sh", "-c", script, "sh", "1"), reading("sh", "-c", script, "sh", "2")
    ahead.begin_for(lambda host: host.run(one), lambda host: host.run(two))
    assert ahead.run(two).text == "1\n"
    assert ahead.run(one).text == ""
    assert [argv[-1] for argv in kept(tmp_path)] == ["2", "1"]


def test_only_the_first_command_of_a_reader_is_begun(ahead: Ahead, tmp_path: Path) -> None:
    def read(host: Host) -> CommandResult:
        host.run(reading("true"))
        return host.run(reading("touch", f"{tmp_path}/second"))

    ahead.begin_for(read, lambda host: None)
    assert ahead.run(reading("true")).ok
    assert not (tmp_path / "second").exists()


def test_what_is_never_asked_for_is_in_the_record_once_it_is_settled(ahead: Ahead, tmp_path: Path) -> None:
    ahead.begin_ahead(reading("true"), reading("sleep", "60", timeout_s=0.1), reading("false"))
    assert kept(tmp_path) == []
    ahead.settle()
    assert sorted(argv[0] for argv in kept(tmp_path)) == ["false", "sleep", "true"]
    ahead.settle()
    assert len(kept(tmp_path)) == 3


def test_its_error_comes_where_it_is_asked_for(ahead: Ahead) -> None:
    slow = reading("sleep", "60", timeout_s=0.2)
    ahead.begin_for(lambda host: host.run(slow), lambda host: host.run(reading("true")))
    assert ahead.run(reading("true")).ok
    with pytest.raises(CommandTimeout, match="no end within"):
        ahead.run(slow)
