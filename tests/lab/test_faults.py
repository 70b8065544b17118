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

from .commands import kdumpkit, lab_parameters
from .test_flavours import Guest, reserve_el

pytestmark = pytest.mark.faults


@pytest.fixture
def flavour() -> str:
    """The kind of machine; a test that is for others names them as a parameter."""
    return lab.DEFAULT_FLAVOUR


@pytest.fixture(autouse=True)
def fresh_lab(flavour: str) -> Iterator[None]:
    lab.down()
    lab.up(lambda _: None, flavour=flavour)
    yield
    lab.down()


def ssh(line: str) -> None:
    subprocess.run([*lab.ssh_argv(), line], check=True, capture_output=True, timeout=300)


def findings(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f["id"]: f for stage in result["stages"] for f in stage["findings"]}


def test_armed_with_too_little_memory_never_comes_back_and_is_not_crashed_again(tmp_path: Path) -> None:
    # 64M are reserved and loaded, the service is green, and the capture kernel runs out of memory
    settings = ("--set", "mode=apply", "--set", "crashkernel=64M", "--set", "dump_timeout_s=90")
    done = kdumpkit("run", lab_parameters(tmp_path), *settings, "--json", cwd=tmp_path)
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
    done = kdumpkit("run", lab_parameters(tmp_path), *settings, "--resume", "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert findings(result)["panic_test.dump_found"]["status"] == "FAIL"
    assert done.returncode == 1, done.stderr
    records = read_transcript(Path(result["evidence"]))
    triggers = [r for r in records if r.kind == "command" and r.data.get("title") == "panic in one second: sysrq-c"]
    assert len(triggers) == 1


# The blocks that are kept for root are filled too: root writes the dump, and could use them. Beside them ext4 keeps
# 4096 blocks (16 MiB here) that count as free and that nobody gets.
FILL = "fallocate -l $(($(stat -f -c '%f * %S' /) - 24000000)) /filler"


def armed_el(flavour: str) -> Guest:
    """A machine that was prepared by hand, as its own documentation says: reserved, rebooted and loaded."""
    guest = Guest(flavour)
    guest.run("yum --assumeyes install kexec-tools crash", timeout_s=300)
    reserve_el(guest)
    guest.leaves("reboot", 300)
    guest.armed()
    return guest


def no_panic(evidence: str) -> bool:
    return not [r for r in read_transcript(Path(evidence)) if r.kind == "intent" and r.data.get("what") == "panic"]


def test_full_disk_on_the_host_closes_the_gate(tmp_path: Path) -> None:
    # what a run would install first, which a full disk refuses before anything else is looked at
    ssh("apt-get install --yes --no-install-recommends makedumpfile crash")
    ssh(FILL)
    done = kdumpkit("run", lab_parameters(tmp_path), "--set", "mode=apply", "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert done.returncode == 1, done.stderr
    assert no_panic(result["evidence"])
    assert "Traceback" not in done.stderr
    assert findings(result)["dump_target.fits"]["status"] == "FAIL"


@pytest.mark.parametrize("flavour", ["el"])
def test_disk_that_fills_up_after_all_was_prepared_closes_the_gate(flavour: str, tmp_path: Path) -> None:
    armed_el(flavour).run(FILL)
    settings = ("--set", "mode=apply", "--set", "crashkernel=160M")
    done = kdumpkit("run", lab_parameters(tmp_path), *settings, "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert done.returncode == 1, done.stderr
    assert no_panic(result["evidence"])
    assert "Traceback" not in done.stderr
    found = findings(result)
    assert found["kexec.loaded"]["status"] == "PASS"
    assert found["dump_target.fits"]["status"] == "FAIL"
    assert "measured by makedumpfile" in found["dump_target.fits"]["reason"]


def test_service_that_is_green_and_loads_nothing_is_found_out(tmp_path: Path) -> None:
    ssh("sed -i 's/^USE_KDUMP=.*/USE_KDUMP=0/' /etc/default/kdump-tools && systemctl restart kdump-tools")
    done = kdumpkit("check", lab_parameters(tmp_path), "--json", cwd=tmp_path)
    found = findings(json.loads(done.stdout))
    assert done.returncode == 1
    assert found["settings.enabled"]["status"] == "FAIL"
    assert found["service.active"]["status"] == "FAIL"
    assert "USE_KDUMP" in found["service.active"]["reason"]


@pytest.mark.parametrize("flavour", ["el"])
def test_service_that_stays_green_while_its_kernel_is_taken_out_is_found_out(flavour: str, tmp_path: Path) -> None:
    guest = armed_el(flavour)
    # a remain-after-exit service does not see that what it loaded is gone
    guest.run("kexec -p -u")
    assert guest.run("systemctl is-active kdump") == "active"
    done = kdumpkit("check", lab_parameters(tmp_path), "--json", cwd=tmp_path)
    found = findings(json.loads(done.stdout))
    assert done.returncode == 1
    assert found["service.enabled"]["status"] == "PASS"
    assert found["kexec.loaded"]["status"] == "FAIL"
    assert found["service.active"]["status"] == "FAIL"
    assert "no capture kernel is loaded" in found["service.active"]["reason"]
    assert "Traceback" not in done.stderr
