"""The six notebooks on other kinds of lab machine: each really crashed, its dump verified, its evidence replayed.

``make test`` runs the one that differs most from the plain machine; ``KDUMPKIT_FLAVOURS`` names others, by commas.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdumpkit import lab
from kdumpkit.runbook.session import STAGES

from .commands import configuration, kdumpkit

pytestmark = pytest.mark.lab
FLAVOURS = os.environ.get("KDUMPKIT_FLAVOURS", "el").split(",")


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    lab.down()
    yield
    lab.down()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_run_ends_in_a_verified_dump_and_is_taken_back(flavour: str, tmp_path: Path) -> None:
    lab.install_requirements(print, flavour=lab.load_flavour(flavour))
    lab.up(print, flavour=flavour)
    before = configuration()
    done = kdumpkit("lab", "run", "--flavour", flavour, "--keep", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    result = json.loads(done.stdout)
    assert [stage["stage"] for stage in result["stages"]] == list(STAGES)
    findings = {found["id"]: found for stage in result["stages"] for found in stage["findings"]}
    for name in (
        "crashkernel.configured",
        "crashkernel.reserved",
        "reboot.returned",
        "service.switch",
        "panic_test.dump_found",
        "panic_test.log_label",
        "dump.whole",
        "dump.label",
        "symbols.match",
        "analysis.stack",
        "analysis.cause",
    ):
        assert findings[name]["status"] == "PASS", findings[name]
    assert "panic test of kdumpkit" in findings["analysis.cause"]["reason"]
    moved = tmp_path / "moved"
    shutil.copytree(result["evidence"], moved)
    verified = kdumpkit("verify", str(moved), cwd=tmp_path)
    assert verified.returncode == 0, verified.stderr[-3000:]
    # an imitation says so wherever its name stands
    if flavour.startswith("el"):
        assert "only in its layout" in (moved / "report.html").read_text()
    check_taken_back(flavour, before, tmp_path)


def check_taken_back(flavour: str, before: dict[str, str], folder: Path) -> None:
    assert configuration() != before
    done = kdumpkit("lab", "run", "--flavour", flavour, "--mode", "rollback", "--keep", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr[-4000:]
    stages = json.loads(done.stdout)["stages"]
    taken_back = [found for stage in stages for found in stage["findings"] if found["id"] == "rollback.taken_back"]
    assert [found["status"] for found in taken_back] == ["PASS"] * 3, taken_back
    after = configuration()
    assert {path: what for path, what in after.items() if path in before} == before
    # what is new is what kdump itself built, and settings of packages that were removed and are not purged
    assert {path for path in after if path not in before and "kdump" not in path and "kexec" not in path} == set()
