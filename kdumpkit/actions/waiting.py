"""Waiting with an end: polls, a clock that can be replaced, and the return of a host from a reboot or a panic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from kdumpkit.command import command
from kdumpkit.errors import (
    CommandTimeout,
    ConnectError,
    HostError,
    HostKeyChanged,
    HostLost,
    HostNeverCameBack,
    KdumpkitError,
)
from kdumpkit.facts.boot_id import BOOT_ID
from kdumpkit.facts.kernel_command_line import parse_kernel_command_line
from kdumpkit.hosts.base import Host

T = TypeVar("T")


class Clock(Protocol):
    """Seconds that only go forward, and a way to let them pass. A replay brings its own and waits for nothing."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Progress:
    """How a wait stands: ``elapsed_s`` of at most ``deadline_s``, and one phrase on what was seen last."""

    elapsed_s: float
    deadline_s: float
    seen: str


OnProgress = Callable[[Progress], None]


def wait_until(
    poll: Callable[[], T | None],
    clock: Clock,
    deadline_s: float,
    interval_s: float | Callable[[float], float],
    on_progress: OnProgress | None = None,
    *,
    at_end: Callable[[float], KdumpkitError],
    seen: Callable[[], str] = lambda: "",
) -> T:
    """The first answer of ``poll`` that is not None.

    ``poll`` is asked at once and then every ``interval_s`` seconds (or what that makes of the elapsed ones), a last
    time when ``deadline_s`` has passed; then what ``at_end`` makes of the elapsed seconds is raised. What ``poll``
    raises is not caught.
    """
    started = clock.now()
    while True:
        answer = poll()
        if answer is not None:
            return answer
        elapsed = clock.now() - started
        if on_progress is not None:
            on_progress(Progress(elapsed, deadline_s, seen()))
        if elapsed >= deadline_s:
            raise at_end(elapsed)
        pause_s = interval_s(elapsed) if callable(interval_s) else interval_s
        clock.sleep(min(pause_s, deadline_s - elapsed))


def pause_while_away_s(elapsed_s: float) -> float:
    """Seconds between two looks at a host that is away: 1 % of what has passed, from a quarter to two seconds.

    So that looking seldom adds no more than that to any wait, and a server that needs ten minutes for its firmware
    is not asked a thousand times.
    """
    return min(2.0, max(0.25, elapsed_s / 100))


@dataclass(frozen=True)
class BootSighting:
    """What a host that answers says about the boot it is in."""

    boot_id: str
    command_line: str
    #: /proc/vmcore exists, which only a capture kernel has
    vmcore: bool


def read_boot_sighting(host: Host) -> BootSighting:
    """Boot id, command line and whether there is a /proc/vmcore, by one command. Raises HostError where none answers.

    The host is one that goes down: no look lasts long, and the held connection is dropped after a failure, so that
    the next look makes a new one.
    """
    host.expect_return()
    script = f"cat {BOOT_ID} && cat /proc/cmdline && if [ -e /proc/vmcore ]; then echo vmcore; else echo none; fi"
    try:
        result = host.run(command("sh", "-c", script, timeout_s=5, title="which boot is this", inline=True)).checked()
    except HostError:
        host.disconnect()
        raise
    lines = result.text.split("\n")
    return BootSighting(lines[0].strip(), "\n".join(lines[1:-2]), lines[-2:-1] == ["vmcore"])


def is_capture_kernel(sighting: BootSighting) -> bool:
    """True for a capture kernel: it has /proc/vmcore, or was given ``elfcorehdr=``."""
    words = parse_kernel_command_line(sighting.command_line.encode() or b"-").parameters
    return sighting.vmcore or any(word.name == "elfcorehdr" for word in words)


@dataclass(frozen=True)
class BootReturn:
    """A host that came back. Times are the clock's; None where that was not seen between two looks.

    ``lost_at``: it no longer answered. ``capture_seen_at``: its capture kernel answered.
    """

    boot_id: str
    started_at: float
    lost_at: float | None
    capture_seen_at: float | None
    back_at: float

    @property
    def away_s(self) -> float:
        """Seconds from the start of the wait until the host was back."""
        return self.back_at - self.started_at


def wait_for_new_boot(
    look: Callable[[], BootSighting],
    clock: Clock,
    old_boot_id: str,
    deadline_s: float,
    on_progress: OnProgress | None = None,
    *,
    interval_s: float | Callable[[float], float] = pause_while_away_s,
    is_capture: Callable[[BootSighting], bool] = is_capture_kernel,
    host: str = "the host",
) -> BootReturn:
    """The return of a host in a new boot of its normal kernel.

    ``look`` is :func:`read_boot_sighting` on the host. Only a changed boot id counts; an answer from the capture
    kernel is noted and waited past. That no connection is made, breaks or hangs is expected meanwhile; a changed host
    key and everything else is raised at once. Raises HostNeverCameBack, saying what was seen last.
    """
    state = BootReturn("", clock.now(), None, None, 0.0)
    seen = "has not been asked yet"

    def poll() -> BootReturn | None:
        nonlocal state, seen
        try:
            sighting = look()
        except HostKeyChanged:
            raise
        except (ConnectError, HostLost, CommandTimeout) as error:
            seen = f"does not answer ({error.message})"
            if state.lost_at is None:
                state = replace(state, lost_at=clock.now())
            return None
        if is_capture(sighting):
            seen = "its capture kernel answers"
            if state.capture_seen_at is None:
                now = clock.now()
                state = replace(state, capture_seen_at=now, lost_at=state.lost_at or now)
            return None
        if not sighting.boot_id or sighting.boot_id == old_boot_id.strip():
            seen = "still answers from the same boot" if sighting.boot_id else "answers without a boot id"
            return None
        return replace(state, boot_id=sighting.boot_id, back_at=clock.now())

    def never(elapsed_s: float) -> HostNeverCameBack:
        return _never_came_back(host, elapsed_s, seen, state)

    return wait_until(poll, clock, deadline_s, interval_s, on_progress, at_end=never, seen=lambda: seen)


def _never_came_back(host: str, elapsed_s: float, seen: str, state: BootReturn) -> HostNeverCameBack:
    if state.lost_at is None:
        return HostNeverCameBack(
            f"{host}: no new boot within {elapsed_s:.0f} s; it {seen}, so it never went down",
            "look at its log: journalctl --boot --lines 50",
        )
    if state.capture_seen_at is not None:
        return HostNeverCameBack(
            f"{host}: no new boot within {elapsed_s:.0f} s; its capture kernel started and did not end, or was "
            "not followed "
            f"by a normal boot (last: {seen})",
            "look at its console; a dump that is still being written needs a longer deadline, a capture kernel "
            "that hangs a reset",
        )
    return HostNeverCameBack(
        f"{host}: no new boot within {elapsed_s:.0f} s; it went down and did not come back (last: {seen})",
        "look at its console, then reset the machine",
    )
