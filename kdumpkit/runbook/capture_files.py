"""What a stage knows of the kernel and the initramfs that are to be loaded."""

from __future__ import annotations

from kdumpkit.distributions.answers import CaptureFacts, CaptureFiles
from kdumpkit.facts.el_machine import ElMachine
from kdumpkit.facts.packages import Packages
from kdumpkit.facts.unknown import Unknown
from kdumpkit.runbook.stage import Stage


def capture_facts(stage: Stage) -> CaptureFacts:
    """What of the host decides over its capture kernel."""
    settings, el_machine = stage.survey.settings, stage.survey.el_machine
    packages = stage.survey.packages if stage.distribution.capture_by_packages else None
    return CaptureFacts(
        stage.uname.release,
        stage.uname.machine,
        settings=None if isinstance(settings, Unknown) else settings,
        el_machine=el_machine if isinstance(el_machine, ElMachine) else None,
        packages=packages if isinstance(packages, Packages) else None,
    )


def read_capture_files(stage: Stage) -> CaptureFiles:
    """The files for the running release, a unified kernel image where it is one."""
    return stage.distribution.capture_files(capture_facts(stage))
