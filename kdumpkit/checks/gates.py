"""What must be right before a host may be crashed."""

from __future__ import annotations

from kdumpkit.checks.capture_time import ASSUMED, CaptureTime
from kdumpkit.checks.crashkernel import CrashkernelRemedies, check_reservation
from kdumpkit.checks.dump_size import DEFAULT_COLLECTOR, check_dump_fits
from kdumpkit.checks.dump_target import check_dump_file_system
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.kexec import check_loaded
from kdumpkit.checks.watchdog import check_watchdog_budget
from kdumpkit.errors import ParseError
from kdumpkit.facts.dump_size import CoreCollector, MemoryUsage, dump_size_bounds, parse_core_collector
from kdumpkit.facts.survey import Survey
from kdumpkit.facts.unknown import Unknown


def check_ready_to_panic(
    survey: Survey,
    *,
    unit: str = "",
    remedies: CrashkernelRemedies | None = None,
    usage: MemoryUsage | Unknown | None = None,
    capture: CaptureTime = ASSUMED,
) -> tuple[Finding, ...]:
    """The gates of the panic test: a capture kernel in reserved memory, and a place with room for the dump.

    ``unit`` is the service that loads the capture kernel, ``remedies`` are lines that ask for a reservation, ``usage``
    is the measured size of a dump (None: not measured), ``capture`` how long a capture takes.
    """
    return (
        check_loaded(survey.kexec_crash, unit=unit),
        check_reservation(
            survey.iomem, survey.kexec_crash, survey.command_line, remedies=remedies or CrashkernelRemedies()
        ),
        check_dump_file_system(survey.dump_target),
        check_fits(survey, usage),
        check_watchdog_budget(survey.watchdogs, survey.sysctls.watchdog_thresh, capture),
    )


def check_fits(survey: Survey, usage: MemoryUsage | Unknown | None = None) -> Finding:
    """``dump_target.fits`` by the host's own settings. ``usage`` None: not measured."""
    settings = survey.settings
    bounds = dump_size_bounds(survey.meminfo)
    if isinstance(settings, Unknown):
        # that the target is not known either is what the finding then says
        return check_dump_fits(survey.dump_target, bounds, usage)
    try:
        collector = parse_core_collector(settings.collector) if settings.collector else DEFAULT_COLLECTOR
    except ParseError as error:
        reason = f"The core collector of {settings.path} writes no dump: {error.message}."
        return Finding("dump_target.fits", Status.FAIL, reason, f"editor {settings.path}", settings.records)
    if settings.compression:
        collector = CoreCollector(collector.level, True)
    return check_dump_fits(
        survey.dump_target,
        bounds,
        usage,
        collector=collector,
        keep_free_bytes=settings.keep_free_bytes or 0,
        keep_dumps=settings.keep_dumps,
    )
