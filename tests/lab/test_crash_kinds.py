"""The table of crash kinds, and what it holds a log and a dump against."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kdumpkit.lab
from kdumpkit.errors import UsageError
from kdumpkit.lab.crash_kinds import KINDS, MODULE, dump_differences, find_kind, log_differences

SOURCE = (Path(kdumpkit.lab.__file__).parent / "module" / f"{MODULE}.c").read_text()


def right_log(name: str) -> dict[str, Any]:
    kind = KINDS[name]
    return {
        "kind": kind.log_kind or name,
        "rip_symbol": kind.rip_symbol,
        "rip_module": kind.rip_module,
        "comm": kind.comm + "1" if kind.comm and kind.comm.endswith("/") else kind.comm,
        "call_trace": ["first", kind.in_trace, "last"],
    }


def right_dump(name: str) -> dict[str, Any]:
    kind = KINDS[name]
    command = kind.crashed_task + "0" if kind.crashed_task.endswith("/") else kind.crashed_task
    task = {"command": command, "frames": [{"function": None}, {"function": kind.on_stack}]}
    cpus = [{"command": task + "0" * task.endswith("/"), "frames": [{"function": on}]} for task, on in kind.on_cpus]
    sections = {"crashed_task": task, "cpus": {"cpus": cpus}}
    if not kind.lock:
        return sections
    lock, holder, waiter = kind.lock
    return {
        **sections,
        "locks": {"locks": [{"name": lock, "owner": {"command": holder}, "waiters": [{"command": waiter}]}]},
    }


def test_every_kind_that_the_lab_is_asked_for_is_there() -> None:
    assert set(KINDS) >= {
        *("sysrq", "null_deref", "bug_on", "gpf", "soft_lockup", "hung_task", "oom_panic", "nmi", "stack_overflow"),
    }


def test_the_module_knows_the_kinds_that_need_it_and_no_others() -> None:
    table = re.search(r"kdk_kinds\[\] = \{(.*?)\n\};", SOURCE, re.DOTALL)
    assert table is not None
    in_module = set(re.findall(r'\{ "(\w+)", kdk_\w+ \}', table[1]))
    assert in_module == {name for name, kind in KINDS.items() if kind.needs_module}
    for name in in_module:
        # whatever must be set before, the word for the module comes last
        assert KINDS[name].command.split("; ")[-1] == f"echo {name} > /sys/module/{MODULE}/parameters/trigger"


@pytest.mark.parametrize("name", KINDS)
def test_functions_that_a_log_must_name_are_never_inlined(name: str) -> None:
    kind = KINDS[name]
    for function in (kind.rip_symbol, kind.in_trace, kind.on_stack):
        if function is not None and function.startswith("kdk_") and function != "kdk_set_trigger":
            assert re.search(rf"^static noinline .*\b{function}\(", SOURCE, re.MULTILINE), function
    assert kind.rip_module == (MODULE if kind.rip_symbol is not None and kind.rip_symbol.startswith("kdk_") else None)
    assert kind.in_trace
    assert kind.crashed_task
    assert kind.on_stack
    assert 0 < kind.within_s <= 180


def test_an_unknown_kind_is_wrong_use_and_the_hint_names_all() -> None:
    with pytest.raises(UsageError) as caught:
        find_kind("null-pointer")
    assert all(name in caught.value.hint for name in KINDS)
    assert find_kind("nmi") is KINDS["nmi"]


@pytest.mark.parametrize("name", KINDS)
def test_a_log_that_says_what_was_done_has_no_difference(name: str) -> None:
    assert log_differences(KINDS[name], right_log(name)) == []


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "other"),
        ("rip_symbol", "schedule"),
        ("rip_module", "ext4"),
        ("comm", "swapper/0"),
        ("call_trace", ["schedule"]),
        ("call_trace", None),
    ],
)
def test_each_wrong_value_of_a_log_is_a_difference(name: str, key: str, value: object) -> None:
    (said,) = log_differences(KINDS[name], right_log(name) | {key: value})
    assert repr(value) in said


def test_a_log_without_crash_differs_in_everything_that_is_expected() -> None:
    none = {"kind": "none", "rip_symbol": None, "rip_module": None, "comm": None, "call_trace": None}
    assert len(log_differences(KINDS["null_deref"], none)) == 5
    assert len(log_differences(KINDS["hung_task"], none)) == 3


@pytest.mark.parametrize("name", KINDS)
def test_the_crashed_task_is_held_against_name_and_stack(name: str) -> None:
    kind, right = KINDS[name], right_dump(name)
    assert dump_differences(kind, right) == []
    for change in ({"command": "init"}, {"frames": []}):
        assert len(dump_differences(kind, right | {"crashed_task": right["crashed_task"] | change})) == 1
    unknown = right | {"crashed_task": {"error": "no symbols"}}
    assert dump_differences(kind, unknown) == ["the crashed task is not known: no symbols"]


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.on_cpus])
def test_each_processor_s_task_is_held_against_its_stack(name: str) -> None:
    kind, right = KINDS[name], right_dump(name)
    for other in ({}, {"error": "no symbols"}, {"cpus": []}):
        assert len(dump_differences(kind, right | {"cpus": other})) == len(kind.on_cpus)
    elsewhere = [cpu | {"frames": [{"function": "schedule"}]} for cpu in right["cpus"]["cpus"]]
    assert len(dump_differences(kind, right | {"cpus": {"cpus": elsewhere}})) == len(kind.on_cpus)


@pytest.mark.parametrize(
    "locks",
    [
        {},
        {"error": "no symbols"},
        {"locks": []},
        {"locks": [{"name": "kdk_mutex", "owner": None, "waiters": [{"command": "kdk-waiter"}]}]},
        {"locks": [{"name": None, "owner": {"command": "kdk-holder"}, "waiters": [{"command": "kdk-waiter"}]}]},
        {"locks": [{"name": "kdk_mutex", "owner": {"command": "kdk-holder"}, "waiters": []}]},
    ],
)
def test_a_hung_task_s_dump_must_name_lock_holder_and_waiter(locks: dict[str, Any]) -> None:
    assert len(dump_differences(KINDS["hung_task"], right_dump("hung_task") | {"locks": locks})) == 1


def test_a_part_that_the_compiler_split_off_is_the_same_function() -> None:
    trace = ["dump_stack_lvl", "panic", "out_of_memory.cold", "__alloc_pages"]
    assert log_differences(KINDS["oom_panic"], right_log("oom_panic") | {"call_trace": trace}) == []


def test_a_task_of_whichever_processor_is_none_without_a_number_s_slash() -> None:
    assert log_differences(KINDS["soft_lockup"], right_log("soft_lockup") | {"comm": "kdk-spin/1"}) == []
    assert log_differences(KINDS["soft_lockup"], right_log("soft_lockup") | {"comm": "kdk-spinner"}) != []
    exact = replace(KINDS["soft_lockup"], comm="kdk-spin/0")
    assert log_differences(exact, right_log("soft_lockup") | {"comm": "kdk-spin/1"}) != []
