"""Hardware watchdogs, from ``/sys/class/watchdog``, and systemd's use of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import Files, answered, from_state, record_numbers, records_of
from kdumpkit.facts.text import decoded, excerpt, parse_number
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import read_files


@dataclass(frozen=True)
class Watchdog:
    """One device. ``timeout_s``, ``max_timeout_s`` and ``active`` are None where the driver does not tell."""

    name: str
    identity: str | None
    timeout_s: int | None
    max_timeout_s: int | None
    active: bool | None


@dataclass(frozen=True)
class Watchdogs:
    """All watchdogs; () where there is none. ``systemd_timeout_s`` is RuntimeWatchdogSec, 0.0: systemd feeds none."""

    devices: tuple[Watchdog, ...]
    systemd_timeout_s: float | Unknown
    records: tuple[int, ...] = ()


DIRECTORY = "/sys/class/watchdog/"
PATHS = tuple(f"{DIRECTORY}watchdog*/{name}" for name in ("identity", "timeout", "max_timeout", "state"))
_SPAN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(y|month|w|d|h|min|s|ms|us)?")
_SECONDS = {
    "y": 31557600.0,
    "month": 2629800.0,
    "w": 604800.0,
    "d": 86400.0,
    "h": 3600.0,
    "min": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
}


def parse_time_span(text: str, source: str) -> float:
    """Seconds of a span as systemd prints it (``1min 30s``); 0.0 for ``0`` and ``infinity``. Raises ParseError."""
    text = text.strip()
    if text == "infinity":
        return 0.0
    parts = text.split()
    found = [_SPAN.fullmatch(part) for part in parts]
    if not parts or not all(found) or (len(parts) > 1 and any(part and part[2] is None for part in found)):
        raise ParseError(f"{source}: {excerpt(text)} is not a span of time")
    # a number without unit is in microseconds in D-Bus and seconds in a unit file; systemctl prints only 0 so
    return sum(float(part[1]) * _SECONDS[part[2] or "s"] for part in found if part)


def parse_runtime_watchdog(data: bytes) -> float:
    """Seconds out of ``systemctl show --property RuntimeWatchdogUSec``; 0.0: systemd feeds none. Raises ParseError."""
    name, equals, value = decoded(data, "systemctl show").strip().partition("=")
    if name != "RuntimeWatchdogUSec" or not equals:
        raise ParseError(f"systemctl show: {excerpt(name)} is not RuntimeWatchdogUSec")
    return parse_time_span(value, "RuntimeWatchdogUSec")


def watchdog_devices_from(files: Files) -> tuple[Watchdog, ...] | Unknown:
    """The devices out of files that were read; () where there is none."""
    names = sorted(
        {path.split("/")[4] for path in files if path.startswith(DIRECTORY) and "*" not in path and path.count("/") > 4}
    )
    devices: list[Watchdog] = []
    for name in names:
        values: dict[str, str | int | None] = {}
        for field in ("identity", "state", "timeout", "max_timeout"):
            path = f"{DIRECTORY}{name}/{field}"
            if path not in files:
                values[field] = None
                continue
            value = from_state(files[path], lambda data, f=field, p=path: _attribute(data, f, p))  # type: ignore[misc]
            if isinstance(value, Unknown) and not value.absent:
                return value
            values[field] = None if isinstance(value, Unknown) else value
        state = values["state"]
        devices.append(
            Watchdog(
                name=name,
                identity=_text(values["identity"]),
                timeout_s=_number(values["timeout"]),
                max_timeout_s=_number(values["max_timeout"]),
                active=state == "active" if isinstance(state, str) else None,
            )
        )
    return tuple(devices)


def _attribute(data: bytes, field: str, path: str) -> str | int:
    return parse_number(data, path) if "timeout" in field else decoded(data, path).strip()


def _text(value: str | int | None) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: str | int | None) -> int | None:
    return value if isinstance(value, int) else None


def read_watchdogs(host: Host, files: Files | None = None) -> Watchdogs | Unknown:
    """All watchdogs. ``files``: what read_files answered for PATHS, read here where it is not given.

    Where there is no device, systemd is not asked: it has nothing to feed.
    """
    known = files if files is not None else read_files(host, PATHS, max_bytes=4096)
    devices = watchdog_devices_from(known)
    if isinstance(devices, Unknown):
        return devices
    asked = record_numbers(*(state.record for path, state in known.items() if path.startswith(DIRECTORY)))
    if not devices:
        return Watchdogs((), 0.0, asked)
    command = Command(("systemctl", "show", "--no-pager", "--property", "RuntimeWatchdogUSec"), timeout_s=20)
    fed = answered(host, command, lambda result: (parse_runtime_watchdog(result.stdout), record_numbers(result.record)))
    if isinstance(fed, Unknown):
        return Watchdogs(devices, fed, record_numbers(*asked, *records_of(fed)))
    return Watchdogs(devices, fed[0], record_numbers(*asked, *fed[1]))
