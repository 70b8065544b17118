"""Which lines are looked at: those with the words of a rule, whatever else a log holds."""

from __future__ import annotations

from kdumpkit.analysis.log import read_crash
from kdumpkit.analysis.log.candidates import find_candidates, find_first_candidates
from kdumpkit.analysis.log.kinds import LITERALS, RULES

END = b"[    9.000000] ---[ end trace 0000000000000000 ]---\n"


def test_each_rule_is_found_by_the_few_words_that_are_looked_for() -> None:
    for rule in RULES:
        for literal in rule.literals:
            assert any(looked_for in literal for looked_for in LITERALS), literal


def test_lines_are_counted_whatever_bytes_they_hold() -> None:
    data = b"\xff\xfe\n\nUnable to handle BUG: and INFO: on one line\n\x00\nKernel panic - not syncing: \xe2\x82\n"
    assert find_candidates(data) == [2, 4]
    assert find_candidates(b"") == find_candidates(b"nothing\n" * 3) == []
    assert find_candidates(b"\nBUG: no newline behind it") == [1]


def test_the_end_of_a_report_counts_only_while_its_beginning_may_be_lost() -> None:
    assert find_first_candidates(END) == [0]
    assert find_candidates(END) == []
    registers = b"[    9.000001] RAX: 0000000000000000 RBX: 0000000000000001 RCX: 0000000000000002\n"
    panic = b"[    9.000002] Kernel panic - not syncing: Fatal exception\n"
    headless = read_crash([END, registers, panic])
    assert [block.kind for block in headless.blocks] == ["oops"]
    oops = b"[    8.000000] BUG: unable to handle page fault for address: ffffa1b2c3d4e5f6\n"
    trace = b"[    8.000001] Call Trace:\n[    8.000002]  widget_put+0x1d/0x30 [widget]\n"
    assert [block.kind for block in read_crash((oops + trace + END + panic).splitlines()).blocks] == ["paging_request"]
