from __future__ import annotations

import pytest

from kdumpkit.actions.plan import FileChange, Plan
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.render.html import STATUS_COLOUR, result_html, step_html
from kdumpkit.render.text import SHOWN_CHARACTERS, plan_text, result_text, shortened, step_text
from kdumpkit.runbook.step import StepReport, Verbatim
from render.hostile import harmless, report, result
from render.page import Page

PARTS = ["step", "label", "value", "reason", "remedy", "title", "why", "note", "done", "undo", "log", "line", "so"]


def test_text_of_a_hostile_host_is_harmless() -> None:
    text = step_text(report())
    harmless(text)
    assert [part for part in PARTS if f"{part} <script>" not in text] == []
    harmless(result_text(result()))


def test_html_of_a_hostile_host_is_harmless() -> None:
    html = step_html(report())
    harmless(html)
    page = Page(html)
    grid = {"table", "thead", "tbody", "tr", "th", "td"}
    assert page.names() <= grid | {"div", "p", "strong", "code", "br", "ol", "li", "pre", "ins", "del"}
    assert [part for part in PARTS if f"{part} <script>alert(1)</script>" not in page.text] == []
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    harmless(result_html(result()))
    Page(result_html(result()))


def test_a_status_is_a_word_and_not_only_a_colour() -> None:
    for status in Status:
        shown = step_html(StepReport("t", findings=(Finding("a", status, "r"),)))
        assert f">{status}</strong>" in shown
        assert STATUS_COLOUR[status] in shown
        assert str(status) in step_text(StepReport("t", findings=(Finding("a", status, "r"),)))


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_colours_can_be_read_by_people_who_see_little() -> None:
    # WCAG 2.2, 1.4.3: white on it with at least 4.5 : 1
    assert all(1.05 / (_luminance(colour) + 0.05) >= 4.5 for colour in STATUS_COLOUR.values())


def test_records_that_are_none_are_not_shown() -> None:
    page = Page(step_html(report(plan=None, done=(), undo=(), texts=())))
    assert "1, 3" in page.text
    assert "-1" not in page.text


def test_a_long_text_keeps_its_two_ends_and_says_what_is_left_out() -> None:
    lines = [f"line {n:06}" for n in range(10_000)]
    text = "\n".join(lines)
    for shown in (step_text(report(texts=(Verbatim("log", text),))), step_html(report(texts=(Verbatim("log", text),)))):
        assert len(shown) < SHOWN_CHARACTERS * 2
        assert lines[0] in shown
        assert lines[-1] in shown
        assert lines[5000] not in shown
        assert f"[… {len(text) - SHOWN_CHARACTERS} characters left out here; the transcript has them …]" in shown


def test_a_text_that_is_not_long_is_shown_whole() -> None:
    assert shortened("x" * SHOWN_CHARACTERS) == "x" * SHOWN_CHARACTERS
    assert len(shortened("x" * (SHOWN_CHARACTERS + 1))) > SHOWN_CHARACTERS


def test_a_secret_is_masked_before_a_text_is_cut() -> None:
    text = "x" * (SHOWN_CHARACTERS // 2 - 12) + "\npassword=" + "Zq8CANARYx7" + "y" * SHOWN_CHARACTERS
    assert "Zq8" not in step_text(report(texts=(Verbatim("log", text),)))


def test_a_plan_shows_exact_commands_and_differences() -> None:
    made = Plan("reserve memory", (FileChange("/etc/default/grub", b"A=1\nB=2\n", b"A=1\nB=3\n"),))
    text = plan_text(made)
    assert "1. write /etc/default/grub" in text
    assert "     | -B=2\n     | +B=3" in text
    page = Page(step_html(StepReport("t", plan=made)))
    assert "-B=2\n+B=3" in page.text
    assert {"ins", "del"} <= page.names()


def test_an_empty_plan_says_why() -> None:
    made = Plan("reserve memory", reason_if_empty="it is reserved already")
    assert plan_text(made) == "reserve memory: nothing to change: it is reserved already"
    assert "nothing to change: it is reserved already" in Page(step_html(StepReport("t", plan=made))).text


def test_a_file_that_is_removed_is_said_to_be() -> None:
    made = Plan("undo", (FileChange("/etc/x", b"a\n", None),))
    assert "1. remove /etc/x" in plan_text(made)
    assert "remove /etc/x" in Page(step_html(StepReport("t", plan=made))).text


def test_the_result_names_what_is_open_and_counts_the_rest() -> None:
    text = result_text(result())
    assert "(1 PASS, 1 WARN, 1 FAIL, 1 UNKNOWN, 1 SKIP)" in text
    assert "of.fail" in text
    assert "of.pass" not in text
    page = Page(result_html(result()))
    assert "5 findings" in page.text
    assert "of.unknown" in page.text
    assert "of.skip" not in page.text


@pytest.mark.parametrize("empty", [StepReport("only a title")])
def test_a_step_with_nothing_but_a_title(empty: StepReport) -> None:
    assert step_text(empty) == "only a title"
    assert Page(step_html(empty)).text == "only a title"
