"""Consent in a notebook: a field for a person, the parameter for a headless run."""

from __future__ import annotations

from kdumpkit.runbook.stage import Stage
from kdumpkit.runbook.step import StepReport


def consent_report(stage: Stage, *, needed: bool, deed: str) -> StepReport:
    """Where consent stands. By hand the notebook shows a field; headless the parameter counts."""
    title = f"Consent to the host being {deed}"
    if not needed:
        return StepReport(title, conclusion="not needed here")
    if not stage.applying:
        return StepReport(title, conclusion=f"mode is {stage.parameters.mode}: none is asked for")
    if stage.session.interactive:
        return StepReport(
            title,
            ask=stage.uname.nodename,
            answer=stage.give_consent_text,
            conclusion=f"type {stage.uname.nodename} into the field, then run the next cell",
        )
    stage.read_consent()
    return StepReport(title, conclusion=f"given for {stage.uname.nodename} by the parameter consent")
