"""What made this kernel panic, and what else would have: the panic sysctls as they were in it when it died."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

#: by sysctl(8)'s name, the kernel's variables for it; over the years some got other names
_VARIABLES: dict[str, tuple[str, ...]] = {
    "kernel.panic": ("panic_timeout",),
    "kernel.panic_on_oops": ("panic_on_oops",),
    "kernel.panic_on_warn": ("panic_on_warn",),
    "kernel.panic_on_rcu_stall": ("sysctl_panic_on_rcu_stall",),
    "kernel.max_rcu_stall_to_panic": ("sysctl_max_rcu_stall_to_panic",),
    "kernel.panic_on_io_nmi": ("panic_on_io_nmi",),
    "kernel.panic_on_unrecovered_nmi": ("panic_on_unrecovered_nmi",),
    "kernel.unknown_nmi_panic": ("unknown_nmi_panic",),
    "kernel.panic_on_stackoverflow": ("sysctl_panic_on_stackoverflow",),
    "kernel.panic_print": ("panic_print",),
    "kernel.hung_task_panic": ("sysctl_hung_task_panic",),
    "kernel.hung_task_timeout_secs": ("sysctl_hung_task_timeout_secs",),
    "kernel.softlockup_panic": ("softlockup_panic",),
    "kernel.hardlockup_panic": ("hardlockup_panic",),
    "kernel.watchdog": ("watchdog_user_enabled",),
    "kernel.nmi_watchdog": ("watchdog_hardlockup_user_enabled", "nmi_watchdog_user_enabled"),
    "kernel.watchdog_thresh": ("watchdog_thresh",),
    "kernel.sysrq": ("sysrq_enabled", "__sysrq_enabled"),
    "vm.panic_on_oom": ("sysctl_panic_on_oom",),
    "vm.overcommit_memory": ("sysctl_overcommit_memory",),
    "crash_kexec_post_notifiers (command line)": ("crash_kexec_post_notifiers",),
}


@dataclass(frozen=True)
class PanicSettings:
    """The settings, by sysctl(8)'s name."""

    #: as in /proc/cmdline
    command_line: str
    #: None: this kernel has no such setting, or keeps it under a name that is not known here
    values: dict[str, int | None]


def read_panic_settings(session: DrgnSession) -> PanicSettings:
    """The settings out of an open dump."""
    from kdumpkit.analysis.sections.system import read_command_line

    return PanicSettings(
        command_line=read_command_line(session.program),
        values={name: _value(session.program, names) for name, names in _VARIABLES.items()},
    )


def _value(program: Any, names: tuple[str, ...]) -> int | None:
    for name in names:
        try:
            return int(program[name].value_())
        except (LookupError, TypeError, ValueError):
            # not in this kernel; optimised out; in modules of the same name something else
            continue
    return None


def describe_panic_settings(found: PanicSettings) -> tuple[SectionTable, ...]:
    """The settings that the kernel has, and its command line."""
    rows = tuple((name, str(value)) for name, value in found.values.items() if value is not None)
    absent = [name for name, value in found.values.items() if value is None]
    sentence = f"Its command line was: {found.command_line}"
    if absent:
        sentence += f". Not found in this kernel: {', '.join(absent)}."
    return (SectionTable("Settings of panic", sentence, ("setting", "value"), rows),)


SECTION = Section("panic_settings", PanicSettings, read_panic_settings, describe_panic_settings)
