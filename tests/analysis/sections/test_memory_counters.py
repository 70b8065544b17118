"""Counters of a kernel's memory, in pages and in KiB, under the names that kernels have had for them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kdumpkit.analysis.sections.memory import _USES, _sum_of

PAGE = 4096


class Item(str):
    """A constant of an enumeration, as drgn gives it."""

    type_: Any


def program(values: dict[str, int], tag: str, array: str) -> dict[str, Any]:
    """As much of a drgn program as counters need: the constants, and the array that they are the numbers of."""
    found: dict[str, Any] = {}
    for name in values:
        found[name] = Item(name)
        found[name].type_ = SimpleNamespace(tag=tag)
    found[array] = {
        name: SimpleNamespace(counter=SimpleNamespace(value_=lambda number=number: number))
        for name, number in values.items()
    }
    return found


def size(use: str, kernel: dict[str, Any]) -> int | None:
    return _sum_of(kernel, dict(_USES)[use], PAGE)


def test_most_counters_are_of_pages_and_kernel_stacks_of_kib() -> None:
    kernel = program({"NR_PAGETABLE": 7, "NR_KERNEL_STACK_KB": 96}, "node_stat_item", "vm_node_stat")
    assert size("page tables", kernel) == 7 * PAGE
    assert size("kernel stacks", kernel) == 96 << 10


def test_a_sum_of_bytes_is_kept_in_pages() -> None:
    kernel = program({"NR_SLAB_RECLAIMABLE_B": 3}, "node_stat_item", "vm_node_stat")
    assert size("slab, reclaimable", kernel) == 3 * PAGE


@pytest.mark.parametrize(("tag", "array"), [("node_stat_item", "vm_node_stat"), ("zone_stat_item", "vm_stat")])
def test_a_counter_is_found_under_the_name_of_its_time(tag: str, array: str) -> None:
    assert size("programs (anonymous)", program({"NR_ANON_PAGES": 5}, tag, array)) == 5 * PAGE
    both = program({"NR_ANON_PAGES": 5, "NR_ANON_MAPPED": 9}, tag, array)
    assert size("programs (anonymous)", both) == 9 * PAGE


def test_a_counter_below_zero_is_none_and_one_that_is_not_there_is_unknown() -> None:
    kernel = program({"NR_PAGETABLE": -3}, "node_stat_item", "vm_node_stat")
    assert size("page tables", kernel) == 0
    assert size("kernel stacks", kernel) is None
