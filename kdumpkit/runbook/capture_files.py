"""What a stage knows of the kernel and the initramfs that are to be loaded."""

from __future__ import annotations

from kdumpkit.distributions.answers import CaptureFiles
from kdumpkit.facts.el_machine import ElMachine
from kdumpkit.facts.packages import Packages
from kdumpkit.facts.unknown import Unknown
from kdumpkit.runbook.stage import Stage


def el_machine_of(stage: Stage) -> ElMachine | None:
    """What kdumpctl asks the machine; None where the family does not ask or there was no answer."""
    found = stage.survey.el_machine
    return found if isinstance(found, ElMachine) else None


def packages_of(stage: Stage) -> Packages | None:
    """The installed packages where what is loaded depends on them; None elsewhere, or where they are not known."""
    if not stage.distribution.capture_by_packages:
        return None
    found = stage.survey.packages
    return None if isinstance(found, Unknown) else found


def read_capture_files(stage: Stage) -> CaptureFiles:
    """The files for the running release, a unified kernel image where it is one."""
    settings = stage.survey.settings
    known = None if isinstance(settings, Unknown) else settings
    release = stage.uname.release
    return stage.distribution.capture_files(release, known, el_machine_of(stage), packages_of(stage))
