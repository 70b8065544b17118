"""What all tests share: which of them are left out when, and a real run to look at."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kdumpkit.runbook.session import ENV_PROGRESS, ENV_REPLAY, ENV_RUN_DIR

ROOT = Path(__file__).resolve().parent.parent
#: a real run against a Debian 12 machine whose kernel was made to panic, or another one to try these tests with
RECORDING = ROOT / os.environ.get("KDUMPKIT_TEST_RECORDING", "tests/recordings/debian-12/panic-test")
#: markers whose tests need more than this machine has by itself
_ON_REQUEST = ("lab", "faults", "kinds")
#: fixtures that take long to make: where several workers share the tests, one of them has all that ask for it
_MADE_ONCE = ("_sealed", "debuginfod")
#: there is one lab, and so one worker has all that starts it
_MACHINE_GROUP = "machine"


def _required() -> set[str]:
    return set(filter(None, os.environ.get("KDUMPKIT_REQUIRE", "").split(",")))


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what boots machines, unless ``KDUMPKIT_<MARKER>=1`` or ``KDUMPKIT_REQUIRE`` asks for it."""
    for item in items:
        groups = set(_MADE_ONCE).intersection(getattr(item, "fixturenames", ()))
        if any(item.get_closest_marker(marker) for marker in _ON_REQUEST):
            groups = {_MACHINE_GROUP}  # it alone: a test of two groups would make a third one
        for group in groups:
            item.add_marker(pytest.mark.xdist_group(group))
    for marker in _ON_REQUEST:
        if marker in _required() or os.environ.get(f"KDUMPKIT_{marker.upper()}") == "1":
            continue
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"set KDUMPKIT_{marker.upper()}=1 to run it"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """A test that ``KDUMPKIT_REQUIRE`` names by its marker fails where it would be skipped."""
    report = yield
    named = [marker for marker in _required() if item.get_closest_marker(marker)]
    if report.skipped and named and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"KDUMPKIT_REQUIRE names {named[0]}, and this test was skipped: {reason}"
    return report


@pytest.fixture(autouse=True)
def _no_run_around(monkeypatch: pytest.MonkeyPatch) -> None:
    # a developer's shell may come from a run or a replay
    for name in (ENV_PROGRESS, ENV_REPLAY, ENV_RUN_DIR):
        monkeypatch.delenv(name, raising=False)


def _run_kdumpkit(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    program = "from kdumpkit.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=300,
        stdin=subprocess.DEVNULL,
    )


RunKdumpkit = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def run_kdumpkit() -> RunKdumpkit:
    """The real command line in a process of its own: ``run_kdumpkit("params", "check", path, cwd=folder)``."""
    return _run_kdumpkit


@pytest.fixture(scope="session")
def recording() -> Path:
    """The recording of a real run. Not there: skipped, or failed where ``KDUMPKIT_REQUIRE`` names recording."""
    if not (RECORDING / "transcript.jsonl").is_file():
        if "recording" in _required():
            pytest.fail(f"KDUMPKIT_REQUIRE names recording, and there is none at {RECORDING}")
        pytest.skip(f"there is no recording at {RECORDING}")
    return RECORDING


@pytest.fixture(scope="session")
def _sealed(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("evidence") / "kdumpkit-lab" / "replayed"
    made = _run_kdumpkit("run", "--replay", str(recording), "--output", str(output))
    assert "Traceback" not in made.stderr, made.stderr
    assert (output / "manifest.json").is_file(), made.stderr
    return output


@pytest.fixture
def evidence(_sealed: Path, tmp_path: Path) -> Path:
    """A whole evidence folder of the recorded run, to be spoilt at will."""
    return Path(shutil.copytree(_sealed, tmp_path / "copy" / "run"))


@pytest.fixture(scope="session")
def sealed_evidence(_sealed: Path) -> Path:
    """The same, for tests that only read it."""
    return _sealed
