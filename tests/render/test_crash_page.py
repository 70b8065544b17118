"""A crash as text and as a page: nothing of a hostile log gets through, and every part may be missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.sections import SectionTable
from kdumpkit.render.crash_facts import CONFIDENCE_MEANS
from kdumpkit.render.crash_page import crash_page
from kdumpkit.render.crash_text import crash_text
from kdumpkit.render.figures import data_digest, draw_png
from kdumpkit.runbook.step import Figure
from tests.analysis.crash_dumps import REPORT
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
        "reports": [
            {"kind": "oops", "severity": "fatal", "title": HOSTILE, "line": n, "time_s": 1.5, "fatal": n == 1}
            for n in (1, 2)
        ],
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


#: by object of the document: what has no place of its own, as other words of the page say it
TOLD_OTHERWISE = {
    # in words; and as lines of the report itself
    "crash": {"severity", "panicked", "modules_linked_in", "registers", "line_numbers", "taints", "tainted"},
    # a sentence of a finding says it
    "dump": {"state_reason"},
    # as one of the lines that the signature is made of, which its title names
    "signature": {"frames", "weak"},
    "symbols": {"looked_at", "build_id"},
}


def marked(values: dict[str, Any], name: str) -> dict[str, Any]:
    """The object with a word of its own in each text and number, to be looked for on the page."""
    found: dict[str, Any] = {}
    for number, (key, value) in enumerate(sorted(values.items())):
        if key in TOLD_OTHERWISE.get(name, set()) or value is None or isinstance(value, bool):
            found[key] = value
        elif isinstance(value, str):
            found[key] = f"{name}-{key}-word"
        elif isinstance(value, int | float):
            found[key] = 7_000_000 + number
        elif isinstance(value, list):
            found[key] = [f"{name}-{key}-word"]
        else:
            found[key] = {f"{name}-{key}-word": "OE"}
    return found


def words_of(value: Any) -> list[str]:
    return list(value) if isinstance(value, list | dict) else [str(value)]


BLOCK: dict[str, Any] = {
    "kind": "oops",
    "panicked": True,
    "panic_reason": "",
    "rip_symbol": "",
    "rip_offset": "",
    "rip_module": "",
    "comm": "",
    "pid": 1,
    "cpu": 1,
    "kernel_release": "",
    "tainted": "OE",
    "call_trace": [""],
    "severity": "fatal",
    "title": "",
    "kernel_version": "",
    "taints": ["O: x"],
    "hardware_name": "",
    "workqueue": "",
    "bug_at": "",
    "fault_address": "",
    "oops_number": 2,
    "modules_linked_in": ["x"],
    "module_taints": {"x": "OE"},
    "last_unloaded": "",
    "registers": ["RAX"],
    "time_s": 1.0,
    "first_line": 1,
    "last_line": 1,
    "line_numbers": {},
}
DUMP: dict[str, Any] = {
    "kind": "",
    "size_bytes": 1,
    "state": "",
    "state_reason": "",
    "pages": 1,
    "pages_there": 1,
    "machine": "",
    "release": "",
    "build_id": "",
    "crash_time": 1,
    "node": "",
    "cpus": 1,
    "dump_level": 31,
    "unpacked": "",
}
SYMBOLS: dict[str, Any] = {
    "vmlinux": None,
    "where": None,
    "build_id": None,
    "vendor": "",
    "packages": [""],
    "commands": [""],
    "note": "",
    "looked_at": [{"path": "/boot/vmlinux-other", "state": "other build", "build_id": "abcd"}],
}


def plain(**changes: Any) -> dict[str, Any]:
    """Without pictures, which take longer to draw than all the rest."""
    return document(figures=None, **changes)


def test_the_objects_of_this_test_are_those_of_the_document() -> None:
    crash = read_crash([line.encode() for line in REPORT.splitlines()]).fatal
    assert crash is not None
    assert set(crash.as_json()) == set(BLOCK)
    text = (Path(__file__).resolve().parents[2] / "docs" / "analysis-json.md").read_text(encoding="utf-8")
    assert [key for key in (*DUMP, *SYMBOLS) if f"`{key}`" not in text] == []


@pytest.mark.parametrize("name", ["crash", "capture_death"])
def test_each_field_of_a_report_of_the_kernel_is_shown(name: str) -> None:
    values = marked(BLOCK, "crash") | {"time_s": 7654.321}
    values["kind"] = "some_kind"
    page, text = Page(crash_page(plain(**{name: values}))).text, crash_text(plain(**{name: values}))
    for shown in (page, text):
        for key in set(values) - TOLD_OTHERWISE["crash"] - {"kind"}:
            assert [word for word in words_of(values[key]) if word not in shown] == [], key
        assert "some kind (a task or the whole kernel dies of it)" in shown
        assert "O: x" in shown
    heading = "The capture kernel died in its turn"
    assert (heading in page) == (name == "capture_death")
    assert ("What the capture kernel died of in its turn" in text) == (name == "capture_death")
    assert "the log shows no panic" in crash_text(plain(**{name: values | {"panicked": False}}))


@pytest.mark.parametrize(("count", "said"), [(25, None), (500, "… 436 more")])
def test_a_stack_to_copy_is_whole_but_where_a_function_calls_itself(count: int, said: str | None) -> None:
    frames = [{"function": f"step_{number}"} for number in range(count)]
    shown = crash_text(plain(sections={"crashed_task": {"frames": frames}}))
    assert "step_24" in shown
    assert ("more" in shown.split("step_24")[1].split("\n\n")[0]) == (said is not None)
    assert said is None or said in shown


def test_each_field_of_the_dump_and_of_its_symbols_is_shown() -> None:
    dump, symbols = marked(DUMP, "dump"), marked(SYMBOLS, "symbols")
    dump["crash_time"] = 1_795_412_064
    counts = {"lines": 81, "reports": 1, "boots": 2}
    whole = plain(dump=dump, symbols=symbols, counts=counts, drgn="9.8.7")
    page = Page(crash_page(whole)).text
    text = crash_text(whole)
    for shown in (page, text):
        for key in set(dump) - TOLD_OTHERWISE["dump"] - {"crash_time"}:
            assert str(dump[key]) in shown, key
        assert "2026-11-23" in shown
        for key in set(symbols) - TOLD_OTHERWISE["symbols"] - {"vmlinux", "where", "commands"}:
            assert [word for word in words_of(symbols[key]) if word not in shown] == [], key
        assert "/boot/vmlinux-other: other build abcd" in shown
        assert "81 lines, 1 report of the kernel, 2 boots" in shown
        assert "9.8.7" in shown
    assert "symbols-commands-word" in page
    used = plain(symbols=symbols | {"vmlinux": "/kept/vmlinux", "where": "given"})
    for shown in (Page(crash_page(used)).text, crash_text(used)):
        assert "/kept/vmlinux (given)" in shown
        assert "symbols-note-word" not in shown


def test_a_note_on_what_a_file_is_that_is_no_log_is_shown() -> None:
    nothing = {"file": "x", "crash": None, "cause": None, "note": f"it is a picture {HOSTILE}"}
    text = crash_text(nothing)
    assert text.startswith("x: no crash in it\n  it is a picture")
    harmless(text)
    page = Page(crash_page(nothing)).text
    assert "it is a picture" in page
    harmless(page)


def test_of_a_log_without_a_crash_it_is_said_how_much_was_read() -> None:
    counts = {"lines": 1204, "reports": 0, "boots": 1}
    text = crash_text({"file": "log", "crash": None, "counts": counts, "note": None})
    assert text == "log: no crash in it\n  in 1204 lines, 0 reports of the kernel, 1 boot"


def finding(name: str, status: str) -> dict[str, str]:
    return {"id": name, "status": status, "reason": f"reason of {name}", "remedy": ""}


@pytest.mark.parametrize(
    ("findings", "cause", "said"),
    [
        ([finding("dump.whole", "FAIL"), finding("dump.crash_block", "PASS")], True, "reason of dump.whole"),
        ([finding("dump.whole", "FAIL"), finding("dump.log", "FAIL")], False, "reason of dump.whole"),
        ([finding("dump.whole", "PASS"), finding("dump.log", "FAIL")], False, "reason of dump.log"),
        ([finding("dump.whole", "PASS"), finding("dump.crash_block", "FAIL")], False, "reason of dump.crash_block"),
        ([finding("dump.whole", "PASS"), finding("symbols.match", "WARN")], True, None),
    ],
)
def test_what_is_wrong_with_a_dump_stands_before_all_else(
    findings: list[dict[str, str]], cause: bool, said: str | None
) -> None:
    told = document(findings=findings) if cause else document(findings=findings, cause=None, crash=None)
    second_line = crash_text(told).splitlines()[1].strip()
    lead = crash_page(told).partition('<p class="lead">')[2].partition("</p>")[0]
    assert second_line == (said or "")
    assert ("reason of" in lead) is (said is not None)
    assert said is None or lead.endswith(f"{said}.")


def test_what_drgn_read_is_shown_as_tables_and_told_in_sentences() -> None:
    tables = (
        SectionTable(f"Disks {HOSTILE}", f"1 disk {HOSTILE}.", ("disk", ""), ((f"vda {HOSTILE}", "0"),)),
        SectionTable("Locks", "No task was seen to wait for a lock."),
        SectionTable("Long", "Long.", ("row",), tuple((f"row-{number}",) for number in range(207))),
    )
    html = crash_page(plain(), tables, f"memory: it is damaged {HOSTILE}")
    page, text = Page(html), crash_text(plain(), tables, f"memory: it is damaged {HOSTILE}")
    for shown in (page.text, text):
        harmless(shown)
        assert "No task was seen to wait for a lock." in shown
        assert "Not read: memory: it is damaged" in shown
    assert "vda" in page.text
    assert "vda" not in text
    assert ("row-199" in page.text, "row-200" in page.text) == (True, False)
    assert "7 more rows are in the output of --json" in page.text
    assert "script" not in page.names()


def test_what_has_no_rows_has_no_heading() -> None:
    cause = {**plain()["cause"], "next_steps": [], "evidence": [], "would_raise": []}
    page = Page(crash_page(plain(cause=cause))).text
    for heading in ("What to do next", "What that rests on", "It would be surer with", "The machine as it was"):
        assert heading not in page


def test_many_reports_are_told_around_the_crash_and_the_rest_counted() -> None:
    rows = [
        {"kind": "warning", "severity": "report", "title": f"report-{n}.", "line": n, "time_s": None, "fatal": n == 40}
        for n in range(1, 151)
    ]
    text, page = crash_text(plain(reports=rows)), Page(crash_page(plain(reports=rows))).text
    assert "line 40 (the crash): report-40." in text
    assert "report-33." not in text
    assert "138 more are not shown" in text
    assert "report-100." in page
    assert "report-101." not in page
    assert "50 more are in the output of --json" in page
