from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from kdumpkit.actions.waiting import (
    BootSighting,
    Progress,
    is_capture_kernel,
    pause_while_away_s,
    read_boot_sighting,
    wait_for_new_boot,
    wait_until,
)
from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import (
    CommandFailed,
    CommandTimeout,
    ConnectError,
    FactNotCollected,
    HostKeyChanged,
    HostLost,
    HostNeverCameBack,
    LoginRefused,
)
from kdumpkit.hosts.local import LocalHost

from .hosts import FakeClock, ScriptedHost, in_turn, result

OLD = "0b8f5c5e-0d5e-4a52-9a3a-2b8d7b7d1a11"
NEW = "7f0f3a52-6f2d-44a8-8a4f-1d0c5b1c9e22"
CAPTURE = "d1d1d1d1-6f2d-44a8-8a4f-1d0c5b1c9e22"
LINE = "BOOT_IMAGE=/boot/vmlinuz-6.1.0-55-cloud-amd64 root=UUID=6f7c ro crashkernel=256M"
BEFORE = BootSighting(OLD, LINE, False)
AFTER = BootSighting(NEW, LINE, False)
IN_CAPTURE = BootSighting(CAPTURE, LINE + " elfcorehdr=0x2f000000 nr_cpus=1", True)
GONE = ConnectError("web01: connection refused", "is it up?")


def looks(*answers: object) -> Callable[[], BootSighting]:
    return cast(Callable[[], BootSighting], in_turn(answers))


def test_it_goes_down_and_comes_back_in_a_new_boot() -> None:
    clock = FakeClock()
    seen: list[Progress] = []
    look = looks(BEFORE, HostLost("web01: broke"), GONE, CommandTimeout("web01: no end"), AFTER)
    back = wait_for_new_boot(look, clock, OLD + "\n", 300, seen.append, interval_s=5)
    assert (back.boot_id, back.lost_at, back.capture_seen_at, back.back_at) == (NEW, 1005.0, None, 1020.0)
    assert back.away_s == 20.0
    assert [progress.elapsed_s for progress in seen] == [0.0, 5.0, 10.0, 15.0]
    assert seen[0].seen == "still answers from the same boot"
    assert "connection refused" in seen[2].seen
    assert {progress.deadline_s for progress in seen} == {300}


def test_the_capture_kernel_is_seen_and_not_taken_for_the_return() -> None:
    clock = FakeClock()
    back = wait_for_new_boot(looks(GONE, IN_CAPTURE, IN_CAPTURE, GONE, AFTER), clock, OLD, 300, interval_s=10)
    assert back.boot_id == NEW
    assert (back.lost_at, back.capture_seen_at, back.back_at) == (1000.0, 1010.0, 1040.0)


def test_a_reboot_between_two_looks_is_a_return() -> None:
    back = wait_for_new_boot(looks(BEFORE, AFTER), FakeClock(), OLD, 300)
    assert (back.boot_id, back.lost_at) == (NEW, None)


def test_it_never_comes_back() -> None:
    clock = FakeClock()
    with pytest.raises(HostNeverCameBack, match=r"web01: no new boot within 60 s; it went down.*refused") as caught:
        wait_for_new_boot(looks(BEFORE, GONE), clock, OLD, 60, interval_s=7, host="web01")
    assert "console" in caught.value.hint
    assert caught.value.exit_status == 3
    # the last look is at the deadline, not after it
    assert clock.time == 1060.0
    assert sum(clock.slept) == 60.0


def test_it_never_went_down() -> None:
    with pytest.raises(HostNeverCameBack, match="still answers from the same boot, so it never went down"):
        wait_for_new_boot(looks(BEFORE), FakeClock(), OLD, 60)


def test_the_capture_kernel_never_ends() -> None:
    with pytest.raises(HostNeverCameBack, match="capture kernel started and did not end"):
        wait_for_new_boot(looks(GONE, IN_CAPTURE), FakeClock(), OLD, 60)


def test_a_login_that_is_refused_while_the_host_starts_is_waited_past() -> None:
    # pam_nologin: "System is booting up. Unprivileged users are not permitted to log in yet."
    assert wait_for_new_boot(looks(GONE, LoginRefused("not yet"), AFTER), FakeClock(), OLD, 60).boot_id == NEW


@pytest.mark.parametrize(
    "error", [HostKeyChanged("another key"), FactNotCollected("x"), CommandFailed("y"), OSError("z")]
)
def test_everything_that_is_no_broken_connection_is_raised_at_once(error: Exception) -> None:
    clock = FakeClock()
    with pytest.raises(type(error)):
        wait_for_new_boot(looks(GONE, error, AFTER), clock, OLD, 60)
    assert clock.time == 1000.25


@pytest.mark.parametrize(
    ("command_line", "vmcore", "expected"),
    [
        (LINE, False, False),
        ("", False, False),
        (LINE, True, True),
        (LINE + " elfcorehdr=0x2f000000", False, True),
        # arm64 passes the header by device tree: only /proc/vmcore tells
        ("root=/dev/vda1 systemd.unit=kdump-tools-dump.service", True, True),
        (LINE + " not_elfcorehdr=1", False, False),
    ],
)
def test_a_capture_kernel_is_told_by_its_vmcore_or_its_command_line(
    command_line: str, vmcore: bool, expected: bool
) -> None:
    assert is_capture_kernel(BootSighting(NEW, command_line, vmcore)) is expected


def test_a_sighting_of_this_very_machine() -> None:
    with (
        open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot,
        open("/proc/cmdline", encoding="utf-8") as line,
    ):
        expected = BootSighting(boot.read().strip(), line.read().rstrip("\n"), False)
    assert read_boot_sighting(LocalHost()) == expected


def test_a_connection_is_dropped_after_a_failed_look_so_that_the_next_is_a_new_one() -> None:
    def lost(command: Command) -> CommandResult:
        raise HostLost("web01: broke")

    host = ScriptedHost(lost)
    with pytest.raises(HostLost):
        read_boot_sighting(host)
    assert host.disconnected == 1
    assert read_boot_sighting(ScriptedHost(lambda c: result(c, 0, f"{NEW}\na=b\nvmcore\n".encode()))) == BootSighting(
        NEW, "a=b", True
    )


def test_a_poll_that_is_answered_at_once_sleeps_not_at_all() -> None:
    clock = FakeClock()
    assert wait_until(lambda: 0, clock, 0.0, 5.0, at_end=lambda _: GONE) == 0
    assert clock.slept == []


def test_the_callers_error_is_raised_in_the_end() -> None:
    asked: list[float] = []

    def ended(elapsed_s: float) -> CommandFailed:
        asked.append(elapsed_s)
        return CommandFailed("still 0")

    with pytest.raises(CommandFailed, match="still 0"):
        wait_until(lambda: None, FakeClock(), 9.0, 4.0, at_end=ended)
    assert asked == [9.0]


def test_looks_at_a_host_that_is_away_cost_one_percent_of_the_wait_at_most() -> None:
    assert [pause_while_away_s(s) for s in (0, 20, 60, 150, 3600)] == [0.25, 0.25, 0.6, 1.5, 2.0]
    clock = FakeClock()
    began = clock.now()
    with pytest.raises(HostNeverCameBack):
        wait_for_new_boot(looks(*[GONE] * 10_000), clock, OLD, 900)
    assert clock.now() - began == 900
