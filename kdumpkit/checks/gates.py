"""What must be right before a host may be crashed."""

from __future__ import annotations

from kdumpkit.checks.crashkernel import CrashkernelRemedies, check_reservation
from kdumpkit.checks.dump_target import check_dump_file_system, check_dump_space
from kdumpkit.checks.finding import Finding
from kdumpkit.checks.kexec import check_loaded
from kdumpkit.checks.watchdog import check_watchdog_budget
from kdumpkit.facts.survey import Survey


def check_ready_to_panic(
    survey: Survey, *, unit: str = "", remedies: CrashkernelRemedies | None = None
) -> tuple[Finding, ...]:
    """The gates of the panic test: a capture kernel in reserved memory, and a place with room for the dump.

    ``unit`` is the service that loads the capture kernel, ``remedies`` are lines that ask for a reservation.
    """
    return (
        check_loaded(survey.kexec_crash, unit=unit),
        check_reservation(
            survey.iomem, survey.kexec_crash, survey.command_line, remedies=remedies or CrashkernelRemedies()
        ),
        check_dump_file_system(survey.dump_target),
        check_dump_space(survey.dump_target, survey.meminfo),
        check_watchdog_budget(survey.watchdogs, survey.sysctls.watchdog_thresh),
    )
