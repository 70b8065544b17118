"""A distribution that the kit does not know: every stage says so and stops, and asks the host nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import UnsupportedHost
from kdumpkit.hosts.base import Fetched, Host, Progress
from kdumpkit.runbook import all_stages
from kdumpkit.runbook import session as session_module
from kdumpkit.runbook.session import ENV_RUN_DIR
from kdumpkit.runbook.stage import Stage


class Void(Host):
    name = "void01"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, command: Command) -> CommandResult:
        self.asked.append(command.shown())
        answer = b'void01 6.6.1_1 #1 SMP x86_64\nID="void"\nPRETTY_NAME="Void Linux"\n'
        return CommandResult(command, 0, answer, b"", 1.0, 0.1)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        raise NotImplementedError


@pytest.mark.parametrize("stage", [getattr(all_stages, name) for name in all_stages.__all__])
@pytest.mark.parametrize("mode", ["check", "plan", "apply"])
def test_every_stage_says_so_and_stops(
    stage: type[Stage], mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = Void()
    monkeypatch.setattr(session_module, "ENV_PYTEST", "NOT_UNDER_PYTEST")
    monkeypatch.setattr(session_module, "_host", lambda _: host)
    monkeypatch.setenv(ENV_RUN_DIR, str(tmp_path / "run"))
    with pytest.raises(UnsupportedHost, match="Void Linux, which this version of the kit does not know") as caught:
        stage.open({"host": "void01", "transport": "ssh", "mode": mode, "consent": "void01"})
    assert "nothing was changed" in caught.value.message
    assert host.asked == ["uname and os-release"]
