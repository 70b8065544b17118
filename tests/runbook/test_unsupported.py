"""A distribution that the kit does not know: nothing on it is ever changed, and what is not known is UNKNOWN."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.checks.finding import Status
from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import UnsupportedHost
from kdumpkit.hosts.base import Fetched, Host, Progress
from kdumpkit.runbook import all_stages
from kdumpkit.runbook import session as session_module
from kdumpkit.runbook.session import ENV_RUN_DIR
from kdumpkit.runbook.stage import Stage, step
from kdumpkit.runbook.step import StepReport


class Void(Host):
    name = "void01"

    def __init__(self, os_release: str = 'ID="void"\nPRETTY_NAME="Void Linux"\n') -> None:
        self.asked: list[str] = []
        self.os_release = os_release

    def run(self, command: Command) -> CommandResult:
        self.asked.append(command.shown())
        answer = f"void01 6.6.1_1 #1 SMP x86_64\n{self.os_release}"
        return CommandResult(command, 0, answer.encode(), b"", 1.0, 0.1)

    def fetch(self, remote: str, local: Path, progress: Progress | None = None) -> Fetched:
        raise NotImplementedError


STAGES = [getattr(all_stages, name) for name in all_stages.__all__]


def prepared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *os_release: str) -> Void:
    host = Void(*os_release)
    monkeypatch.setattr(session_module, "ENV_PYTEST", "NOT_UNDER_PYTEST")
    monkeypatch.setattr(session_module, "_host", lambda _: host)
    monkeypatch.setenv(ENV_RUN_DIR, str(tmp_path / "run"))
    return host


@pytest.mark.parametrize("stage", STAGES)
def test_in_apply_every_stage_says_so_and_stops_at_once(
    stage: type[Stage], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = prepared(monkeypatch, tmp_path)
    with pytest.raises(UnsupportedHost, match="Void Linux, which this version of the kit does not know") as caught:
        stage.open({"host": "void01", "transport": "ssh", "mode": "apply", "consent": "void01"})
    assert "nothing was changed" in caught.value.message
    assert host.asked == ["uname and os-release"]


@pytest.mark.parametrize("mode", ["check", "plan"])
def test_what_needs_knowledge_of_the_distribution_is_unknown_and_the_rest_goes_on(
    mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = prepared(monkeypatch, tmp_path)
    stage = all_stages.Prerequisites.open({"host": "void01", "transport": "ssh", "mode": mode})
    asked = len(host.asked)
    (found,) = stage.check_packages().findings
    assert (found.id, found.status) == ("check_packages.known", Status.UNKNOWN)
    assert "ID=void" in found.reason
    # it was known before the host was asked that there is nothing to ask for
    assert len(host.asked) == asked
    assert stage.result().status is Status.UNKNOWN


class OtherBootLoader(all_stages.GrubCrashkernel):
    @step
    def refuse(self) -> StepReport:
        raise UnsupportedHost("this host boots by systemd-boot", "edit its entries")


@pytest.mark.parametrize("mode", ["check", "plan", "apply"])
def test_another_boot_loader_of_a_known_family_stops_only_changes(
    mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prepared(monkeypatch, tmp_path, "ID=debian\nVERSION_ID=12\n")
    stage = OtherBootLoader.open({"host": "void01", "transport": "ssh", "mode": mode, "consent": "void01"})
    if mode == "apply":
        with pytest.raises(UnsupportedHost, match="systemd-boot"):
            stage.refuse()
        return
    (found,) = stage.refuse().findings
    assert (found.id, found.status, found.remedy) == ("refuse.known", Status.UNKNOWN, "edit its entries")
