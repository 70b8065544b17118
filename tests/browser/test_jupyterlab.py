"""A person at JupyterLab: real JupyterLab, real Chromium, and a recording instead of a host."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from .jupyterlab import PATIENCE_S, ROOT, JupyterServer, OpenNotebook, copy_with_parameters

pytestmark = pytest.mark.browser

RECORDINGS = ROOT / "tests" / "recordings" / "debian-12"
RESULT = "application/vnd.kdumpkit.result+json"

#: no display, no sandbox (root has none), no network
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_OPTIONS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def jupyter(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    folder = tmp_path_factory.mktemp("jupyter")
    (folder / "notebooks").mkdir()
    server = JupyterServer(folder / "home", folder / "notebooks")
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE_S * 1000)
    yield page
    page.close()


def opened(
    page: Page, jupyter: JupyterServer, stage: str, situation: str, request: pytest.FixtureRequest
) -> OpenNotebook:
    """The stage's notebook in JupyterLab, beside its recording, with the parameters of the recorded run."""
    path = copy_with_parameters(stage, RECORDINGS / situation, jupyter.notebooks / request.node.name)
    return OpenNotebook(page, jupyter, path)


def refusal(notebook: OpenNotebook, step: str) -> str:
    """The one sentence in which a cell refused: no traceback, no picture of one, no control characters."""
    error = notebook.error(step)
    expect(error).to_have_count(1)
    text = error.inner_text()
    assert "Traceback" not in text
    assert "---" not in text
    assert "\x1b" not in text
    assert "[0m" not in text
    assert len(text.strip().splitlines()) == 2, text
    return text


def test_prerequisites_run_through(page: Page, jupyter: JupyterServer, request: pytest.FixtureRequest) -> None:
    notebook = opened(page, jupyter, "01-prerequisites", "check", request)
    notebook.run_all()
    notebook.wait_until_idle()
    expect(notebook.output("result").get_by_text("01-prerequisites on kdumpkit-lab, mode check")).to_be_visible()
    code = [cell for cell in notebook.save() if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    silent = [cell["metadata"]["kdumpkit"]["step"] for cell in code if not cell["outputs"]]
    assert silent == ["imports", "parameters"]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert len(outputs) == len(code) - len(silent)
    assert {output["output_type"] for output in outputs} == {"execute_result"}
    assert "every answer is that of the recorded run" in str(outputs[0]["data"]["text/plain"])
    result = outputs[-1]["data"][RESULT]
    assert (result["stage"], result["host"], result["mode"]) == ("01-prerequisites", "kdumpkit-lab", "check")
    status = notebook.output("result").locator("strong").first
    expect(status).to_have_text(result["status"])
    assert result["findings"]


def test_panic_stops_at_the_gate_until_the_right_name_is_typed(
    page: Page, jupyter: JupyterServer, request: pytest.FixtureRequest
) -> None:
    notebook = opened(page, jupyter, "05-panic-test", "panic-test", request)
    transcript = notebook.path.parent / "transcript.jsonl"
    recorded = transcript.read_bytes()
    field = notebook.cell("give-consent").get_by_placeholder("type kdumpkit-lab")
    state = notebook.cell("give-consent").locator(".widget-html-content").last

    notebook.run_all()
    notebook.wait_until_idle()
    said = refusal(notebook, "trigger-panic")
    assert "ConsentMissing: kdumpkit-lab would go down, and there is no consent to that; nothing was done" in said
    assert "next: type kdumpkit-lab into the field" in said
    expect(field).to_be_visible()
    expect(state).to_have_text(re.compile("No consent is given yet: the next cell refuses"))
    assert notebook.count("wait-for-return") == ""

    field.fill("kdumpkit")
    expect(state).to_have_text(re.compile("not the host's own name: the next cell refuses"))
    notebook.run_cell("trigger-panic")
    notebook.wait_until_idle()
    assert "consent is for 'kdumpkit', but the host calls itself 'kdumpkit-lab'" in refusal(notebook, "trigger-panic")

    field.fill("kdumpkit-lab")
    expect(state).to_have_text(re.compile("Consent is given: the next cell takes kdumpkit-lab down"))
    notebook.run_from("trigger-panic")
    notebook.wait_until_idle()
    expect(notebook.output("trigger-panic").get_by_text("the kernel panics in one second")).to_be_visible()
    picture = notebook.output("plot-timeline").locator("img")
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 500
    expect(notebook.output("result").locator("strong").first).to_have_text("PASS")
    assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    # nothing but the recording was asked, and nothing was added to it
    assert transcript.read_bytes() == recorded


def test_a_mistyped_parameter_is_refused_by_the_next_cell(
    page: Page, jupyter: JupyterServer, request: pytest.FixtureRequest
) -> None:
    notebook = opened(page, jupyter, "01-prerequisites", "check", request)
    parameters = notebook.source("parameters")
    notebook.replace_source("parameters", parameters.replace("crashkernel: str", "crash_kernel: str"))
    notebook.run_all()
    notebook.wait_until_idle()
    said = refusal(notebook, "summary")
    assert "there is no parameter 'crash_kernel'; did you mean 'crashkernel'?" in said
    assert notebook.count("identify-host") == ""

    notebook.replace_source("parameters", parameters.replace('mode: str = "check"', 'mode: str = "aply"'))
    notebook.run_all()
    notebook.wait_until_idle()
    # what was mistyped before is still in the kernel, and must not be held against the mended cell
    assert "mode is 'aply' (text), but it must be one of: check, plan, apply" in refusal(notebook, "summary")

    notebook.replace_source("parameters", parameters)
    notebook.run_cell("parameters")
    notebook.run_cell("summary")
    notebook.wait_until_idle()
    expect(notebook.error("summary")).to_have_count(0)
    expect(notebook.output("summary").get_by_text("01-prerequisites for kdumpkit-lab")).to_be_visible()
