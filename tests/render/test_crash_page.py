"""A crash as text and as a page: nothing of a hostile log gets through, and every part may be missing."""

from __future__ import annotations

from typing import Any

import pytest

from kdumpkit.render.crash_page import crash_page
from kdumpkit.render.crash_text import CONFIDENCE_MEANS, crash_text
from kdumpkit.render.figures import data_digest, draw_png
from kdumpkit.render.log_timeline import log_timeline_figure
from tests.render.hostile import HOSTILE, harmless
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


@pytest.mark.parametrize(
    "missing", ["dump", "crash", "cause", "signature", "timeline", "reports", "last_words", "findings", "sections"]
)
def test_any_part_may_be_missing(missing: str) -> None:
    without = document(**{missing: None})
    del without[missing]
    assert crash_text(without)
    assert Page(crash_page(without)).names() >= {"h1", "p"}
    assert crash_page(document(**{missing: None}))


def test_every_word_of_the_scale_is_explained() -> None:
    from kdumpkit.analysis.cause import Confidence

    assert set(CONFIDENCE_MEANS) == {str(word) for word in Confidence}


def test_the_timeline_is_drawn_the_same_each_time_and_says_in_words_what_it_shows() -> None:
    figure = log_timeline_figure(TIMELINE)
    assert draw_png(figure) == draw_png(figure)
    assert draw_png(figure).startswith(b"\x89PNG")
    assert data_digest(figure) != data_digest(log_timeline_figure({**TIMELINE, "bins": [1] * 60}))
    assert figure.caption == TIMELINE["words"]


def test_a_timeline_of_one_instant_can_be_drawn() -> None:
    data = {**TIMELINE, "begin_s": 0.0, "end_s": 0.0, "bins": [0] * 59 + [1], "marks": [[0.0, "fatal", "x"]]}
    assert draw_png(log_timeline_figure(data)).startswith(b"\x89PNG")
