"""The README's table says what the code says, and each row has the flavour or the recording that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.distributions import FAMILIES
from kdumpkit.distributions.support import Proof, Support, support_table

ROOT = Path(__file__).resolve().parent.parent.parent
ROWS = [row for family in FAMILIES for row in family.support]


BEGIN, END = "<!-- made by: make support -->\n", "<!-- end -->"


def with_table(readme: str) -> str:
    """The README with the table of the code between its two marks."""
    before, begin, rest = readme.partition(BEGIN)
    return before + begin + support_table(ROWS) + END + rest.partition(END)[2]


def test_the_readme_has_the_table_of_the_code() -> None:
    readme = (ROOT / "README.md").read_text()
    assert readme == with_table(readme), "make support"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.example)
def test_each_row_has_what_proves_it(row: Support) -> None:
    if row.proof is Proof.CRASHED:
        assert (ROOT / "kdumpkit" / "lab" / "flavours" / f"{row.example.replace('-', '_')}.py").is_file()
        return
    first = next((ROOT / "tests" / "recordings" / row.example).rglob("transcript.jsonl")).open().readline()
    assert ("written from documents" in first) is (row.proof is Proof.DOCUMENTS)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.family)
def test_each_family_claims_something(family: type) -> None:
    assert family.support  # type: ignore[attr-defined]


if __name__ == "__main__":
    (ROOT / "README.md").write_text(with_table((ROOT / "README.md").read_text()))
