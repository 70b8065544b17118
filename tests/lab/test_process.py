"""Programs of the building machine: every way in which one does not do its work is a sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kdumpkit.errors import LabError
from kdumpkit.lab.process import last_lines, run_here


def test_output_and_input() -> None:
    assert run_here(["cat"], what="copying", timeout_s=10, stdin=b"a\xff") == b"a\xff"


def test_output_goes_to_the_log_where_one_is_given(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"before\n")
    assert run_here(["echo", "now"], what="saying", timeout_s=10, log=log) == b""
    assert log.read_bytes() == b"before\nnow\n"


def test_a_failure_tells_status_and_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"older output\n")
    with pytest.raises(LabError) as caught:
        run_here(["sh", "-c", "echo some; echo reason >&2; exit 7"], what="trying", timeout_s=10, log=log)
    assert "trying: sh ended with status 7" in caught.value.message
    assert "some | reason" in caught.value.message
    assert "older output" not in caught.value.message
    assert str(log) in caught.value.hint


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(LabError, match="no-such-program-of-the-lab is not installed"):
        run_here(["no-such-program-of-the-lab"], what="trying", timeout_s=10)


def test_a_program_without_end() -> None:
    with pytest.raises(LabError, match=r"waiting: no end within 0\.2 s"):
        run_here([sys.executable, "-c", "import time; time.sleep(60)"], what="waiting", timeout_s=0.2)


def test_programs_speak_c_and_ask_nothing() -> None:
    said = run_here(["sh", "-c", "echo $LC_ALL $DEBIAN_FRONTEND; echo $PATH"], what="asking", timeout_s=10)
    locale, path = said.decode().splitlines()
    assert locale == "C noninteractive"
    assert "/usr/sbin" in path.split(":")


@pytest.mark.parametrize("said", [b"", b"\n \n"])
def test_silence_is_told(said: bytes) -> None:
    assert last_lines(said) == "(it printed nothing)"


def test_last_lines_are_bounded() -> None:
    assert len(last_lines(b"x" * 100_000)) == 1000
