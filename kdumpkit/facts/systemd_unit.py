"""The state of systemd units, from ``systemctl show``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SystemdUnit:
    """One unit in systemd's own words.

    ``load_state`` is "not-found" where there is no such unit; ``unit_file_state`` is then "". ``exec_main_status`` is None
    where systemd does not print it (targets, or never run).
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
