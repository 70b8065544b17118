"""Causes where a dump's report goes with the log: source lines, modules' taint, blocked tasks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from kdumpkit.analysis.cause import Cause, find_cause
from kdumpkit.analysis.crash_document import crash_document
from kdumpkit.analysis.crash_report import CrashReport, parse_drgn_report
from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.excerpt import read_excerpt
from kdumpkit.analysis.sections import SectionError
from kdumpkit.analysis.sections.kernel_log import LogTail
from tests.analysis.cause.samples import hung, null

RECORDED = (Path(__file__).parents[1] / "recordings" / "drgn-report-debian-12.json").read_bytes()


def report(**sections: Any) -> CrashReport:
    """The recorded report of a real dump, with some sections replaced."""
    found = parse_drgn_report(RECORDED)
    return dataclasses.replace(found, sections={**found.sections, **sections})


def explained(text: str, found: CrashReport | None) -> Cause:
    lines = text.encode().splitlines()
    log = read_crash(lines)
    cause = find_cause(log, read_excerpt(lines, log), found)
    assert cause is not None
    return cause


def frames(function: str, source_file: str, line: int) -> Any:
    task = parse_drgn_report(RECORDED).crashed_task
    assert not isinstance(task, SectionError)
    one = dataclasses.replace(task.frames[-1], function=function, source_file=source_file, line=line)
    return dataclasses.replace(task, frames=(one,))


def test_a_real_dump_of_a_panic_test() -> None:
    found = parse_drgn_report(RECORDED)
    assert isinstance(found.log, LogTail)
    cause = explained("\n".join(found.log.lines), found)
    assert cause.rule in ("sysrq.kdumpkit_test", "sysrq.crash")
    assert cause.confidence == "certain"
    assert cause.would_raise == ()


def test_the_source_line_is_told() -> None:
    cause = explained(null(), report(crashed_task=frames("widget_put", "drivers/widget/core.c", 77)))
    assert "in widget_put() (drivers/widget/core.c:77)" in cause.sentence
    assert not any("debug symbols" in text for text in cause.would_raise)
    assert any("debug symbols" in text for text in explained(null(), None).would_raise)


def test_the_dumps_stack_stands_in_where_the_log_prints_none() -> None:
    text = (
        "watchdog: BUG: soft lockup - CPU#5 stuck for 26s! [worker:900]\n"
        "CPU: 5 PID: 900 Comm: worker Not tainted 6.1.0 #1\n"
        "Kernel panic - not syncing: softlockup: hung tasks\n"
    )
    assert explained(text, None).rule == "lockup.no_stack"
    cause = explained(text, report(crashed_task=frames("widget_spin", "drivers/widget/core.c", 9)))
    assert cause.rule == "lockup.busy"
    assert "widget_spin() (drivers/widget/core.c:9)" in cause.sentence
    assert [row.text for row in cause.evidence if row.source == "dump: crashed_task"] == ["on its stack: widget_spin"]


def test_a_module_that_only_the_dump_knows_as_foreign() -> None:
    modules = parse_drgn_report(RECORDED).modules
    assert not isinstance(modules, SectionError)
    widget = dataclasses.replace(modules.modules[0], name="widget", taint="OE")
    text = null(rip="widget_put+0x1d/0x30 [widget]", modules="widget")
    assert explained(text, None).rule == "null_pointer.in_tree"
    loaded = dataclasses.replace(modules, modules=(widget,))
    assert explained(text, report(modules=loaded)).rule == "null_pointer.out_of_tree"


def test_blocked_tasks_of_the_dump_are_evidence() -> None:
    document = json.loads(RECORDED)
    document["sections"]["tasks"]["blocked"] = [{"pid": 99, "command": "holder"}]
    found = parse_drgn_report(json.dumps(document).encode())
    text = hung("__schedule schedule schedule_preempt_disabled __mutex_lock widget_open")
    cause = explained(text, found)
    assert cause.rule == "hung_task.lock"
    assert [row.text for row in cause.evidence if row.source == "dump: tasks"] == [
        "in uninterruptible sleep: holder (99)"
    ]


@dataclasses.dataclass(frozen=True)
class Holder:
    command: str = "holder"
    pid: int = 99
    state: str = "D"


@dataclasses.dataclass(frozen=True)
class Lock:
    kind: str = "mutex"
    name: str | None = "rtnl_mutex"
    owner: Holder | None = Holder()
    waiters_in_all: int = 3


@dataclasses.dataclass(frozen=True)
class Locks:
    locks: tuple[Lock, ...]


def test_the_holder_of_a_lock_is_named_where_the_dump_has_it() -> None:
    text = hung("__schedule schedule schedule_preempt_disabled __mutex_lock widget_open")
    locks = Locks((Lock(name=None, owner=None, waiters_in_all=9), Lock()))
    cause = explained(text, report(locks=locks))
    assert "holder (pid 99, state D) holds the mutex rtnl_mutex for which 3 tasks wait." in cause.sentence
    assert cause.confidence == "likely"
    assert "dump: locks" in [row.source for row in cause.evidence]
    assert explained(text, report(locks=Locks(()))).confidence == "possible"


def test_sections_that_failed_are_no_evidence() -> None:
    broken = {name: SectionError("no") for name in parse_drgn_report(RECORDED).sections}
    assert explained(null(), report(**broken)) == explained(null(), None)


def test_a_document_of_a_log_without_a_crash() -> None:
    log = read_crash([b"usb 1-1: new device"])
    document = crash_document(log, read_excerpt([b"usb 1-1: new device"], log))
    assert (document["crash"], document["cause"], document["signature"], document["timeline"]) == (None,) * 4
    assert [row["text"] for row in document["last_words"]] == ["usb 1-1: new device"]
