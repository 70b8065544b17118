"""Where the host is the machine that runs kdumpkit, nothing of it is told under another host's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.errors import ParameterError
from kdumpkit.runbook import all_stages
from kdumpkit.runbook import session as session_module
from kdumpkit.runbook.session import ENV_RUN_DIR

from .hosts import Folder


@pytest.fixture(autouse=True)
def web01(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session_module, "ENV_PYTEST", "NOT_UNDER_PYTEST")
    monkeypatch.setattr(session_module, "_host", lambda _: Folder(tmp_path))
    monkeypatch.setenv(ENV_RUN_DIR, str(tmp_path / "run"))


@pytest.mark.parametrize("name", ["web02", "web", "web01x.example.org"])
def test_another_host_is_not_told_from_this_machine(name: str) -> None:
    with pytest.raises(ParameterError, match=f"that calls itself web01, not {name}; nothing was read") as caught:
        all_stages.GrubCrashkernel.open({"host": name})
    assert f"transport: ssh reaches {name}" in caught.value.hint


@pytest.mark.parametrize("name", ["localhost", "web01", "web01.example.org"])
def test_this_machine_is_read_under_its_own_name(name: str) -> None:
    assert all_stages.GrubCrashkernel.open({"host": name}).uname.nodename == "web01"


def test_a_host_behind_ssh_may_be_called_as_one_likes() -> None:
    assert all_stages.GrubCrashkernel.open({"host": "web02", "transport": "ssh"}).uname.nodename == "web01"
