"""The reservation of the running kernel against what was asked for, as stages 02, 03 and 05 look at it."""

from __future__ import annotations

from kdumpkit.checks.crashkernel import CrashkernelRemedies, check_crashkernel_tokens, check_reservation
from kdumpkit.checks.finding import Finding
from kdumpkit.facts.boot_loader import BootLoader
from kdumpkit.facts.survey import Reservation
from kdumpkit.facts.unknown import Unknown, Why

_NOT_LOOKED_AT = Unknown("the boot loader's settings", Why.NOT_ANSWERED, "not looked at here")


def check_reservation_as_wanted(
    reservation: Reservation,
    wanted: str | None,
    machine: str,
    boot_loader: BootLoader | Unknown = _NOT_LOOKED_AT,
    remedies: CrashkernelRemedies | None = None,
) -> tuple[Finding, ...]:
    """``crashkernel.tokens`` and ``crashkernel.reserved``; ``wanted`` None: any reservation will do."""
    iomem, line = reservation.iomem, reservation.command_line
    lines = remedies or CrashkernelRemedies()
    return (
        check_crashkernel_tokens(line, iomem, boot_loader, wanted=wanted, machine=machine, remedies=lines),
        check_reservation(iomem, reservation.kexec_crash, line, wanted=wanted, machine=machine, remedies=lines),
    )
