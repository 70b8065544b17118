"""Every kind of crash on a real kernel: the dump's log and its crashed task name what was made to crash."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kdumpkit import lab
from kdumpkit.analysis.drgn_report import drgn_report_command
from kdumpkit.lab.crash_kinds import KINDS, dump_differences
from kdumpkit.vmcore.completeness import DumpState

from .commands import kdumpkit

pytestmark = pytest.mark.kinds


@pytest.fixture(scope="module", autouse=True)
def _lab_with_symbols(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    # its kernel's symbols come with it: without them a dump has no stacks, and nothing but the log would be looked at
    up = kdumpkit("lab", "up", cwd=tmp_path_factory.mktemp("up"))
    assert up.returncode == 0, up.stderr[-3000:]
    yield
    lab.down()


@pytest.mark.parametrize("name", KINDS)
def test_log_and_dump_name_kind_function_module_and_task(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    done = kdumpkit("lab", "crash", "--kind", name, "--output", "crash", "--keep", "--json", cwd=tmp_path)
    if done.returncode != 0:
        # whatever it was left in: the next kind gets a machine of its own
        lab.down()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["differences"] == []
    console = (tmp_path / result["console"]).read_text(errors="replace")
    assert kind.says in console if kind.says else "Call Trace" not in console
    assert (result["module"] is not None) == kind.needs_module

    report = read_report(tmp_path / result["dump"], tmp_path / result["vmlinux"])
    assert report["dump"]["state"] == DumpState.WHOLE.value
    assert report["vmcoreinfo"]["release"] == result["kernel_release"]
    assert dump_differences(kind, report["sections"]) == []
    again = kdumpkit("oops", "--json", result["dmesg"], cwd=tmp_path)
    assert json.loads(again.stdout)["kind"] == (kind.log_kind or name)


def read_report(dump: Path, vmlinux: Path) -> dict[str, Any]:
    command = drgn_report_command(dump, vmlinux)
    done = subprocess.run(command.argv, capture_output=True, timeout=command.timeout_s, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report
