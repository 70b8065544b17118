"""A crash as text and as a page: nothing of a hostile log gets through, and every part may be missing."""

from __future__ import annotations

from typing import Any

import pytest

from kdumpkit.render.crash_page import crash_page
from kdumpkit.render.crash_text import CONFIDENCE_MEANS, crash_text
from kdumpkit.render.figures import data_digest, draw_png
from kdumpkit.runbook.step import Figure
from tests.render.hostile import HOSTILE, bars, harmless, stack_row
from tests.render.page import Page

TIMELINE = {
    "begin_s": -60.0,
    "end_s": 1.5,
    "bins": [1, 0, 5, 9] * 15,
    "lines": 225,
    "marks": [[-20.0, "hang", f"hang {HOSTILE}"], [0.0, "fatal", f"end {HOSTILE}"]],
    "marks_left_out": 3,
    "words": f"The last 62 s of the log {HOSTILE}",
}


def figures() -> dict[str, Any]:
    tasks, memory, composition = (dict(figure.data) for figure in bars())
    row = stack_row(0, HOSTILE, module=HOSTILE, place=HOSTILE, mark="died here")
    return {
        "call_stack": {"source": "dump", "rows": [row], "frames": 1, "words": f"stack {HOSTILE}"},
        "timeline": TIMELINE,
        "tasks_by_state": tasks | {"words": f"tasks {HOSTILE}"},
        "memory_by_use": memory | {"words": f"memory {HOSTILE}"},
        "dump_composition": composition | {"words": f"dump {HOSTILE}"},
    }


def document(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "file": f"dump {HOSTILE}",
        "status": "WARN",
        "dump": {
            "kind": f"kind {HOSTILE}",
            "release": f"release {HOSTILE}",
            "machine": "x86_64",
            "node": HOSTILE,
            "crash_time": 1795412064,
        },
        "crash": {
            "kind": "null_deref",
            "panic_reason": HOSTILE,
            "rip_symbol": HOSTILE,
            "rip_offset": "+0x1/0x2",
            "rip_module": HOSTILE,
            "comm": HOSTILE,
            "pid": 1,
            "cpu": 0,
            "kernel_release": HOSTILE,
            "tainted": "OE",
            "taints": [HOSTILE],
            "hardware_name": HOSTILE,
            "call_trace": [HOSTILE],
        },
        "cause": {
            "rule": "x",
            "sentence": f"so {HOSTILE}",
            "confidence": "likely",
            "origin": "kernel",
            "evidence": [{"source": "log", "line": 3, "text": HOSTILE}, {"source": "dump", "line": None, "text": "x"}],
            "next_steps": [{"text": f"do {HOSTILE}", "command": f"run {HOSTILE}"}],
            "would_raise": [f"more {HOSTILE}"],
        },
        "signature": {"title": HOSTILE, "hash": "0" * 16, "frames": [], "weak": True},
        "timeline": TIMELINE,
        "figures": figures(),
        "reports": [{"kind": "oops", "title": HOSTILE, "line": n, "fatal": n == 1} for n in (1, 2)],
        "last_words": [{"line": 1, "text": HOSTILE}],
        "findings": [{"status": "FAIL", "id": "a.b", "reason": HOSTILE, "remedy": HOSTILE}],
        "sections": {
            "crashed_task": {"frames": [{"function": HOSTILE, "source_file": HOSTILE, "line": 1, "module": HOSTILE}]},
            f"new {HOSTILE}": {"value": [HOSTILE]},
        },
    }
    return {**values, **changes}


def test_hostile_text_gets_into_neither() -> None:
    text = crash_text(document())
    harmless(text)
    page = Page(crash_page(document()))
    harmless(page.text)
    assert page.names().isdisjoint({"script", "iframe", "object", "form", "link"})
    assert not [value for name in ("src", "href") for value in page.attributes(name) if not value.startswith("data:")]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    harmless(" ".join(page.attributes("alt")))


@pytest.mark.slow
@pytest.mark.parametrize(
    "missing",
    ["dump", "crash", "cause", "signature", "timeline", "figures", "reports", "last_words", "findings", "sections"],
)
def test_any_part_may_be_missing(missing: str) -> None:
    without = document(**{missing: None})
    del without[missing]
    assert crash_text(without)
    assert Page(crash_page(without)).names() >= {"h1", "p"}
    assert crash_page(document(**{missing: None}))


def test_each_figure_has_its_words_as_alternative_and_as_caption() -> None:
    page = Page(crash_page(document()))
    alternatives = list(page.attributes("alt"))
    assert [text.split()[0] for text in alternatives] == ["stack", "The", "tasks", "memory", "dump"]
    assert all(value.startswith("data:image/png;base64,") for value in page.attributes("src"))
    assert len(list(page.attributes("src"))) == 5
    for text in alternatives:
        assert text in page.text


@pytest.mark.parametrize("name", figures())
def test_a_figure_that_is_missing_says_why_and_takes_no_other_along(name: str) -> None:
    whole = crash_page(document())
    page = crash_page(document(figures=figures() | {name: {"missing": f"of a reason {HOSTILE}"}}))
    assert page.count("<img") == whole.count("<img") - 1
    assert "not drawn, as of a reason" in page
    harmless(Page(page).text)


def test_every_word_of_the_scale_is_explained() -> None:
    from kdumpkit.analysis.cause import Confidence

    assert set(CONFIDENCE_MEANS) == {str(word) for word in Confidence}


def timeline_figure(data: dict[str, Any]) -> Figure:
    return Figure("log-timeline", str(data["words"]), data)


def test_the_timeline_is_drawn_the_same_each_time_and_says_in_words_what_it_shows() -> None:
    figure = timeline_figure(TIMELINE)
    assert draw_png(figure) == draw_png(figure)
    assert draw_png(figure).startswith(b"\x89PNG")
    assert data_digest(figure) != data_digest(timeline_figure({**TIMELINE, "bins": [1] * 60}))
    assert figure.caption == TIMELINE["words"]


def test_a_timeline_of_one_instant_can_be_drawn() -> None:
    data = {**TIMELINE, "begin_s": 0.0, "end_s": 0.0, "bins": [0] * 59 + [1], "marks": [[0.0, "fatal", "x"]]}
    assert draw_png(timeline_figure(data)).startswith(b"\x89PNG")
