"""Hardware watchdogs, from ``/sys/class/watchdog``, and systemd's use of them."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.facts.unknown import Unknown


@dataclass(frozen=True)
class Watchdog:
    """One device. ``timeout_s`` and ``max_timeout_s`` are None where the driver does not tell; ``active`` None likewise."""

    name: str
    identity: str | None
    timeout_s: int | None
    max_timeout_s: int | None
    active: bool | None


@dataclass(frozen=True)
class Watchdogs:
    """All watchdogs; () where there is none. ``systemd_timeout_s``: RuntimeWatchdogSec, 0.0 where systemd does not feed one."""

    devices: tuple[Watchdog, ...]
    systemd_timeout_s: float | Unknown
    records: tuple[int, ...] = ()
