"""The service that loads the capture kernel at boot: switched on, enabled, started, stopped."""

from __future__ import annotations

from collections.abc import Mapping

from kdumpkit.actions.plan import Change, CommandChange, FileChange, Plan
from kdumpkit.command import Command, command
from kdumpkit.distributions.answers import SettingsWanted
from kdumpkit.distributions.base import Distribution
from kdumpkit.errors import GateClosed
from kdumpkit.facts.systemd_unit import SystemdUnit


def plan_settings(distribution: Distribution, files: Mapping[str, bytes], wanted: SettingsWanted) -> Plan:
    """The plan after which the distribution's settings say what is wanted. ``files``: those that exist, by path.

    Switched off there, the service ends well and loads nothing, so its green state proves nothing.
    """
    path = distribution.kdump_service().settings_path
    title = f"what {path} should say"
    edits = distribution.edit_settings(files, wanted)
    if not edits:
        return Plan(title, (), f"{path} says so already")
    changes = tuple(FileChange(edit.path, edit.before, edit.after) for edit in edits)
    return Plan(title, changes, "", ("it is read when the service starts",))


def plan_enable(distribution: Distribution, unit: SystemdUnit) -> Plan:
    """The plan after which the service starts at each boot. Raises GateClosed where there is no such unit."""
    name = _present(distribution, unit)
    title = f"start {name} at each boot"
    if unit.enabled:
        return Plan(title, (), f"{name} is enabled")
    changes: list[Change] = []
    if unit.masked:
        changes.append(CommandChange(_systemctl("unmask", name), "it is masked", _systemctl("mask", name)))
    changes.append(
        CommandChange(
            _systemctl("enable", name), "the capture kernel is gone after each reboot", _systemctl("disable", name)
        )
    )
    return Plan(title, tuple(changes))


def plan_start(distribution: Distribution, unit: SystemdUnit, *, loaded: bool) -> Plan:
    """The plan that has the service load the capture kernel. Empty where one is loaded.

    A unit that is active with nothing loaded is restarted: to start it again would do nothing.
    """
    name = _present(distribution, unit)
    title = f"load the capture kernel by {name}"
    if loaded:
        return Plan(title, (), "a capture kernel is loaded (kexec_crash_loaded is 1)")
    note = "the first start may build the kdump initramfs, which takes minutes on a slow machine"
    if unit.active_state == "active":
        why = "it is active although nothing is loaded, and to start an active unit does nothing"
        change = CommandChange(_systemctl("restart", name), why, _systemctl("stop", name))
    else:
        change = CommandChange(_systemctl("start", name), "loads kernel and kdump initramfs", _systemctl("stop", name))
    return Plan(title, (change,), "", (note,))


def plan_stop(distribution: Distribution, unit: SystemdUnit, *, loaded: bool) -> Plan:
    """The plan that unloads the capture kernel. Empty where none is loaded.

    A kernel that was loaded past the service is taken out by the distribution's own tool, as stopping would do nothing.
    """
    name = _present(distribution, unit)
    title = f"unload the capture kernel by {name}"
    if not loaded:
        return Plan(title, (), "no capture kernel is loaded (kexec_crash_loaded is 0)")
    note = "until it is started again, a panic leaves no dump"
    if unit.active_state == "active":
        change = CommandChange(_systemctl("stop", name), "unloads the capture kernel", _systemctl("start", name))
    else:
        service = distribution.kdump_service()
        change = CommandChange(service.unload, f"one is loaded although {name} is {unit.active_state}", service.load)
    return Plan(title, (change,), "", (note,))


def _present(distribution: Distribution, unit: SystemdUnit) -> str:
    wanted = distribution.kdump_service().unit
    if unit.name != wanted or not unit.exists:
        raise GateClosed(
            f"there is no {wanted} on this host, so the package that brings it is not installed",
            "run the stage that installs packages (01-prerequisites) in mode: apply",
        )
    return unit.name


def _systemctl(verb: str, unit: str) -> Command:
    timeout_s = 900.0 if verb in ("start", "restart") else 120.0
    return command("systemctl", verb, unit, timeout_s=timeout_s, as_root=True)
