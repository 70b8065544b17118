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
        # a new field is empty, and what was typed into another one does not count
        stage.give_consent_text("")
        return StepReport(
            title,
            ask=stage.uname.nodename,
            answer=stage.give_consent_text,
            conclusion=f"To agree, type {stage.uname.nodename} into the field below: the name that the host gives "
            "itself. Until then the next cell refuses, and nothing is done.",
        )
    # what is about to go down is looked at once more right before that
    stage.read_consent(stage.known(stage.survey.boot))
    how = "by hand, typed into the field" if stage.session.by_hand else "by the parameter consent"
    return StepReport(title, conclusion=f"given for {stage.uname.nodename} {how}")
