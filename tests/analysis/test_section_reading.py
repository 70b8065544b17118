from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kdumpkit.analysis.section_reading import in_child, read_section, read_sections
from kdumpkit.analysis.sections import Section
from kdumpkit.analysis.sections.panic import PanicMessage
from kdumpkit.errors import VmcoreError


def section(name: str, read: Callable[[Any], PanicMessage]) -> Section[PanicMessage]:
    return Section(name, PanicMessage, read, needs_symbols=False)


def good(session: Any) -> PanicMessage:
    return PanicMessage("died", 1.0)


def explode(session: Any) -> PanicMessage:
    raise ValueError("damaged pointer in /secret/place/vmcore")


def kill(session: Any) -> PanicMessage:
    os.kill(os.getpid(), signal.SIGKILL)
    return good(session)


def go_round(session: Any) -> PanicMessage:
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


GOOD = {"message": "died", "uptime_s": 1.0}
SESSION: Any = object()


def test_a_section_that_raises_says_why() -> None:
    answer = read_section(section("panic", explode), SESSION, (Path("/secret/place/vmcore"), None))
    assert answer == {"error": "this part of the dump cannot be read: ValueError: damaged pointer in vmcore"}


def test_a_section_without_end_is_stopped() -> None:
    before = signal.getsignal(signal.SIGALRM)
    answer = read_section(section("panic", go_round), SESSION, timeout_s=0.2)
    assert answer == {"error": "this part of the dump was not read to its end within 0.2 s"}
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_section_that_needs_symbols_is_not_tried_without() -> None:
    class NoSymbols:
        def require_symbols(self) -> None:
            raise VmcoreError("no vmlinux was given")

    needy = Section("panic", PanicMessage, kill)
    assert read_section(needy, NoSymbols()) == {"error": "no vmlinux was given"}  # type: ignore[arg-type]


def test_death_of_drgn_costs_the_section_that_it_read() -> None:
    sections = [section("first", good), section("deadly", kill), section("bad", explode), section("last", good)]
    found = read_sections(lambda: SESSION, sections, ())
    assert found["drgn"]
    assert list(found["sections"]) == ["first", "deadly", "bad", "last"]
    assert found["sections"]["first"] == found["sections"]["last"] == GOOD
    assert "killed by signal 9" in found["sections"]["deadly"]["error"]
    assert "while it read this part" in found["sections"]["deadly"]["error"]
    assert "ValueError" in found["sections"]["bad"]["error"]


def test_a_dump_that_kills_again_and_again_is_given_up() -> None:
    sections = [section(f"s{number}", kill) for number in range(10)] + [section("good", good)]
    answers = read_sections(lambda: SESSION, sections, ())["sections"]
    assert len(answers) == 11
    assert all("killed by signal 9" in answer["error"] for answer in answers.values())


def test_all_of_them_together_have_an_end() -> None:
    sections = [section(f"s{number}", go_round) for number in range(3)] + [section("good", good)]
    began = time.monotonic()
    answers = read_sections(lambda: SESSION, sections, (), timeout_s=0.5)["sections"]
    assert time.monotonic() - began < 30
    assert [answer.get("error", "")[-10:] for answer in answers.values()] == [
        "within 1 s",
        "within 1 s",
        "within 1 s",
        "",
    ]


def test_death_while_the_dump_is_opened() -> None:
    found = read_sections(lambda: kill(None), [section("a", good), section("b", good)], ())  # type: ignore[arg-type, return-value]
    assert found["drgn"] is None
    assert all("killed by signal 9" in answer["error"] for answer in found["sections"].values())


def test_a_dump_that_drgn_refuses() -> None:
    def refuse() -> Any:
        raise VmcoreError("drgn cannot open it")

    found = read_sections(refuse, [section("a", good)], ())
    assert found == {"drgn": None, "sections": {"a": {"error": "drgn cannot open it"}}}


def test_what_a_child_said_before_it_died_is_kept() -> None:
    def work(tell: Callable[[dict[str, Any]], None]) -> None:
        tell({"line": "with\nits own end"})
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(work) == ([{"line": "with\nits own end"}], -9)
