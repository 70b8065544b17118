"""The reservation of the running kernel against what was asked for, as stages 02, 03 and 05 look at it."""

from __future__ import annotations

from kdumpkit.checks.crashkernel import check_crashkernel_tokens, check_reservation
from kdumpkit.checks.finding import Finding
from kdumpkit.facts.grub import GrubDefaults
from kdumpkit.facts.survey import Reservation
from kdumpkit.facts.unknown import Unknown, Why

_NOT_LOOKED_AT = Unknown("the boot loader's settings", Why.NOT_ANSWERED, "not looked at here")


def check_reservation_as_wanted(
    reservation: Reservation,
    wanted: str | None,
    machine: str,
    grub_defaults: GrubDefaults | Unknown = _NOT_LOOKED_AT,
) -> tuple[Finding, ...]:
    """``crashkernel.tokens`` and ``crashkernel.reserved``; ``wanted`` None: any reservation will do."""
    return (
        check_crashkernel_tokens(
            reservation.command_line, reservation.iomem, grub_defaults, wanted=wanted, machine=machine
        ),
        check_reservation(
            reservation.iomem, reservation.kexec_crash, reservation.command_line, wanted=wanted, machine=machine
        ),
    )
