"""The linters and the type checker, as tests: what they find fails like everything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHECKED = ("kdumpkit", "tests", "benchmarks", "notebooks")


@pytest.mark.parametrize(
    "words",
    [
        ("ruff", "check", "--no-cache", *CHECKED),
        ("ruff", "format", "--no-cache", "--check", "--diff", *CHECKED),
        ("mypy",),
    ],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_it_has_nothing_to_say(words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_type_checker_is_strict_and_sees_the_whole_package() -> None:
    import tomllib

    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert mypy["strict"] is True
    assert mypy["packages"] == ["kdumpkit"]
