"""Nothing in a log makes the reader, a rule, a signature or a page raise; where a file is cut is no matter."""

from __future__ import annotations

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from kdumpkit.analysis.crash_document import crash_document, oops_document
from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.excerpt import read_excerpt
from kdumpkit.analysis.log.reader import read_crash_blocks
from kdumpkit.render.crash_text import crash_text
from tests.analysis.cause.test_rules import CASES

#: every line of every sample, as bytes
LINES = sorted({line.encode() for case in CASES for line in str(case[1]).splitlines()})
_PREFIXES = (b"", b"[  100.000001] ", b"[  100.000002][ T123] ", b"<4>", b"Nov 25 02:00:00 web01 kernel: ", b"> ")

line = st.one_of(
    st.sampled_from(LINES),
    st.builds(lambda prefix, text: prefix + text, st.sampled_from(_PREFIXES), st.sampled_from(LINES)),
    # a line that is cut, and one in which something stands that does not belong there
    st.builds(lambda text, end: text[:end], st.sampled_from(LINES), st.integers(0, 80)),
    st.builds(
        lambda text, at, noise: text[:at] + noise + text[at:],
        st.sampled_from(LINES),
        st.integers(0, 80),
        st.binary(max_size=12),
    ),
    st.builds(
        lambda text, number: re.sub(rb"\d+", number, text), st.sampled_from(LINES), st.from_regex(rb"\A\d{1,40}\Z")
    ),
    st.binary(max_size=40),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(line, max_size=60))
def test_any_mixture_of_lines_is_told(lines: list[bytes]) -> None:
    log = read_crash(lines)
    excerpt = read_excerpt(lines, log)
    document = crash_document(log, excerpt)
    json.dumps(document)
    json.dumps(oops_document(log, excerpt))
    assert crash_text({"file": "log", **document})
    assert (document["cause"] is None) == (log.fatal is None)
    assert document == crash_document(log, excerpt)


@settings(deadline=None, max_examples=100)
@given(st.lists(line, max_size=40), st.lists(st.integers(1, 400), min_size=1, max_size=12), st.booleans())
def test_where_a_file_is_cut_changes_nothing(lines: list[bytes], sizes: list[int], ended: bool) -> None:
    whole = b"\n".join(text.replace(b"\n", b" ") for text in lines) + (b"\n" if ended and lines else b"")
    blocks, at, turn = [], 0, 0
    while at < len(whole):
        size = sizes[turn % len(sizes)]
        blocks.append(whole[at : at + size])
        at, turn = at + size, turn + 1
    expected = read_crash(whole.split(b"\n")[: -1 if whole.endswith(b"\n") else None]) if whole else read_crash([])
    assert read_crash_blocks(blocks) == expected


def test_a_line_without_end_costs_no_memory_and_ends() -> None:
    import tracemalloc

    def blocks() -> object:
        yield b"[    1.000000] Kernel panic - not syncing: before\n"
        for _ in range(400):
            yield b"x" * 65536
        yield b"\n[    2.000000] BUG: soft lockup - CPU#1 stuck for 22s! [a:1]\n"

    tracemalloc.start()
    log = read_crash_blocks(blocks())  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert log.line_count == 3
    assert [block.kind for block in log.blocks] == ["other", "soft_lockup"]
    assert log.blocks[1].first_line == 3
    assert peak < 4 << 20
