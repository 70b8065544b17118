"""Kernels as asked for, on a machine that boots: another one once, another one for good, and one that is gone.

Of the kinds of machine that ``KDUMPKIT_FLAVOURS`` names, by commas, those that are laid out like Enterprise Linux; each
is started once. Debian's way by apt is not tried on a machine: it takes minutes under software emulation.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kdumpkit import lab

from .commands import lab_values

pytestmark = pytest.mark.lab
NAMED = os.environ.get("KDUMPKIT_FLAVOURS", "el-bls").split(",")
FLAVOURS = [flavour for flavour in NAMED if flavour.startswith("el")] or ["el-bls"]
TOP = Path(__file__).parents[2]
BOOT_DEADLINE_S = 300.0


class Machine:
    """The lab's machine, asked by ssh alone, and stages of the kit run against it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.given = {**lab_values(), "evidence_dir": str(folder), "mode": "apply"}

    def ask(self, script: str, timeout_s: float = 120.0) -> str:
        argv = [*lab.ssh_argv(), "sh -s"]
        done = subprocess.run(argv, input=script.encode(), capture_output=True, timeout=timeout_s, check=False)
        assert done.returncode == 0, (script, done.stderr.decode())
        return done.stdout.decode().strip()

    @property
    def release(self) -> str:
        return self.ask("uname -r")

    def kernels(self) -> list[str]:
        return self.ask("cd /boot && ls -v vmlinuz-*").replace("vmlinuz-", "").split()

    def environment(self) -> dict[str, str]:
        text = self.ask("cat /boot/grub2/grubenv /boot/grub/grubenv 2>/dev/null | grep -v '^#'; :")
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def reboot(self) -> None:
        before = self.ask("cat /proc/sys/kernel/random/boot_id")
        self.ask("(sleep 1; systemctl reboot) > /dev/null 2>&1 &")
        deadline = time.monotonic() + BOOT_DEADLINE_S
        while time.monotonic() < deadline:
            time.sleep(3)
            argv = [*lab.ssh_argv(), "cat /proc/sys/kernel/random/boot_id"]
            try:
                done = subprocess.run(argv, capture_output=True, timeout=20, check=False)
            except subprocess.TimeoutExpired:
                continue
            if done.returncode == 0 and done.stdout.decode().strip() != before:
                return
        raise AssertionError(f"not back after {BOOT_DEADLINE_S:.0f} s")

    def stages(self, *steps: str, **asked: str) -> dict[str, Any]:
        """Reports by step; what a step does on the host is done."""
        text = json.dumps({"given": {**self.given, **asked}, "steps": steps})
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("stage_steps.py")), text],
            env={**environment, "PYTHONPATH": str(TOP)},
            cwd=self.folder,
            capture_output=True,
            timeout=1200,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return {report["step"]: report for report in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(params=FLAVOURS)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    lab.down()
    lab.up(lambda line: print(line, file=sys.stderr), flavour=request.param)
    yield Machine(tmp_path)
    lab.down()


def test_once_for_good_and_gone(machine: Machine) -> None:
    older, newest = machine.kernels()
    assert machine.release == newest

    # once: the kit reboots into it, and the boot after that is the default again
    told = machine.stages("01 change_kernels", "02 read_back", boot_once=older)
    assert [line for line in told["change_kernels"]["done"] if line.startswith("ran ")] != []
    assert told["read_back"]["findings"]["kernels.as_asked"]["status"] == "PASS"
    assert older in machine.environment()["next_entry"]
    steps = ("compare_before", "give_consent", "trigger_reboot", "wait_for_return", "compare_reservation")
    told = machine.stages(*(f"03 {step}" for step in steps), boot_once=older)
    assert told["compare_reservation"]["findings"]["kernels.booted_once"]["status"] == "PASS"
    assert machine.release == older
    assert not machine.environment().get("next_entry")
    machine.reboot()
    assert machine.release == newest

    # for good
    told = machine.stages("01 change_kernels", "02 read_back", default_kernel=older)
    assert told["read_back"]["findings"]["kernels.as_asked"]["status"] == "PASS"
    assert older in machine.environment()["saved_entry"]
    machine.reboot()
    assert machine.release == older
    again = machine.stages("01 change_kernels", default_kernel=older)
    assert again["change_kernels"]["done"] == []

    # gone, with all that belongs to it, and what stays still boots
    told = machine.stages("01 change_kernels", "02 read_back", remove_kernel=newest)
    assert told["read_back"]["findings"]["kernels.as_asked"]["status"] == "PASS"
    left = f"ls -d /boot/*{newest}* /lib/modules/{newest}/kernel /boot/loader/entries/*{newest}* 2>/dev/null; :"
    assert machine.ask(left) == ""
    assert machine.kernels() == [older]
    machine.reboot()
    assert machine.release == older
