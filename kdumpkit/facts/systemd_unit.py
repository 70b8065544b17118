"""The state of systemd units, from ``systemctl show``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kdumpkit.command import Command
from kdumpkit.errors import ParseError
from kdumpkit.facts.reading import answered, record_numbers
from kdumpkit.facts.text import decoded, excerpt
from kdumpkit.facts.unknown import Unknown
from kdumpkit.hosts.base import Host


@dataclass(frozen=True)
class SystemdUnit:
    """One unit in systemd's own words.

    ``load_state`` is "not-found" where there is no such unit; ``unit_file_state`` is then "". ``exec_main_status`` is
    None where systemd does not print it (targets, unknown units).
    """

    name: str
    load_state: str
    active_state: str
    sub_state: str
    unit_file_state: str
    result: str
    exec_main_status: int | None
    records: tuple[int, ...] = ()

    @property
    def exists(self) -> bool:
        return self.load_state != "not-found"

    @property
    def enabled(self) -> bool:
        """Started at boot by its own unit file (static and generated units are not)."""
        return self.unit_file_state in ("enabled", "enabled-runtime")

    @property
    def masked(self) -> bool:
        return self.load_state == "masked" or self.unit_file_state in ("masked", "masked-runtime")


@dataclass(frozen=True)
class SystemdUnits:
    """The units that were asked for, in that order."""

    units: tuple[SystemdUnit, ...]
    records: tuple[int, ...] = ()

    def get(self, name: str) -> SystemdUnit:
        """The unit of this name; KeyError where it was not asked for."""
        for unit in self.units:
            if unit.name == name:
                return unit
        raise KeyError(name)


_PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "ExecMainStatus")


def parse_systemctl_show(data: bytes, names: Sequence[str], records: tuple[int, ...] = ()) -> SystemdUnits:
    """The units in the order in which they were asked for: systemctl prints a block for each. Raises ParseError."""
    blocks = re.split(r"\n\s*\n", decoded(data, "systemctl show").strip())
    if len(blocks) != len(names):
        raise ParseError(f"systemctl show: {len(names)} units were asked for and {len(blocks)} came")
    units = tuple(_unit(name, block, records) for name, block in zip(names, blocks, strict=True))
    return SystemdUnits(units, records)


def _unit(name: str, block: str, records: tuple[int, ...]) -> SystemdUnit:
    values: dict[str, str] = {}
    for line in block.split("\n"):
        key, equals, value = line.strip().partition("=")
        if not equals:
            raise ParseError(f"systemctl show {name}: {excerpt(line)} is not a property")
        values[key] = value
    for needed in ("LoadState", "ActiveState"):
        if not values.get(needed):
            raise ParseError(f"systemctl show {name}: there is no {needed}")
    status = values.get("ExecMainStatus", "")
    return SystemdUnit(
        name=name,
        load_state=values["LoadState"],
        active_state=values["ActiveState"],
        sub_state=values.get("SubState", ""),
        unit_file_state=values.get("UnitFileState", ""),
        result=values.get("Result", ""),
        exec_main_status=int(status) if re.fullmatch(r"[0-9]{1,9}", status) else None,
        records=records,
    )


def read_units(host: Host, names: Sequence[str]) -> SystemdUnits | Unknown:
    """The state of these units. Unknown where systemd does not run on the host."""
    command = Command(("systemctl", "show", "--no-pager", "--property", ",".join(_PROPERTIES), "--", *names))
    return answered(
        host, command, lambda result: parse_systemctl_show(result.stdout, names, record_numbers(result.record))
    )
