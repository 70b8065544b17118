from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from evidence.records import STAGES, Story

from kdumpkit.checks.finding import Finding, Status
from kdumpkit.evidence.transcript import read_transcript
from kdumpkit.evidence.verdict import judge
from kdumpkit.render.report import REPORT, write_report
from kdumpkit.runbook.session import STAGES as SIX
from render.hostile import CANARY, HOSTILE, harmless
from render.page import Page

ONE, TWO = STAGES


def page_of(story: Story) -> Page:
    path = write_report(story.folder, STAGES)
    assert path == story.folder / REPORT
    return Page(path.read_text(encoding="utf-8"))


def hostile_story(folder: Path) -> Story:
    story = Story(folder).run().begin(ONE)
    story.note("values", values={"system": HOSTILE, "conclusion": HOSTILE, "dump_of_test": True, "away_s": 3.0})
    crash = {"kind": HOSTILE, "panic_reason": HOSTILE, "comm": HOSTILE, "pid": 1, "cpu": 0, "call_trace": [HOSTILE]}
    crash |= {"kernel_release": HOSTILE}
    story.note("values", values={"crash": crash, "vmcore": {"described": HOSTILE}, "analysed_path": HOSTILE})
    for status in Status:
        story.find(Finding(f"of.{status.lower()}", status, f"reason {HOSTILE}", f"remedy {HOSTILE}", (1,)))
    story.note("plan", plan={"title": HOSTILE, "changes": []}, done=[HOSTILE]).note("undo", commands=[HOSTILE])
    story.note("intent", what="panic", host=HOSTILE).end().begin(TWO).note(
        "error", type="X", message=HOSTILE, hint=HOSTILE, exit_status=3
    )
    png = {"output_type": "execute_result", "data": {"image/png": "iVBORw0KGgo=\n"}}
    cell = {"cell_type": "code", "outputs": [{**png, "metadata": {"image/png": {"alt": HOSTILE}}}]}
    (folder / f"{ONE}.ipynb").write_text(json.dumps({"cells": [cell]}))
    return story


def test_a_hostile_host_cannot_speak_through_the_report(tmp_path: Path) -> None:
    story = hostile_story(tmp_path / "web01" / "r1")
    page = page_of(story)
    harmless((story.folder / REPORT).read_text(encoding="utf-8"))
    assert page.names().isdisjoint({"script", "iframe", "object", "embed", "form", "input", "base", "link"})
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert page.text.count("<script>alert(1)</script>") > 12
    # a template is filled in once
    assert "{{ 7*7 }}" in page.text
    assert CANARY not in page.text


def test_the_cause_stands_with_what_it_rests_on_and_the_capture_kernels_death_beside_it(tmp_path: Path) -> None:
    crash = {"kind": "bug_on", "panic_reason": "Fatal exception", "comm": "sh", "pid": 1, "cpu": 0, "call_trace": []}
    death = {"kind": "vfs_mount_root", "panic_reason": None, "title": f"VFS: cannot mount {HOSTILE}"}
    cause = {"sentence": "It is a BUG_ON.", "confidence": "likely", "origin": "kernel", "would_raise": ["more logs"]}
    cause["evidence"] = [{"source": "log", "line": 7, "text": "kernel BUG"}, {"source": "dump: x", "line": None}]
    cause["evidence"][1]["text"] = "values"
    cause["next_steps"] = [{"text": "look", "command": "modinfo x"}, {"text": "then wait", "command": ""}]
    story = Story(tmp_path / "web01" / "r1").run().begin(ONE)
    values = {"crash": {**crash, "kernel_release": "6.1"}, "vmcore": {}, "cause": cause, "capture_death": death}
    text = page_of(story.note("values", values=values).end()).text
    harmless(text)
    assert "capture kernel died ofVFS: cannot mount <script>" in text
    assert "(vfs mount root)" in text
    assert "line 7: kernel BUG\ndump: x: values" in text
    assert "1. look\n    modinfo x\n2. then wait" in text
    assert "surer withmore logs" in text


