from __future__ import annotations

import doctest
import importlib

import pytest

from tests.test_structure import FILES, module_name

MODULES = sorted(module_name(path) for path in FILES if ">>> " in path.read_text(encoding="utf-8"))


def test_there_are_examples() -> None:
    assert {"analysis.sections.locks", "render.text"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"kdumpkit.{name}"))
    assert found.attempted
    assert not found.failed
