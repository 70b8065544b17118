"""The trigger, on hosts that only listen: no test here may ever run it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kdumpkit.actions.consent import Consent
from kdumpkit.actions.crash import label_line, trigger_panic
from kdumpkit.actions.reboot import trigger_reboot
from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import CommandFailed, ConsentMissing, GateClosed, HostLost, NotVerified, ParameterError

from .hosts import ScriptedHost, result

THERE = "7f0f3a52-6f2d-44a8-8a4f-1d0c5b1c9e22"
CONSENT = Consent("web01", THERE)
LABEL = "20261123T051200Z-ab12"


def test_the_label_is_logged_and_read_back_and_synced_before_the_trigger() -> None:
    host = ScriptedHost()
    trigger_panic(host, LABEL, CONSENT)
    mark, trigger = host.asked
    assert mark.argv[-1] == f"kdumpkit: panic test {LABEL}"
    script = mark.argv[2]
    assert script.index("/dev/kmsg") < script.index("dmesg") < script.index("sync")
    assert trigger.argv[-2:] == (THERE, "echo c > /proc/sysrq-trigger")
    assert mark.as_root
    assert trigger.as_root
    assert "sysrq" not in script


@pytest.mark.parametrize("status", [1, 2, 126])
def test_without_the_label_in_the_log_nothing_is_crashed(status: int) -> None:
    host = ScriptedHost(
        lambda command: result(command, status, b"", b"sh: 1: cannot create /dev/kmsg: Permission denied\n")
    )
    with pytest.raises(NotVerified, match="nothing was crashed"):
        trigger_panic(host, LABEL, CONSENT)
    assert len(host.asked) == 1


def test_a_connection_that_breaks_while_the_label_is_written_crashes_nothing() -> None:
    def lost(command: Command) -> CommandResult:
        raise HostLost("web01: broke")

    host = ScriptedHost(lost)
    with pytest.raises(HostLost):
        trigger_panic(host, LABEL, CONSENT)
    assert len(host.asked) == 1


@pytest.mark.parametrize("consent", [None, "web01", Consent("web01", "")])
def test_without_a_consent_that_was_checked_nothing_is_triggered(consent: object) -> None:
    for trigger in (trigger_reboot, lambda host, given: trigger_panic(host, LABEL, given)):
        host = ScriptedHost()
        with pytest.raises(ConsentMissing):
            trigger(host, consent)  # type: ignore[arg-type]
        assert not any("sysrq-trigger" in word or "reboot" in word for asked in host.asked for word in asked.argv)


def test_a_host_that_has_booted_since_is_not_taken_down_again() -> None:
    def booted(command: Command) -> CommandResult:
        return result(command, 90 if THERE in command.argv else 0)

    for trigger in (trigger_reboot, lambda host, given: trigger_panic(host, LABEL, given)):
        with pytest.raises(GateClosed, match="has booted since"):
            trigger(ScriptedHost(booted), CONSENT)


def test_a_trigger_that_cannot_be_started_is_an_error() -> None:
    with pytest.raises(CommandFailed):
        trigger_reboot(ScriptedHost(lambda command: result(command, 91)), CONSENT)


@pytest.mark.parametrize("label", ["", "a b", "x\ny", "$(id)", "-n", "a" * 81, "é"])
def test_labels_that_are_not_safe_in_a_kernel_log_are_refused(label: str) -> None:
    host = ScriptedHost()
    with pytest.raises(ParameterError):
        trigger_panic(host, label, CONSENT)
    assert host.asked == []


def detached_script() -> str:
    host = ScriptedHost()
    trigger_reboot(host, CONSENT)
    return host.asked[0].argv[2]


def test_the_real_script_refuses_another_boot_id_and_starts_nothing(tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")
    run = subprocess.run(["sh", "-c", detached_script(), "sh", THERE, f"touch {mark}"], check=False, timeout=10)
    assert run.returncode == 90
    assert subprocess.run(["sh", "-c", f'sleep 1.5; test -e "{mark}"'], check=False).returncode == 1


def test_the_real_script_comes_back_at_once_and_its_last_words_outlive_it(tmp_path: Path) -> None:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        here = file.read().strip()
    mark = str(tmp_path / "mark")
    # in the place of the panic: a file
    run = subprocess.run(["sh", "-c", detached_script(), "sh", here, f"touch {mark}"], check=False, timeout=10)
    assert run.returncode == 0
    assert subprocess.run(["test", "-e", mark], check=False).returncode == 1
    assert subprocess.run(["sh", "-c", f'sleep 2; test -e "{mark}"'], check=False).returncode == 0


def test_the_line_in_the_log() -> None:
    assert label_line("a:1") == "kdumpkit: panic test a:1"
