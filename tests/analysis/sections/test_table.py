from __future__ import annotations

from kdumpkit.analysis.sections.table import SectionTable, bytes_text, listed, table_text


def test_columns_are_as_wide_as_their_longest_word() -> None:
    table = SectionTable("t", "2 rows", ("a", "long column"), (("12345", "x"), ("1", "")))
    assert table_text(table).split("\n") == ["2 rows", "a      long column", "12345  x", "1"]


def test_without_rows_only_the_sentence_is_shown() -> None:
    assert table_text(SectionTable("t", "nothing", ("a",))) == "nothing"


def test_lists_are_cut_and_say_so() -> None:
    assert listed([]) == ""
    assert listed([str(n) for n in range(10)], 3) == "0, 1, 2 and 7 more"


def test_sizes() -> None:
    assert [bytes_text(size) for size in (1023, 1 << 20, 3 << 30, 5 << 30)] == ["0 KiB", "1 MiB", "3072 MiB", "5 GiB"]
