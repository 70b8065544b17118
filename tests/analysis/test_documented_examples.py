from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import kdumpkit.analysis
import kdumpkit.vmcore

MODULES = [
    found.name
    for package in (kdumpkit.analysis, kdumpkit.vmcore)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


def test_there_are_examples() -> None:
    assert "kdumpkit.analysis.sections.locks" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
