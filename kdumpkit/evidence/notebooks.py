"""What an executed notebook of an evidence folder may hold, so that executing it again is safe and proves something.

``kdumpkit verify`` executes notebooks that somebody else hands over. They are Python, and so could do anything; and
a tag or a comment can tell nbval to leave a cell out or to ignore its output. The code of a runbook is so plain that
what may stand in it can be listed.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from kdumpkit.errors import EvidenceError

#: the tags that papermill and kdumpkit themselves put on a cell; nbval knows others, which hide differences
TAGS = frozenset({"parameters", "injected-parameters", "nbval-skip", "nbval-raises-exception"})


def check_notebook(path: Path, *, came_to_its_end: bool) -> None:
    """Raise EvidenceError where a notebook holds anything but kdumpkit's own cells.

    ``came_to_its_end``: the record says that the stage ended with a result, so every cell must have been executed
    without an error, and none may be left out of the replay but what cannot be undone.
    """
    try:
        cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
        for number, cell in enumerate(cells, 1):
            _check_cell(cell, f"{path.name}, code cell {number}", came_to_its_end)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unfit(f"{path.name} is not a notebook that can be read: {error!r}") from error
    if not cells:
        raise _unfit(f"{path.name} has no code cell")


def _check_cell(cell: dict[str, Any], where: str, came_to_its_end: bool) -> None:
    source = "".join(cell["source"])
    metadata = cell["metadata"]
    tags = set(metadata.get("tags", ()))
    if unknown := tags - TAGS:
        raise _unfit(f"{where} has the tag {sorted(unknown)[0]!r}, which no run puts there")
    if "nbval" in source.lower():
        raise _unfit(f"{where} has an instruction to nbval in its source")
    if came_to_its_end:
        failed = [out.get("ename") for out in cell["outputs"] if out["output_type"] == "error"]
        if failed or cell["execution_count"] is None:
            what = f"ended with {failed[0]}" if failed else "was not executed"
            raise _unfit(f"{where} {what}, but the record says that the stage came to its end")
        if "nbval-raises-exception" in tags:
            raise _unfit(f"{where} is marked as failing, but the record says that the stage came to its end")
        if "nbval-skip" in tags and metadata.get("kdumpkit", {}).get("kind") != "destructive":
            raise _unfit(f"{where} would be left out of the replay, and nothing in it cannot be undone")
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise _unfit(f"{where} is not plain Python") from error
    for statement in statements:
        if not _is_allowed(statement):
            raise _unfit(f"{where} holds code that no kdumpkit notebook has: {ast.unparse(statement)[:120]}")


def _is_allowed(statement: ast.stmt) -> bool:
    match statement:
        case ast.ImportFrom(module="kdumpkit.render", level=0, names=names):
            return all(name.name in ("show", "show_wait") and name.asname is None for name in names)
        case ast.ImportFrom(module=str(module), level=0, names=[ast.alias(asname=None)]):
            return module.startswith("kdumpkit.runbook.")
        case ast.AnnAssign(target=ast.Name(), annotation=ast.Name(id="str" | "int"), value=ast.Constant()):
            return True
        # what papermill injects
        case ast.Assign(targets=[ast.Name()], value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name(id="run")], value=call):
            return ast.unparse(call).partition(".")[2] == "open(globals(), show_wait)" and _is_name(call)
        case ast.Expr(
            value=ast.Call(
                func=ast.Name(id="show"),
                args=[ast.Call(func=ast.Attribute(value=ast.Name(id="run")), args=[], keywords=[])],
                keywords=[],
            )
        ):
            return True
        case _:
            return False


def _is_name(call: ast.expr) -> bool:
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="open")):
            return True
        case _:
            return False


def _unfit(what: str) -> EvidenceError:
    return EvidenceError(
        f"{what}; it is not executed", "take a fresh copy of the evidence from where it was first written"
    )
