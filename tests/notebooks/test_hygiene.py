"""What the six notebooks look like in the repository."""

from __future__ import annotations

import ast
import importlib
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from kdumpkit.parameters import FIELDS
from kdumpkit.runbook.session import STAGES
from kdumpkit.runbook.stage import Stage

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = [FOLDER / f"{stage}.ipynb" for stage in STAGES]
KINDS = {"check", "change", "destructive", "report"}
#: the cells that come before the first step
HEAD = ["imports", "parameters", "open"]

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def code(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in cells(path) if cell["cell_type"] == "code"]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def step_of(cell: dict[str, Any]) -> str:
    """The method that a step's cell calls."""
    (statement,) = ast.parse(source(cell)).body
    call = ast.unparse(statement)
    assert call.startswith("show(run.")
    assert call.endswith("())")
    return call.removeprefix("show(run.").removesuffix("())")


def stage_class(path: Path) -> type[Stage]:
    imports = ast.parse(source(code(path)[0])).body
    (own,) = [node for node in imports if isinstance(node, ast.ImportFrom) and node.module != "kdumpkit.render"]
    kind: type[Stage] = getattr(importlib.import_module(str(own.module)), own.names[0].name)
    return kind


def test_it_is_a_valid_notebook(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(document)
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    assert document["metadata"]["kernelspec"]["name"] == "python3"
    assert document["metadata"]["kdumpkit"] == {"schema": 1, "runbook": path.stem}
    assert "papermill" not in document["metadata"]
    assert "widgets" not in document["metadata"]


def test_nothing_that_a_run_leaves_is_in_it(path: Path) -> None:
    assert [cell["id"] for cell in code(path) if cell["outputs"] or cell["execution_count"] is not None] == []
    assert [c["id"] for c in cells(path) if {"papermill", "execution", "collapsed"} & set(c["metadata"])] == []


def test_every_cell_has_a_name_of_its_own(path: Path) -> None:
    ids = [cell["id"] for cell in cells(path)]
    assert len(set(ids)) == len(ids)
    # words, not the random ones that an editor gives
    assert [name for name in ids if not all(part.isalpha() and part.islower() for part in name.split("-"))] == []


def test_every_code_cell_says_its_step_its_kind_and_its_time(path: Path) -> None:
    for cell in code(path):
        facts = cell["metadata"]["kdumpkit"]
        assert set(facts) == {"step", "kind", "timeout"}, cell["id"]
        assert facts["kind"] in KINDS
        assert isinstance(facts["timeout"], int)
        assert facts["timeout"] > 0
        assert set(cell["metadata"]) <= {"kdumpkit", "tags"}
        assert facts["step"] == ("summary" if cell["id"] == "open" else cell["id"])


def test_destructive_cells_are_those_that_cannot_be_undone_and_nbval_leaves_them_out(path: Path) -> None:
    for cell in code(path):
        destructive = cell["metadata"]["kdumpkit"]["kind"] == "destructive"
        assert ("nbval-skip" in cell["metadata"].get("tags", ())) == destructive, cell["id"]
        assert ("trigger_" in source(cell)) == destructive, cell["id"]


def test_a_wait_may_take_as_long_as_its_parameter_allows(path: Path) -> None:
    longest = {"03-reboot-check": "boot_timeout_s", "05-panic-test": "dump_timeout_s"}.get(path.stem)
    waits = [cell for cell in code(path) if cell["id"].startswith("wait-for")]
    assert bool(waits) == (longest is not None)
    for cell in waits:
        (limit,) = [m.le for m in FIELDS[str(longest)].metadata if hasattr(m, "le")]
        assert cell["metadata"]["kdumpkit"]["timeout"] > limit


def test_there_is_one_parameters_cell_with_literals_only(path: Path) -> None:
    tagged = [cell for cell in code(path) if "parameters" in cell["metadata"].get("tags", ())]
    assert [cell["id"] for cell in tagged] == ["parameters"]
    for statement in ast.parse(source(tagged[0])).body:
        assert isinstance(statement, ast.AnnAssign)
        assert isinstance(statement.value, ast.Constant)
        assert isinstance(statement.target, ast.Name)
    known = {"parameters", "nbval-skip"}
    assert [c["id"] for c in cells(path) if not set(c["metadata"].get("tags", ())) <= known] == []


def test_the_head_is_the_same_in_all(path: Path) -> None:
    assert [cell["id"] for cell in code(path)[:3]] == HEAD
    assert [cell["id"] for cell in code(path)[-1:]] == ["result"]
    name = stage_class(path).__name__
    first, second = ast.parse(source(code(path)[0])).body
    assert ast.unparse(first) == "from kdumpkit.render import show, show_wait"
    assert isinstance(second, ast.ImportFrom)
    assert source(code(path)[2]) == f"run = {name}.open(globals(), show_wait)\nshow(run.summary())"
    assert stage_class(path).name == path.stem


def test_markdown_comes_before_each_step(path: Path) -> None:
    before: dict[str, Any] | None = None
    for cell in cells(path):
        if cell["cell_type"] == "code" and cell["id"] not in ("imports", "open"):
            assert before is not None, cell["id"]
            assert before["cell_type"] == "markdown", cell["id"]
            assert before["id"] == f"about-{cell['id']}"
            assert len(source(before)) > 20
        before = cell
    assert cells(path)[0]["cell_type"] == "markdown"
    assert source(cells(path)[0]).startswith("# ")


def test_each_step_is_one_call_with_one_result(path: Path) -> None:
    kind = stage_class(path)
    for cell in code(path)[len(HEAD) :]:
        method = step_of(cell)
        assert method.replace("_", "-") == cell["id"]
        assert callable(getattr(kind, method)), method


def test_every_step_of_the_stage_has_its_cell(path: Path) -> None:
    kind = stage_class(path)
    # the decorator `step` wraps, so a step is a method that says what it wraps
    steps = {name for name in dir(kind) if hasattr(getattr(kind, name), "__wrapped__") and not name.startswith("_")}
    assert steps - {"summary"} == {step_of(cell) for cell in code(path)[len(HEAD) :]} - {"result"}


FORBIDDEN_NODES = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.If, ast.IfExp, ast.Try,
    ast.With, ast.Raise, ast.Assert, ast.Delete, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp, ast.Await,
    ast.Global, ast.AugAssign, ast.NamedExpr, ast.JoinedStr, ast.BinOp, ast.Subscript,
)  # fmt: skip
FORBIDDEN_WORDS = ("print", "SystemExit", "clear_output", "display_id", "Output", "exit", "input", "get_ipython")


def test_there_is_no_program_in_it(path: Path) -> None:
    for cell in code(path):
        assert [line for line in source(cell).splitlines() if line.lstrip().startswith(("!", "%", "?"))] == []
        tree = ast.parse(source(cell))
        assert [type(node).__name__ for node in ast.walk(tree) if isinstance(node, FORBIDDEN_NODES)] == [], cell["id"]
        names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
        assert set(names).isdisjoint(FORBIDDEN_WORDS), cell["id"]
