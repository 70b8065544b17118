from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kdumpkit import errors
from kdumpkit.cli import main as module
from kdumpkit.errors import KdumpkitError
from kdumpkit.parameters import json_schema
from kdumpkit.runbook.session import STAGES

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-c", "from kdumpkit.cli.main import main; main()"]


def ending(monkeypatch: pytest.MonkeyPatch, raised: BaseException | int | None) -> int:
    """The exit status of a command that ends so."""

    def app(standalone_mode: bool) -> int | None:
        assert standalone_mode is False
        if isinstance(raised, BaseException):
            raise raised
        return raised

    monkeypatch.setattr(module, "app", app)
    with pytest.raises(SystemExit) as caught:
        module.main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def _all_errors() -> list[type[KdumpkitError]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, KdumpkitError)]
    assert len(kinds) > 20
    return kinds


@pytest.mark.parametrize("kind", _all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_is_a_sentence_and_its_exit_status(
    kind: type[KdumpkitError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(monkeypatch, kind("web01 said \x1b[31mno\x1b[0m password=hunter2", "ask it")) == kind.exit_status
    assert capsys.readouterr() == ("", "kdumpkit: web01 said no password=[masked]\n  next: ask it\n")


@pytest.mark.parametrize(("result", "status"), [(0, 0), (None, 0), (1, 1), (5, 5)])
def test_a_command_gives_its_own_status(monkeypatch: pytest.MonkeyPatch, result: int | None, status: int) -> None:
    assert ending(monkeypatch, result) == status


# a shell lets what it starts in the background ignore Ctrl-C, a test run among it
WAITS = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from kdumpkit.cli import main as module
from kdumpkit.runbook import run
def wait(*_, **__):
    print("begun", flush=True)
    time.sleep(60)
run.run_stages = run.replay_stages = wait
module.main()
"""
ON = "kdumpkit: interrupted; the same command with --resume goes on with the run\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "a.yaml", "--set", "mode=plan"), ON),
        (("check", "a.yaml"), "kdumpkit: interrupted\n"),
        (("run", "--replay", "a"), "kdumpkit: interrupted\n"),
    ],
)
def test_an_interruption_says_how_to_go_on(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "a.yaml").write_text("host: web01\n")
    with subprocess.Popen(
        [sys.executable, "-c", WAITS, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGINT)
            assert (process.communicate(timeout=30)[1], process.returncode) == (said, 130)
        finally:
            process.kill()


def test_an_interruption_outside_of_a_command_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kdumpkit", "verify"])
    assert ending(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "kdumpkit: interrupted\n"


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_stream_that_is_closed_is_not_taken_by_a_file(closed: int) -> None:
    # as a scheduler may start it; a child must have all three, or its pipes get their numbers
    program = (
        "import os, subprocess, sys\n"
        "from kdumpkit.cli import main as module\n"
        "module.app = lambda standalone_mode: subprocess.run([sys.executable, '-c', CHILD]).returncode\n"
        "CHILD = 'import os; [os.fstat(n) for n in (0, 1, 2)]'\n"
        "module.main()\n"
    )
    shell = f'exec "$@" {closed}>&-'
    done = subprocess.run(["sh", "-c", shell, "sh", sys.executable, "-c", program], cwd=ROOT, timeout=60)
    assert done.returncode == 0


@pytest.mark.parametrize("value", ["-5", "\u00b2", "1_000", "900 s", ""])
def test_a_number_by_set_is_checked_as_one_in_a_file_is(run_kdumpkit: Any, tmp_path: Path, value: str) -> None:
    (tmp_path / "a.yaml").write_text("host: web01\n")
    done = run_kdumpkit("run", "a.yaml", "--set", f"boot_timeout_s={value}", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("kdumpkit: a.yaml with --set: boot_timeout_s is ")
    assert ("it must be at least 30" if value == "-5" else "it must be a whole number\n") in done.stderr


def test_what_set_gives_is_not_told_as_if_the_file_had_it(run_kdumpkit: Any, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("host: web01\nmode: check\n")
    done = run_kdumpkit("run", "a.yaml", "--set", "mode=aply", cwd=tmp_path)
    assert "mode is 'aply' (text), but it must be one of: check, plan, apply, rollback" in done.stderr


def test_no_evidence_is_made_where_it_cannot_be_written(run_kdumpkit: Any, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("host: localhost\n")
    done = run_kdumpkit("check", "a.yaml", "--set", f"evidence_dir={tmp_path / 'a.yaml'}", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"evidence cannot be written to {tmp_path}/a.yaml/localhost: Not a directory" in done.stderr
    assert "--set evidence_dir=DIR" in done.stderr


def test_a_failing_disk_or_file_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(monkeypatch, OSError(13, "Permission denied", "/evidence")) == 1
    assert capsys.readouterr().err == "kdumpkit: /evidence: Permission denied\n"


def test_what_was_not_foreseen_is_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "app", lambda standalone_mode: {}["no"])
    with pytest.raises(KeyError):
        module.main()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("bogus",), 2, "No such command"),
        (("run",), 2, "no parameter file is named"),
        (("run", "--bogus"), 2, "No such option"),
        (("run", "a.yaml", "--replay", "a"), 2, "from the recording, and begins anew"),
        (("run", "--replay", "a", "--set", "mode=plan"), 2, "next: kdumpkit run --replay a"),
        (("run", "--replay", "a b", "--resume"), 2, "next: kdumpkit run --replay 'a b'"),
        (("run", "a.yaml", "--output", "a"), 2, "--output is for --replay"),
        (("verify",), 2, "Missing argument"),
        (("verify", "nowhere"), 5, "nowhere is not an evidence folder: it holds no transcript.jsonl"),
        (("report", "."), 5, ". is not an evidence folder"),
        (("run", "--replay", "."), 5, ". is not an evidence folder"),
        (("params", "check", "nowhere.yaml"), 2, "nowhere.yaml: there is no such file"),
        (("oops", "nowhere.log"), 2, "nowhere.log"),
        (("verify", b"\xff"), 5, "is not an evidence folder"),
        (("params", "check", "\x1b[31mred"), 2, "kdumpkit: red: there is no such file"),
    ],
)
def test_wrong_use_is_a_sentence(
    run_kdumpkit: Any, tmp_path: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    done = run_kdumpkit(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_help_tells_every_command(run_kdumpkit: Any) -> None:
    done = run_kdumpkit("--help")
    assert done.returncode == 0
    for name in ("run", "check", "verify", "report", "oops", "params", "lab"):
        assert f"\n  {name} " in done.stdout


def test_the_schema_and_a_check_of_parameters(run_kdumpkit: Any, tmp_path: Path) -> None:
    assert run_kdumpkit("params", "schema").stdout == json_schema()
    (tmp_path / "a.yaml").write_text("host: web01\n")
    (tmp_path / "b.yaml").write_text("host: web02\nmode: plan\ntransport: ssh\n")
    done = run_kdumpkit("params", "check", "a.yaml", "b.yaml", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "a.yaml: good: host web01, local, mode check",
        "b.yaml: good: host web02, ssh, mode plan",
    ]


def test_each_of_many_parameter_files_is_told_of(run_kdumpkit: Any, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("host: web02\n")
    (tmp_path / "bad.yaml").write_text("hosst: web01\n")
    done = run_kdumpkit("params", "check", "nowhere.yaml", "bad.yaml", "good.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == "good.yaml: good: host web02, local, mode check\n"
    assert "nowhere.yaml: there is no such file" in done.stderr
    assert "bad.yaml: there is no parameter 'hosst'; did you mean 'host'?" in done.stderr


def test_a_report_that_is_not_written_is_not_named(run_kdumpkit: Any, evidence: Path) -> None:
    (evidence / "report.html").unlink()
    told = run_kdumpkit("report", str(evidence)).stdout
    assert "report: none; kdumpkit run HOST.yaml --resume writes it" in told


def environment(unbuffered: str) -> dict[str, str]:
    """Where output is buffered, a failure to write it shows only at the end."""
    return {**os.environ, "PYTHONUNBUFFERED": unbuffered}


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_reading_any_more_is_no_complaint(unbuffered: str) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [*PROGRAM, "params", "schema"],
            stdout=write_end,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            timeout=60,
            env=environment(unbuffered),
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_standard_output_is_said(unbuffered: str) -> None:
    words = [*PROGRAM, "params", "schema"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, cwd=ROOT, timeout=60, env=environment(unbuffered)
        )
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


LOG = (
    "[   10.000000] sysrq: Trigger a crash\n[   10.000001] Kernel panic - not syncing: sysrq triggered crash\n"
    "[   10.000002] CPU: 1 PID: 877 Comm: sh Kdump: loaded Not tainted 6.1.0-49-amd64 #1  Debian 6.1.174-1\n"
)


def test_logs_are_told_in_order_for_people_and_for_programs(run_kdumpkit: Any, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(LOG.replace("sh Kdump", "sh\u202e Kdump"))
    (tmp_path / "b.log").write_text("[    0.000000] Linux version 6.1.0\n")
    done = run_kdumpkit("oops", "a.log", "b.log", cwd=tmp_path)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("a.log: sysrq")
    assert any("task sh (pid 877)" in line or "sh (pid 877) on CPU 1" in line for line in lines)
    assert all(line.isprintable() for line in lines)
    assert "b.log: no crash in it" in lines
    as_json = run_kdumpkit("oops", "--json", "a.log", "b.log", cwd=tmp_path)
    objects = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [found["kind"] for found in objects] == ["sysrq", "none"]


def test_a_replayed_run_as_json_and_its_report(run_kdumpkit: Any, sealed_evidence: Path, recording: Path) -> None:
    told = run_kdumpkit("report", str(sealed_evidence))
    lines = told.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [*STAGES, "report:"]
    result = json.loads((sealed_evidence / "result.json").read_text())
    assert told.returncode == result["exit_status"]
    assert [line.split()[1] for line in lines[:6]] == [stage["status"].split()[0] for stage in result["stages"]]
    again = run_kdumpkit("run", "--replay", str(recording), "--output", str(sealed_evidence))
    assert again.returncode == 2
    assert "exists already" in again.stderr
