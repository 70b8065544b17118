from __future__ import annotations

import pytest

from kdumpkit.vmcore.architecture import foreign_architecture


@pytest.mark.parametrize("machine", ["aarch64", "ppc64", "ppc64le", "s390x"])
def test_architectures_that_drgn_reads_anywhere(machine: str) -> None:
    words = foreign_architecture(machine, "x86_64")
    assert machine in words
    assert "drgn can" in words
    assert foreign_architecture(machine, machine) == ""


@pytest.mark.parametrize("machine", ["riscv", "loongarch64", "i686", "EM_9999"])
def test_architectures_that_drgn_does_not_know(machine: str) -> None:
    assert "are all that can be read" in foreign_architecture(machine, "x86_64")
    assert "are all that can be read" in foreign_architecture(machine, machine)


@pytest.mark.parametrize(("machine", "here"), [("arm64", "aarch64"), ("aarch64", "arm64"), ("x86_64", "x86_64")])
def test_two_names_of_one_architecture(machine: str, here: str) -> None:
    assert foreign_architecture(machine, here) == ""


def test_no_architecture_in_the_header() -> None:
    assert "does not say" in foreign_architecture(None, "x86_64")
    assert "does not say" in foreign_architecture("", "x86_64")
