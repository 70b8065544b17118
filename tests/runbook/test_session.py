"""Which session a notebook gets: live or a replay, in which folder, with which parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.errors import ParameterError, ReplayDivergence, UsageError
from kdumpkit.evidence.manifest import MANIFEST
from kdumpkit.evidence.transcript import TRANSCRIPT, Transcript, read_transcript
from kdumpkit.parameters import Parameters
from kdumpkit.runbook import session as session_module
from kdumpkit.runbook.session import (
    ENV_REPLAY,
    ENV_RUN_DIR,
    choose_run_dir,
    new_run_dir,
    open_session,
    resolve_parameters,
    unfinished_run_dir,
)

STAGE = "01-prerequisites"


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder in which a session may be live, as it may not be under pytest."""
    for name in (ENV_REPLAY, ENV_RUN_DIR):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(session_module, "ENV_PYTEST", "NOT_UNDER_PYTEST")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parameters(folder: Path, **values: object) -> Parameters:
    return Parameters(host="web01", evidence_dir=str(folder), **values)  # type: ignore[arg-type]


def test_under_pytest_a_session_is_never_live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(ENV_REPLAY, raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="only replayed"):
        open_session(STAGE, {})
    assert not list(tmp_path.iterdir())


def test_folder_with_a_transcript_is_replayed(live: Path) -> None:
    open_session(STAGE, {"host": "web01", "evidence_dir": str(live / "e")})
    run = next((live / "e" / "web01").iterdir())
    before = (run / TRANSCRIPT).read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(run)
        session = open_session(STAGE, {"host": "web01", "evidence_dir": str(live / "e")})
        assert session.replaying
        session.note("values", {"values": {"x": 1}})
        with pytest.raises(ReplayDivergence, match="parameters"):
            open_session(STAGE, {"host": "web02", "evidence_dir": str(live / "e")})
        with pytest.raises(ReplayDivergence, match="no recording of stage 05"):
            open_session("05-panic-test", {})
    assert (run / TRANSCRIPT).read_bytes() == before


@pytest.mark.parametrize(
    ("namespace", "says"),
    [
        ({"hosst": "web01"}, "did you mean 'host'"),
        ({"crash_kernel": "256M"}, "did you mean 'crashkernel'"),
        ({"mode": "aply"}, "check, plan, apply"),
        ({"boot_timeout_s": "900"}, "whole number"),
        ({"host": None}, "nothing"),
    ],
)
def test_wrong_names_and_values_in_a_notebook_are_refused(live: Path, namespace: dict[str, object], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        open_session(STAGE, namespace)
    assert not list(live.iterdir())


def test_what_a_notebook_holds_beside_parameters_is_passed_over(live: Path) -> None:
    namespace = {"_": 3, "_i1": "x", "In": [], "Out": {}, "exit": "x", "show": print, "Path": Path, "host": "web01"}
    session = open_session(STAGE, {**namespace, "evidence_dir": str(live / "e")})
    assert session.parameters.host == "web01"
    assert session.begin.data["given"] == {"host": "web01", "evidence_dir": str(live / "e")}


def test_attempts_count_and_earlier_notes_are_recalled(live: Path) -> None:
    values = {"host": "web01", "evidence_dir": str(live), "run_id": "r1"}
    first = open_session("05-panic-test", values)
    first.note("intent", {"what": "panic", "boot_id": "a"})
    assert not first.attempted_before("intent", "panic")
    assert first.recall("intent") == [{"what": "panic", "boot_id": "a"}]
    second = open_session("05-panic-test", values)
    assert second.attempted_before("intent", "panic")
    assert not second.attempted_before("intent", "reboot")
    assert [r.attempt for r in read_transcript(live / "web01" / "r1") if r.kind == "stage"] == [1, 2]


def test_kept_values_are_newest_first_and_secrets_are_masked(live: Path) -> None:
    session = open_session(STAGE, {"host": "web01", "evidence_dir": str(live), "run_id": "r1"})
    session.note("values", {"values": {"x": 1, "line": "password=hunter2"}})
    session.note("values", {"values": {"x": None}})
    session.note("values", {"values": {"x": 2}})
    assert session.recall_value("x") == 2
    assert session.recall_value("y") is None
    assert "hunter2" not in (live / "web01" / "r1" / TRANSCRIPT).read_text()


def test_first_stage_begins_a_run_and_later_ones_go_on_with_it(live: Path) -> None:
    asked = parameters(live)
    first = choose_run_dir(asked, STAGE)
    assert choose_run_dir(asked, "02-grub-crashkernel").parent == first.parent
    Transcript(first).append("stage", {})
    assert choose_run_dir(asked, "02-grub-crashkernel") == first
    assert choose_run_dir(asked, STAGE) != first
    (first / MANIFEST).write_text("{}")
    assert unfinished_run_dir(asked) is None
    assert choose_run_dir(asked, "02-grub-crashkernel") != first
    with pytest.raises(UsageError, match="sealed"):
        choose_run_dir(parameters(live, run_id=first.name), STAGE)


def test_two_runs_in_one_second_have_two_folders(live: Path) -> None:
    asked = parameters(live)
    first = new_run_dir(asked)
    first.mkdir(parents=True)
    assert new_run_dir(asked) != first


def test_host_file_gives_what_the_cell_leaves_at_its_default(live: Path) -> None:
    (live / "web01.yaml").write_text("host: web01\nmode: plan\ncrashkernel: 512M\n")
    resolved = resolve_parameters({"host_file": "web01.yaml", "mode": "apply"}, "cell")
    assert (resolved.host, resolved.mode, resolved.crashkernel) == ("web01", "apply", "512M")
    with pytest.raises(ParameterError, match="no such file"):
        resolve_parameters({"host_file": "nope.yaml"}, "cell")
    (live / "bad.yaml").write_text("hosst: web01\n")
    with pytest.raises(ParameterError, match=r"bad\.yaml"):
        resolve_parameters({"host_file": "bad.yaml"}, "cell")


def test_ssh_config_that_is_not_there_is_a_wrong_parameter(live: Path) -> None:
    with pytest.raises(ParameterError, match="no such file"):
        open_session(STAGE, {"host": "x", "transport": "ssh", "ssh_config": "/nonexistent/config"})


def test_torn_last_line_is_mended_before_a_stage_goes_on(live: Path) -> None:
    values: dict[str, object] = {"host": "web01", "evidence_dir": str(live), "run_id": "r1"}
    open_session(STAGE, values).note("values", {"values": {"x": 1}})
    path = live / "web01" / "r1" / TRANSCRIPT
    path.write_bytes(path.read_bytes() + b'{"n":2,"kind":"comm')
    assert open_session("02-grub-crashkernel", values).recall_value("x") == 1
    assert [r.kind for r in read_transcript(path.parent)] == ["stage", "values", "stage"]
