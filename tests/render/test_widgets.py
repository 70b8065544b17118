"""Controls without a kernel: what they say, what they hand on, and that none is made where nobody sits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

from kdumpkit.render import cell, show, show_wait, widgets
from kdumpkit.runbook.step import StepReport


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What would stand in the cell, in order."""
    seen: list[Any] = []
    monkeypatch.setattr(widgets, "display_in_cell", seen.append)
    monkeypatch.setattr(widgets, "_wait", None)
    yield seen
    ipywidgets.Widget.close_all()


@pytest.fixture
def in_cell(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The number of the cell that runs; change it to run another."""
    number = [1]
    monkeypatch.setattr(widgets, "_cell_number", lambda: number[0])
    return number


def bar_and_words(box: Any) -> tuple[Any, str]:
    bar, words = box.children
    assert isinstance(bar, ipywidgets.FloatProgress)
    return bar, str(words.value)


def consent(host: str = "web01") -> tuple[Any, Any, list[str]]:
    given: list[str] = []
    field, state = widgets.consent_field(host, given.append).children
    return field, state, given


def test_consent_is_handed_on_as_it_is_typed() -> None:
    field, state, given = consent()
    assert "No consent is given yet: the next cell refuses" in state.value
    field.value = "web"
    assert "not the host's own name: the next cell refuses" in state.value
    field.value = " web01 "
    assert "Consent is given: the next cell takes <code>web01</code> down" in state.value
    field.value = "web011"
    assert "the next cell refuses" in state.value
    field.value = ""
    assert "No consent is given yet" in state.value
    assert given == ["web", "web01", "web011", ""]


def test_consent_field_names_the_host_before_anything_is_typed() -> None:
    field, state, given = consent()
    assert field.placeholder == "type web01"
    assert field.continuous_update
    assert "web01" in field.tooltip
    assert "<code>web01</code>" in state.value
    assert given == []


def test_name_from_a_host_is_no_html() -> None:
    field, state, _ = consent("<img src=x onerror=alert(1)>\x1b[31m")
    for typed in ("", "x"):
        field.value = typed
        assert "<img" not in state.value
        assert "&lt;img" in state.value
    assert "\x1b" not in field.placeholder + field.tooltip + state.value


def test_consent_is_shown_below_what_it_is_for(displayed: list[Any]) -> None:
    given: list[str] = []
    assert show(StepReport("Consent to a crash", ask="web01", answer=given.append, conclusion="type it")) is None
    report, field = displayed
    assert "Consent to a crash" in repr(report)
    assert "type it" in report._repr_mimebundle_()[0]["text/html"]
    field.children[0].value = "web01"
    assert given == ["web01"]


def test_wait_shows_elapsed_and_expected(displayed: list[Any], in_cell: list[int]) -> None:
    show_wait("panic: the host does not answer", 0.0, 120.0)
    show_wait("panic: its capture kernel answers", 30.4, 120.0)
    (box,) = displayed
    bar, words = bar_and_words(box)
    assert words == "panic: its capture kernel answers: 30 s of about 2 min 00 s"
    assert (bar.value, bar.max, bar.bar_style) == (30.4, 120.0, "")
    show_wait("panic: its capture kernel answers", 150.0, 120.0)
    bar, words = bar_and_words(box)
    assert words.endswith(": 2 min 30 s, longer than the 2 min 00 s expected")
    assert (bar.value, bar.max, bar.bar_style) == (150.0, 150.0, "warning")
    assert len(displayed) == 1


def test_wait_of_unknown_length_has_no_expectation(displayed: list[Any], in_cell: list[int]) -> None:
    show_wait("fetching", 0.0, 0.0)
    show_wait("fetching", 7.0, 0.0)
    bar, words = bar_and_words(displayed[0])
    assert words == "fetching: 7 s"
    assert bar.bar_style == ""


def test_another_wait_gets_a_bar_of_its_own(displayed: list[Any], in_cell: list[int]) -> None:
    show_wait("first", 0.0, 10.0)
    show_wait("first", 3.0, 10.0)
    show_wait("second", 0.0, 10.0)
    assert len(displayed) == 2
    in_cell[0] = 2
    # later in its time than the one before, but in another cell: it would be seen nowhere
    show_wait("third", 5.0, 10.0)
    assert [bar_and_words(box)[1] for box in displayed] == [
        "the wait is over after 3 s; last seen: first",
        "second: 0 s of about 10 s",
        "third: 5 s of about 10 s",
    ]


def test_wait_is_over_when_its_result_is_shown(displayed: list[Any], in_cell: list[int]) -> None:
    show_wait("panic: the host answers", 0.0, 120.0)
    show_wait("panic: the host answers", 71.0, 120.0)
    show(StepReport("Return"))
    bar, words = bar_and_words(displayed[0])
    assert words == "the wait is over after 71 s; last seen: panic: the host answers"
    assert (bar.value, bar.bar_style) == (bar.max, "success")


def test_wait_that_ended_in_an_error_is_not_called_over(displayed: list[Any], in_cell: list[int]) -> None:
    show_wait("panic: the host does not answer", 900.0, 120.0)
    in_cell[0] = 2
    show(StepReport("Another cell"))
    assert "longer than" in bar_and_words(displayed[0])[1]


def test_words_of_a_host_are_cleaned_and_bounded(displayed: list[Any], in_cell: list[int]) -> None:
    show_wait("\x1b[2J" + "x" * 5000, 1.0, 2.0)
    words = bar_and_words(displayed[0])[1]
    assert "\x1b" not in words
    assert len(words) < 200


def test_headless_cell_imports_no_widgets() -> None:
    program = (
        "import sys; from kdumpkit.render import show, show_wait; from kdumpkit.runbook.step import StepReport; "
        "show(StepReport('x')); sys.exit('ipywidgets' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


def test_nothing_that_breaks_evidence_is_used() -> None:
    for module in (widgets, cell):
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        code = source.partition('"""\n\nfrom __future__')[2]
        assert code
        for word in ("clear_output", "display_id", "Output(", "update_display"):
            assert word not in code
