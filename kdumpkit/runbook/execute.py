"""One notebook executed by papermill, in this process, with its output written so that no crash can tear it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import LocalHandler, papermill_io

from kdumpkit.evidence.transcript import write_synced
from kdumpkit.runbook.kernel import kernel_manager_class
from kdumpkit.runbook.kernel_process import KernelServer, StartedKernel

#: seconds for a cell that names no time-out of its own
DEFAULT_CELL_TIMEOUT_S = 120
#: the notebook is written this often while it runs, and before each cell that cannot be undone
SAVE_EVERY_S = 2.0


@dataclass(frozen=True)
class Execution:
    """How the execution of a notebook ended, told from the cells themselves.

    papermill's own metadata is not used: after a dead kernel, a time-out or Ctrl-C it calls every cell completed.
    """

    #: "finished", "error" (a cell raised), "timeout", "kernel died"
    ended: str
    code_cells: int
    executed_cells: int
    error_name: str = ""
    error_text: str = ""


def execute_notebook(
    template: Path,
    output: Path,
    given: dict[str, object],
    server: KernelServer,
    kernel: StartedKernel,
    *,
    on_cell: Callable[[int, int, str], None],
) -> Execution:
    """Run ``template`` with the parameters ``given`` into ``output``, by a kernel of ``server`` that is used up by it.

    ``on_cell(number, of, step)`` is called as each code cell begins. Cells that never ran are tagged so that
    nbval does not run them either; a cell that raised is tagged so that nbval expects it to.
    """
    _register(output.parent)
    ended, failure = "finished", None
    try:
        papermill.execute_notebook(
            str(template),
            str(output),
            parameters=given,
            engine_name="kdumpkit",
            progress_bar=False,
            # papermill would write the whole notebook twice a cell; _Client does it where it matters
            request_save_on_cell_execute=False,
            kdumpkit_kernels=kernel_manager_class(server, kernel),
            kdumpkit_on_cell=on_cell,
            kdumpkit_output=output,
        )
    except PapermillExecutionError as error:
        ended, failure = "error", error
    except CellTimeoutError:
        ended = "timeout"
    except DeadKernelError:
        ended = "kernel died"
    executed, cells = _finish(output)
    return Execution(
        ended, cells, executed, getattr(failure, "ename", ""), getattr(failure, "evalue", "") if failure else ""
    )


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, which says which cell it begins, and keeps on disk what has been executed."""

    kdumpkit_on_cell: Callable[[int, int, str], None]
    kdumpkit_output: Path
    kdumpkit_saved_at: float

    def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
        if cell.cell_type != "code":
            return cell
        of = sum(c.cell_type == "code" for c in self.nb.cells)
        number = sum(c.cell_type == "code" for c in self.nb.cells[: cell_index + 1])
        about = cell.metadata.get("kdumpkit", {})
        self.kdumpkit_on_cell(number, of, about.get("step", ""))
        self._save(at_once=about.get("kind") == "destructive")
        return super().execute_cell(cell, cell_index, **options)

    def _save(self, *, at_once: bool) -> None:
        now = time.monotonic()
        if at_once or now - self.kdumpkit_saved_at > SAVE_EVERY_S:
            self.kdumpkit_saved_at = now
            write_synced(self.kdumpkit_output, _as_bytes(self.nb))


class _Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine with forked kernels, a time-out for each cell, and no widget state in the evidence."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        kdumpkit_kernels: type[AsyncKernelManager],
        kdumpkit_on_cell: Callable[[int, int, str], None],
        kdumpkit_output: Path,
        **_: Any,
    ) -> Any:
        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            kernel_manager_class=kdumpkit_kernels,
            timeout_func=lambda cell: cell.metadata.get("kdumpkit", {}).get("timeout", DEFAULT_CELL_TIMEOUT_S),
            store_widget_state=False,
            record_timing=False,
            shutdown_kernel="immediate",
            startup_timeout=60,
            resources={"metadata": {"path": os.getcwd()}},
        )
        client.kdumpkit_on_cell = kdumpkit_on_cell
        client.kdumpkit_output = kdumpkit_output
        client.kdumpkit_saved_at = time.monotonic()
        return client.execute()


class _AtomicHandler(LocalHandler):  # type: ignore[misc]
    """Writes a notebook whole and synced: the next cell may panic the host that this runs on a share of."""

    def write(self, buf: str, path: str) -> None:
        write_synced(Path(path), buf.encode())


_registered: set[str] = set()


def _register(folder: Path) -> None:
    if not _registered:
        papermill_engines.register("kdumpkit", _Engine)
    if str(folder) not in _registered:
        papermill_io.register(str(folder), _AtomicHandler())
        _registered.add(str(folder))


def _finish(output: Path) -> tuple[int, int]:
    # Tags for nbval, and the marks that differ from run to run taken out.
    notebook = nbformat.read(output, as_version=4)
    notebook.cells = [c for c in notebook.cells if "papermill-error-cell-tag" not in c.metadata.get("tags", [])]
    code_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
    for cell in code_cells:
        tags = list(cell.metadata.get("tags", []))
        if cell.execution_count is None:
            tags.append("nbval-skip")
        elif any(out.output_type == "error" for out in cell.outputs):
            tags.append("nbval-raises-exception")
        cell.metadata["tags"] = sorted(set(tags))
    kept = notebook.metadata.get("papermill", {})
    notebook.metadata["papermill"] = {"parameters": kept.get("parameters", {}), "version": kept.get("version")}
    write_synced(output, _as_bytes(notebook))
    return sum(cell.execution_count is not None for cell in code_cells), len(code_cells)


def _as_bytes(notebook: Any) -> bytes:
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
