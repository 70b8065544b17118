"""Every check over one survey: what ``kdumpkit check`` shows for a host."""

from __future__ import annotations

from dataclasses import dataclass

from kdumpkit.checks.crashkernel import check_crashkernel_configured, check_crashkernel_tokens, check_reservation
from kdumpkit.checks.debug_symbols import check_debug_symbols
from kdumpkit.checks.dump_target import check_dump_file_system, check_dump_space
from kdumpkit.checks.finding import Finding
from kdumpkit.checks.kdump_tools import check_kdump_tools
from kdumpkit.checks.kernels import check_newest_is_running, check_running_is_default, check_second_kernel
from kdumpkit.checks.kexec import check_load_allowed, check_loaded
from kdumpkit.checks.packages import check_packages, check_programs
from kdumpkit.checks.service import check_service_active, check_service_enabled
from kdumpkit.checks.sysctls import check_sysctls
from kdumpkit.checks.watchdog import EXPECTED_CAPTURE_S, check_watchdog_budget
from kdumpkit.facts.grub_cfg import GrubConfig, GrubEntry, default_entry
from kdumpkit.facts.survey import Survey
from kdumpkit.facts.systemd_unit import SystemdUnit
from kdumpkit.facts.uname import Uname
from kdumpkit.facts.unknown import Unknown, Why


@dataclass(frozen=True)
class Expectations:
    """What a host should look like. Names and commands come from its distribution, sizes from its parameters."""

    packages: tuple[str, ...] = ()
    optional_packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    service: str = "kdump-tools.service"
    #: the wanted value of crashkernel=; None: any that reserves something
    crashkernel: str | None = None
    #: seconds from a panic until the dump is written
    capture_s: float = EXPECTED_CAPTURE_S
    install_packages: str = "apt-get install"
    install_symbols: str = "apt-get install linux-image-$(uname -r)-dbg"
    install_kernel: str = "apt-get install linux-image-amd64"


def check_survey(survey: Survey, expected: Expectations) -> tuple[Finding, ...]:
    """All findings, in the order of the runbook's stages."""
    machine = survey.uname.machine if isinstance(survey.uname, Uname) else "x86_64"
    unit = _unit(survey, expected.service)
    wanted = expected.crashkernel
    return (
        check_packages(
            survey.packages, expected.packages, expected.optional_packages, install_command=expected.install_packages
        ),
        check_programs(survey.programs, expected.programs),
        check_second_kernel(survey.kernels, install_command=expected.install_kernel),
        check_newest_is_running(survey.kernels),
        check_running_is_default(survey.kernels, survey.grub_config, survey.grub_environment),
        check_debug_symbols(survey.debug_symbols, install_command=expected.install_symbols),
        check_crashkernel_configured(
            survey.grub_config, next_entry(survey), survey.grub_defaults, survey.iomem, wanted=wanted, machine=machine
        ),
        check_crashkernel_tokens(
            survey.command_line, survey.iomem, survey.grub_defaults, wanted=wanted, machine=machine
        ),
        check_reservation(survey.iomem, survey.kexec_crash, survey.command_line, wanted=wanted, machine=machine),
        *check_kdump_tools(survey.kdump_tools),
        check_load_allowed(survey.kexec_crash, survey.firmware),
        check_service_enabled(unit),
        check_service_active(unit, survey.kexec_crash, survey.kdump_tools),
        check_loaded(survey.kexec_crash, load_command=f"systemctl restart {expected.service}"),
        check_dump_file_system(survey.dump_target),
        check_dump_space(survey.dump_target, survey.meminfo),
        *check_sysctls(survey.sysctls),
        check_watchdog_budget(survey.watchdogs, survey.sysctls.watchdog_thresh, capture_s=expected.capture_s),
    )


def next_entry(survey: Survey) -> GrubEntry | None:
    """The boot entry of the next boot; None where the menu is not known or does not have it."""
    if not isinstance(survey.grub_config, GrubConfig):
        return None
    return default_entry(survey.grub_config, survey.grub_environment)


def _unit(survey: Survey, name: str) -> SystemdUnit | Unknown:
    if isinstance(survey.units, Unknown):
        return survey.units
    try:
        return survey.units.get(name)
    except KeyError:
        return Unknown(f"systemctl show {name}", Why.NOT_ANSWERED, "the survey did not ask for it")
