"""Hosts that look prepared and are not: the kit says what is wrong, and a host that is lost is said to be lost."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kdumpkit import lab
from kdumpkit.evidence.transcript import read_transcript

from .commands import kdumpkit

pytestmark = pytest.mark.faults
PARAMETERS = str(Path(__file__).resolve().parent.parent.parent / "parameters/lab.yaml")


@pytest.fixture(autouse=True)
def fresh_lab() -> Iterator[None]:
    lab.down()
    lab.up(lambda _: None)
    yield
    lab.down()


def ssh(line: str) -> None:
    subprocess.run([*lab.ssh_argv(), line], check=True, capture_output=True, timeout=300)


def findings(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f["id"]: f for stage in result["stages"] for f in stage["findings"]}


def test_armed_with_too_little_memory_never_comes_back_and_is_not_crashed_again(tmp_path: Path) -> None:
    # 64M are reserved and loaded, the service is green, and the capture kernel runs out of memory
    settings = ("--set", "mode=apply", "--set", "crashkernel=64M", "--set", "dump_timeout_s=90")
    done = kdumpkit("run", PARAMETERS, *settings, "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert findings(result)["crashkernel.size"]["status"] == "WARN"
    assert findings(result)["kexec.loaded"]["status"] == "PASS"
    assert done.returncode == 3, done.stderr
    assert "no new boot within" in done.stderr
    assert "the end of its console" in done.stderr
    assert "Traceback" not in done.stderr
    # the machine is reset by hand, as its owner would, and the run goes on without a second panic
    lab.down()
    lab.up(lambda _: None)
    done = kdumpkit("run", PARAMETERS, *settings, "--resume", "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert findings(result)["panic_test.dump_found"]["status"] == "FAIL"
    assert done.returncode == 1, done.stderr
    records = read_transcript(Path(result["evidence"]))
    triggers = [r for r in records if r.kind == "command" and r.data.get("title") == "panic in one second: sysrq-c"]
    assert len(triggers) == 1


def test_full_disk_on_the_host_closes_the_gate(tmp_path: Path) -> None:
    ssh("fallocate -l $(($(df -B1 --output=avail / | tail -1) - 8000000)) /filler")
    done = kdumpkit("run", PARAMETERS, "--set", "mode=apply", "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert done.returncode == 1, done.stderr
    records = read_transcript(Path(result["evidence"]))
    assert not [r for r in records if r.kind == "intent" and r.data.get("what") == "panic"]
    assert "Traceback" not in done.stderr
    assert findings(result)["dump_target.space"]["status"] == "FAIL"


def test_service_that_is_green_and_loads_nothing_is_found_out(tmp_path: Path) -> None:
    ssh("sed -i 's/^USE_KDUMP=.*/USE_KDUMP=0/' /etc/default/kdump-tools && systemctl restart kdump-tools")
    done = kdumpkit("check", PARAMETERS, "--json", cwd=tmp_path)
    found = findings(json.loads(done.stdout))
    assert done.returncode == 1
    assert found["settings.enabled"]["status"] == "FAIL"
    assert found["service.active"]["status"] == "FAIL"
    assert "USE_KDUMP" in found["service.active"]["reason"]