def test_it_names_nothing_outside_itself(tmp_path: Path) -> None:
    story = hostile_story(tmp_path / "web01" / "r1")
    page = page_of(story)
    assert page.attributes("src") == ["data:image/png;base64,iVBORw0KGgo="]
    assert page.attributes("href") == [f"{ONE}.ipynb"]
    raw = (story.folder / REPORT).read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|@import|url\(", raw)


def test_every_finding_is_shown_with_its_status_as_a_word(tmp_path: Path) -> None:
    story = hostile_story(tmp_path / "web01" / "r1")
    page = page_of(story)
    raw = (story.folder / REPORT).read_text(encoding="utf-8")
    for status in Status:
        assert f"of.{status.lower()}" in page.text
        assert f'<span class="s {status}">{status}</span>' in raw
    assert "5 findings" in page.text


def test_what_needs_attention_comes_worst_first_and_without_what_is_well(tmp_path: Path) -> None:
    story = Story(tmp_path / "web01" / "r1").run().begin(ONE)
    page = page_of(story.find(*(Finding(f"of.{s.lower()}", s, ", so it is") for s in Status)).end())
    attention = page.text.partition("What needs attention")[2].partition("What was changed")[0]
    shown = re.findall(r"of\.\w+", attention)
    assert list(dict.fromkeys(shown)) == ["of.fail", "of.unknown", "of.warn"]


def test_a_thing_that_was_put_right_is_shown_as_it_was_read_back(tmp_path: Path) -> None:
    story = Story(tmp_path / "web01" / "r1").run().begin(ONE).find(("a.b", Status.FAIL)).end()
    page = page_of(story.begin(TWO).find(("a.b", Status.PASS)).end())
    assert "What needs attention" not in page.text


@pytest.mark.parametrize(
    ("tell", "sentence"),
    [
        (lambda s: s, "The run did not go through all stages."),
        (lambda s: s.begin(ONE).fail(3), f"The run stopped in {ONE}: it is closed"),
        (lambda s: s.begin(ONE).end().begin(TWO), f"The run was cut off in {TWO}"),
        (
            lambda s: s.begin(ONE).end().begin(TWO).end(),
            "everything was read and nothing was changed. No dump was proved",
        ),
        (
            lambda s: s.begin(ONE).find(("a", Status.FAIL)).end().begin(TWO).end(),
            "Something is not as it must be for a crash dump",
        ),
        (
            lambda s: (
                s.begin(ONE)
                .note("values", values={"conclusion": "It was sysrq.", "dump_of_test": True, "away_s": 71.5})
                .end()
                .begin(TWO)
                .end()
            ),
            "was really crashed, and it left a dump. It was sysrq. The host was away for 71.5 s.",
        ),
    ],
)
def test_the_first_sentence_says_how_it_ended(tmp_path: Path, tell: Any, sentence: str) -> None:
    assert sentence in page_of(tell(Story(tmp_path / "web01" / "r1").run())).text


def test_what_was_changed_is_shown_with_the_way_back(tmp_path: Path) -> None:
    story = Story(tmp_path / "web01" / "r1").run().begin(ONE).step("change")
    story.note("plan", plan={"title": "reserve memory", "changes": []}, done=["wrote /etc/default/grub"])
    story.note("undo", commands=["cp /a /b", "update-grub"]).step("other")
    story.note("plan", plan={"title": "nothing done", "changes": []}, done=[])
    story.note("intent", what="panic", host="web01").note("intent", what="change").end()
    page = page_of(story)
    assert "reserve memory (01-prerequisites)" in page.text
    assert "wrote /etc/default/grub" in page.text
    assert "cp /a /b\nupdate-grub" in page.text
    assert "nothing done" not in page.text
    assert "made to panic at 1970-01-01 00:15:50 UTC, with consent given for web01." in page.text


def test_nothing_was_changed_is_said(tmp_path: Path) -> None:
    page = page_of(Story(tmp_path / "web01" / "r1").run().begin(ONE).end())
    assert "What was changed on the host\nNothing." in page.text


def test_the_same_record_gives_the_same_page(tmp_path: Path) -> None:
    story = hostile_story(tmp_path / "web01" / "r1")
    first = write_report(story.folder, STAGES).read_bytes()
    assert write_report(story.folder, STAGES).read_bytes() == first


def test_headings_and_tables_can_be_heard(tmp_path: Path) -> None:
    page = page_of(hostile_story(tmp_path / "web01" / "r1"))
    assert dict(page.tags)["html"]["lang"] == "en"
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.tags if tag == "th")
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img")


def test_the_report_of_a_real_run(sealed_evidence: Path) -> None:
    raw = (sealed_evidence / REPORT).read_text(encoding="utf-8")
    page = Page(raw)
    verdict = judge(read_transcript(sealed_evidence), SIX)
    for stage in verdict.stages:
        assert stage.stage in page.text
        assert [f.id for f in stage.findings if f.id not in page.text] == []
    assert all(source.startswith("data:image/png;base64,") for source in page.attributes("src"))
    assert [link for link in page.attributes("href") if not (sealed_evidence / link).is_file()] == []
    assert "http://" not in raw
    assert "https://" not in raw
    assert len(raw) < 2_000_000
