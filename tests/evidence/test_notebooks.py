from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kdumpkit.errors import EvidenceError
from kdumpkit.evidence.notebooks import check_notebook

IMPORTS = "from kdumpkit.render import show, show_wait\nfrom kdumpkit.runbook.prerequisites import Prerequisites"
OPEN = "run = Prerequisites.open(globals(), show_wait)\nshow(run.summary())"


def cell(
    source: str, count: int | None = 1, outputs: list[dict[str, Any]] | None = None, **meta: Any
) -> dict[str, Any]:
    outputs = outputs or []
    return {
        "cell_type": "code",
        "id": "x",
        "execution_count": count,
        "metadata": meta,
        "outputs": outputs,
        "source": source,
    }


def notebook(folder: Path, *cells: dict[str, Any]) -> Path:
    path = folder / "01-prerequisites.ipynb"
    path.write_text(json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


@pytest.mark.parametrize("name", [f"0{n}" for n in range(1, 7)])
def test_the_notebooks_of_this_repository_are_fit(name: str, pytestconfig: pytest.Config) -> None:
    (path,) = (pytestconfig.rootpath / "notebooks").glob(f"{name}-*.ipynb")
    check_notebook(path, came_to_its_end=False)


def test_an_executed_notebook_is_fit(tmp_path: Path) -> None:
    given = cell('# Parameters\nhost = "web01"\nboot_timeout_s = 300\n', tags=["injected-parameters"])
    destructive = cell("show(run.trigger_panic())", tags=["nbval-skip"], kdumpkit={"kind": "destructive"})
    parameters = cell('host: str = "x"  # name', tags=["parameters"])
    path = notebook(tmp_path, cell(IMPORTS), parameters, given, cell(OPEN), destructive, cell("show(run.result())"))
    check_notebook(path, came_to_its_end=True)


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "from os import system as show",
        "from kdumpkit.render import show as run",
        "from kdumpkit.render.cell import Shown",
        "from kdumpkit.runbook.kernel import subprocess, os",
        "from kdumpkit.runbook.stage import Stage as show",
        "from kdumpkit.lab import up",
        "from .x import y",
        "import kdumpkit.runbook.run",
        "__import__('os').system('id')",
        "show(__import__('os').system('id'))",
        "show(run.step(__import__('os').system('id')))",
        "show(run.step(), print())",
        "show(run.a.b())",
        "run = Prerequisites.open(globals(), __import__('os'))",
        "run = __import__('os').open(globals(), show_wait)",
        "run = x.y.open(globals(), show_wait)",
        "run.target = 1",
        "host = [__import__('os').system('id')]",
        "host: str = open('/etc/passwd').read()",
        "host: __import__('os').system('id') = 1",
        "host = f'{__import__(\"os\")}'",
        "def f():\n    pass",
        "class A:\n    pass",
        "for a in 'b':\n    show(run.a())",
        "lambda: 1",
        "!id",
        "%%bash\nid",
        "%run x.py",
        "get_ipython().system('id')",
        "assert False",
        "del run",
        "1 +",
        "show(run.step())  # NBVAL_IGNORE_OUTPUT",
        "#nbval_skip\nshow(run.step())",
    ],
)
def test_code_that_no_notebook_has_is_not_executed(tmp_path: Path, source: str) -> None:
    with pytest.raises(EvidenceError, match="it is not executed") as caught:
        check_notebook(notebook(tmp_path, cell(IMPORTS), cell(source)), came_to_its_end=False)
    assert "01-prerequisites.ipynb, code cell 2" in caught.value.message


@pytest.mark.parametrize(
    "tag", ["nbval-ignore-output", "raises-exception", "nbval-check-output", "skip-execution", "nbval_skip"]
)
def test_a_tag_that_hides_a_difference_is_refused(tmp_path: Path, tag: str) -> None:
    with pytest.raises(EvidenceError, match="has the tag"):
        check_notebook(notebook(tmp_path, cell(OPEN, tags=[tag])), came_to_its_end=False)


FAILED = {"output_type": "error", "ename": "ReplayDivergence", "evalue": "", "traceback": []}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (cell(OPEN, None), "was not executed"),
        (cell(OPEN, None, tags=["nbval-skip"]), "was not executed"),
        (cell(OPEN, 1, [FAILED]), "ended with ReplayDivergence"),
        (cell(OPEN, 1, tags=["nbval-raises-exception"]), "is marked as failing"),
        (cell(OPEN, 1, tags=["nbval-skip"]), "would be left out of the replay"),
        (cell(OPEN, 1, tags=["nbval-skip"], kdumpkit={"kind": "check"}), "would be left out of the replay"),
    ],
)
def test_where_the_stage_came_to_its_end_every_cell_did(tmp_path: Path, bad: dict[str, Any], said: str) -> None:
    path = notebook(tmp_path, cell(IMPORTS), bad)
    with pytest.raises(EvidenceError, match=said):
        check_notebook(path, came_to_its_end=True)
    check_notebook(path, came_to_its_end=False)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b'{"cells": []}', b'{"cells": [{}]}', b"[" * 200_000])
def test_what_is_no_notebook_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "01-prerequisites.ipynb"
    path.write_bytes(raw)
    with pytest.raises(EvidenceError, match=r"is not a notebook that can be read|has no code cell"):
        check_notebook(path, came_to_its_end=False)
    path.unlink()
    with pytest.raises(EvidenceError):
        check_notebook(path, came_to_its_end=False)
