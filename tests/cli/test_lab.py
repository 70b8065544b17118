"""``kdumpkit lab`` where nothing is built and nothing runs: which machine is meant, and what is refused."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kdumpkit import lab
from kdumpkit.cli import lab as lab_commands
from kdumpkit.errors import UsageError

RunKdumpkit = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kdumpkit"


@pytest.mark.parametrize("command", ["up", "run", "ssh", "status", "down"])
def test_an_unknown_flavour_is_wrong_use_and_names_those_that_there_are(
    run_kdumpkit: RunKdumpkit, command: str, cache: Path
) -> None:
    done = run_kdumpkit("lab", command, "--flavour", "gentoo")
    assert done.returncode == 2
    for name in lab.flavour_names():
        assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert not cache.exists()


def test_a_wrong_mode_is_told_before_a_machine_is_built(run_kdumpkit: RunKdumpkit, cache: Path) -> None:
    done = run_kdumpkit("lab", "run", "--mode", "aply")
    assert done.returncode == 2
    assert "mode is 'aply' (text), but it must be one of: check, plan, apply, rollback" in done.stderr
    assert not cache.exists()


def test_status_names_the_flavour_it_tells_of(run_kdumpkit: RunKdumpkit) -> None:
    assert run_kdumpkit("lab", "status").stdout == "not running; image of debian not built yet\n"
    assert run_kdumpkit("lab", "status", "--flavour", "el").stdout == "not running; image of el not built yet\n"


@pytest.mark.parametrize("elsewhere", [True, False])
def test_status_gives_the_parameters_where_the_file_names_another_place(
    elsewhere: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "a home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a cache" if elsewhere else home / ".cache"))
    running = dataclasses.replace(lab.status(), running=True, pid=7, flavour="debian", accelerator="kvm")
    monkeypatch.setattr(lab, "status", lambda *_: running)
    lab_commands.status("debian")
    last = capsys.readouterr().out.splitlines()[-1]
    said = shlex.split(last)
    assert said[:2] == ["parameters:", "parameters/lab.yaml"]
    assert said[2:] == (
        ["--set", f"ssh_config={running.ssh_config}", "--set", f"console_log={running.console}"] if elsewhere else []
    )


def test_ssh_without_a_machine_tells_how_to_get_that_one(run_kdumpkit: RunKdumpkit) -> None:
    done = run_kdumpkit("lab", "ssh", "--flavour", "debian-lvm", "ls", "-l", "/")
    assert done.returncode == 2
    assert "kdumpkit lab up --flavour debian-lvm" in done.stderr


def test_a_command_for_the_guest_keeps_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[list[str]] = []
    now = lab.status()
    monkeypatch.setattr(lab, "status", lambda *_: type("Now", (), {"running": True, "flavour": "el"})())
    monkeypatch.setattr("os.execvp", lambda _, argv: said.append(argv))
    monkeypatch.setattr("sys.argv", ["kdumpkit", "lab"])
    lab_commands.app(["ssh", "--flavour", "el", "ls", "-l", "--flavour", "x"], standalone_mode=False)
    assert said == [["ssh", "-F", str(now.ssh_config), "kdumpkit-lab", "ls", "-l", "--flavour", "x"]]


def test_what_is_meant_for_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "status", lambda *_: type("Now", (), {"running": True, "flavour": "el"})())
    monkeypatch.setattr(lab, "down", lambda: pytest.fail("it was ended"))
    with pytest.raises(UsageError, match="of the flavour el, not debian"):
        lab_commands.down("debian")
