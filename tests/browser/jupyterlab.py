"""A JupyterLab of our own, and a notebook open in it as a person at a browser has it."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

ROOT = Path(__file__).resolve().parents[2]
#: seconds that a single thing on the page may take; Chromium and two kernels share few cores
PATIENCE_S = 40.0

#: every cell stays in the page, wherever it is scrolled to; no news, no tours, no questions
_SETTINGS = {
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false", "checkForUpdates": False},
}


class JupyterServer:
    """``jupyter lab`` on a free port of the loopback interface, with a home of its own and no browser."""

    def __init__(self, home: Path, notebooks: Path) -> None:
        self.home = home
        self.token = secrets.token_hex(16)
        self.notebooks = notebooks
        for name, settings in _SETTINGS.items():
            path = home / "config" / "lab" / "user-settings" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(settings))
        self._log = (home / "jupyter.log").open("wb")
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyterlab", "--no-browser", "--ip", "127.0.0.1", "--port", "0",
                f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={notebooks}",
                "--LabApp.expose_app_in_browser=True", "--ServerApp.terminals_enabled=False",
                *(["--allow-root"] if os.geteuid() == 0 else []),
            ],
            cwd=notebooks,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            self.address = self._wait_for_address()
        except BaseException:
            self.close()
            raise

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
        runtime = self.home / "runtime"
        return kept | {
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(runtime),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "config" / "lab" / "user-settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "config" / "lab" / "workspaces"),
            "IPYTHONDIR": str(self.home / "ipython"),
        }

    def _wait_for_address(self) -> str:
        def written() -> str | None:
            if self._process.poll() is not None:
                raise AssertionError(f"jupyter lab ended with {self._process.returncode}:\n{self.log()}")
            for path in (self.home / "runtime").glob("jpserver-*.json"):
                address = str(json.loads(path.read_text())["url"])
                try:
                    urllib.request.urlopen(f"{address}api/status?token={self.token}", timeout=5).close()
                except urllib.error.URLError:
                    return None
                return address
            return None

        return wait_for(written, "jupyter lab to answer", PATIENCE_S)

    def url(self, notebook: str) -> str:
        """The address of one notebook, its panel alone being shown."""
        return f"{self.address}doc/tree/{notebook}?token={self.token}"

    def log(self) -> str:
        return (self.home / "jupyter.log").read_text(errors="replace")[-4000:]

    def close(self) -> None:
        """End the server with its kernels; whatever is then still there is ended too, and named as a failure."""
        try:
            if self._process.poll() is None:
                self._process.terminate()
                try:
                    self._process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
        finally:
            self._log.close()
            left = self.processes()
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        assert not left, f"jupyter lab left processes behind: {left}"

    def processes(self) -> list[int]:
        """The processes that have this server's home: the server and its kernels."""
        mark = f"JUPYTER_RUNTIME_DIR={self.home / 'runtime'}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found


def wait_for(look: Callable[[], Any], what: str, timeout_s: float) -> Any:
    """What ``look`` returns as soon as it is something; AssertionError at the deadline."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {timeout_s:.0f} s for {what}")


class OpenNotebook:
    """One notebook in the browser. Cells are named by their step, as the template names them."""

    def __init__(self, page: Page, server: JupyterServer, path: Path) -> None:
        self.page = page
        self.path = path
        self._steps = [cell["metadata"].get("kdumpkit", {}).get("step", "") for cell in read_cells(path)]
        page.goto(server.url(str(path.relative_to(server.notebooks))))
        expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(self._steps), timeout=PATIENCE_S * 1000)
        self.wait_until_idle()

    def cell(self, step: str) -> Locator:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self._steps.index(step))

    def output(self, step: str) -> Locator:
        return self.cell(step).locator(".jp-OutputArea-output")

    def error(self, step: str) -> Locator:
        return self.cell(step).locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')

    def menu(self, menu: str, entry: str) -> None:
        """Click an entry of a menu."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{menu}$")).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{entry}$")).click()

    def run_all(self) -> None:
        self.menu("Run", "Run All Cells")

    def run_cell(self, step: str) -> None:
        """Shift-Enter in a cell."""
        self.cell(step).locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Shift+Enter")

    def run_from(self, step: str) -> None:
        """A cell and all that follow it."""
        self.cell(step).locator(".jp-InputArea-editor").click()
        self.menu("Run", "Run Selected Cell and All Below")

    def replace_source(self, step: str, source: str) -> None:
        """Type another text into a cell."""
        self.cell(step).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)

    def source(self, step: str) -> str:
        """What the file holds as a cell's source."""
        return "".join(read_cells(self.path)[self._steps.index(step)]["source"])

    def count(self, step: str) -> str:
        """The number beside a cell, or what stands there instead: `` `` not executed, ``*`` it waits or runs."""
        return self.cell(step).locator(".jp-InputPrompt").inner_text().strip("[]: \n")

    def wait_until_idle(self) -> None:
        """Until the kernel is there and no cell waits for it."""
        self.page.wait_for_function(
            """() => {
                const kernel = window.jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel;
                const prompts = [...document.querySelectorAll('.jp-Notebook .jp-InputPrompt')];
                return kernel?.status === 'idle' && !prompts.some(p => p.textContent.includes('*'));
            }""",
            timeout=PATIENCE_S * 1000,
        )

    def save(self) -> list[dict[str, Any]]:
        """The notebook saved by hand; its cells as they then are on disk."""
        self.page.keyboard.press("Escape")
        self.menu("File", "Save Notebook")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        return read_cells(self.path)


def read_cells(path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text())["cells"]
    return cells


def copy_with_parameters(stage: str, recording: Path, folder: Path) -> Path:
    """A notebook beside a copy of a recording, its parameters cell edited to say what the recorded run was given.

    A session in a folder that holds a transcript is a replay of it, so nothing here can reach a host.
    """
    shutil.copytree(recording, folder, ignore=shutil.ignore_patterns("*.ipynb", "*.html", "manifest*", "result.json"))
    records = [json.loads(line) for line in (folder / "transcript.jsonl").read_text().splitlines()]
    given = [record["given"] for record in records if record["kind"] == "stage" and record["stage"] == stage][-1]
    notebook = json.loads((ROOT / "notebooks" / f"{stage}.ipynb").read_text())
    cell = next(cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", ()))
    lines = []
    for line in "".join(cell["source"]).splitlines():
        name = line.partition(":")[0]
        head, value, comment = re.fullmatch(r"(\w+: \w+ = )(.*?)(  # .*)", line).groups()  # type: ignore[union-attr]
        lines.append(head + (json.dumps(given[name]) if name in given else value) + comment)
    cell["source"] = "\n".join(lines)
    path = folder / f"{stage}.ipynb"
    path.write_text(json.dumps(notebook))
    return path
