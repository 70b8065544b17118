"""``show(value)``: the last line of every notebook cell, one value as one result."""

from __future__ import annotations

import sys
from typing import Any

from kdumpkit.checks.finding import finding_as_json
from kdumpkit.evidence.redact import cleaned
from kdumpkit.render.html import result_html, step_html
from kdumpkit.render.text import result_text, step_text
from kdumpkit.runbook.step import StageResult, StepReport

#: the MIME type of a notebook's machine-readable result
RESULT_MIME = "application/vnd.kdumpkit.result+json"


class Shown:
    """A value ready for the front end: HTML, the same in plain text, and for a figure its picture."""

    def __init__(self, bundle: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        self._bundle = bundle
        self._metadata = metadata or {}

    def __repr__(self) -> str:
        return str(self._bundle["text/plain"])

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._bundle, self._metadata


def show(value: StepReport | StageResult) -> Shown | None:
    """The value as a cell shows it. None where a person has to type something: it is shown already, the field last."""
    _end_wait()
    if isinstance(value, StageResult):
        return Shown(
            {
                RESULT_MIME: result_as_json(value),
                "text/html": result_html(value),
                "text/plain": result_text(value),
            }
        )
    bundle: dict[str, Any] = {"text/html": step_html(value), "text/plain": step_text(value)}
    if value.ask and value.answer is not None:
        from kdumpkit.render.widgets import consent_field, display_in_cell

        display_in_cell(Shown(bundle))
        display_in_cell(consent_field(value.ask, value.answer))
        return None
    if value.figure is None:
        return Shown(bundle)
    # matplotlib is imported only by the notebooks that draw
    from kdumpkit.render.figures import data_digest, draw_png

    bundle["text/plain"] += f"\n  data sha256 {data_digest(value.figure)}"
    del bundle["text/html"]
    bundle["image/png"] = draw_png(value.figure)
    return Shown(bundle, {"image/png": {"alt": cleaned(value.figure.caption)}})


def result_as_json(result: StageResult) -> dict[str, Any]:
    """The machine-readable result."""
    return {
        "schema": 1,
        "stage": result.stage,
        "host": result.host,
        "mode": result.mode,
        "run_id": result.run_id,
        "status": str(result.status),
        "findings": [finding_as_json(finding) for finding in result.findings],
        "values": dict(result.values),
    }


def show_wait(text: str, elapsed_s: float, expected_s: float) -> None:
    """Live progress for a person at the front end; see :mod:`kdumpkit.render.widgets`."""
    from kdumpkit.render.widgets import update_wait

    update_wait(text, elapsed_s, expected_s)


def _end_wait() -> None:
    # only a wait that was shown has anything to end; a headless run does not import ipywidgets
    widgets = sys.modules.get("kdumpkit.render.widgets")
    if widgets is not None:
        widgets.end_wait()
