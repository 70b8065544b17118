"""Each flavour really panics and leaves a dump. One alone: ``KDUMPKIT_LAB=1 pytest tests/lab/test_flavours.py -k el``.

Those that kdumpkit knows are taken through its own run. The others are proved with nothing but their own tools over
ssh, which is what shows that the machines are right, whatever kdumpkit makes of them.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import drgn
import pytest

from kdumpkit import lab

from .commands import kdumpkit

pytestmark = pytest.mark.lab


@pytest.fixture(autouse=True)
def _down() -> Iterator[None]:
    lab.down()
    yield
    lab.down()


class Guest:
    """A machine of a flavour, and how long each step took on it."""

    def __init__(self, flavour: str) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = time.monotonic()
        lab.up(print, flavour=flavour)
        self.took("up")

    def took(self, step: str) -> None:
        now = time.monotonic()
        self.seconds[step] = round(now - self._clock, 1)
        self._clock = now

    def run(self, line: str, *accepted: int, timeout_s: float = 120) -> str:
        done = subprocess.run(
            [*lab.ssh_argv(), line], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s
        )
        assert done.returncode in (accepted or (0,)), f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def read(self, path: str) -> str:
        return self.run(f"cat {path}")

    def boot_id(self) -> str:
        return self.read("/proc/sys/kernel/random/boot_id")

    def leaves(self, line: str, deadline_s: float) -> None:
        """Run what ends this boot, and wait for the next one."""
        before = self.boot_id()
        self.run(f"sync; (sleep 1; {line}) >/dev/null 2>&1 </dev/null & exit 0")
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline:
            time.sleep(1)
            argv = [*lab.ssh_argv(), "cat /proc/sys/kernel/random/boot_id"]
            try:
                now = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
            except subprocess.TimeoutExpired:
                continue
            if now.returncode == 0 and now.stdout.strip() not in ("", before):
                return
        raise AssertionError(f"no new boot within {deadline_s} s\n{lab.console_tail(lab.status().console)}")

    def armed(self, deadline_s: float = 180) -> None:
        """Enterprise Linux arms after ssh is up: only the kernel's own word counts."""
        deadline = time.monotonic() + deadline_s
        while self.read("/sys/kernel/kexec_crash_loaded") != "1":
            assert time.monotonic() < deadline, self.run("systemctl status kdump; journalctl -u kdump", 0, 3)
            time.sleep(1)

    def copy(self, path: str, to: Path) -> Path:
        with to.open("wb") as file:
            subprocess.run([*lab.ssh_argv(), f"cat {path}"], stdout=file, timeout=300, check=True)
        return to


def crash_stack(dump: Path, release: str) -> str:
    program = drgn.Program()
    program.set_core_dump(str(dump))
    program.load_debug_info([lab.fetch_symbols(release, print)])
    return str(program.crashed_thread().stack_trace())


def reserve_el(guest: Guest) -> None:
    """CentOS 7's way: the settings, then grub.cfg made from them."""
    guest.run("sed -i 's/^GRUB_CMDLINE_LINUX=\"/&crashkernel=160M /' /etc/default/grub")
    guest.run("grub2-mkconfig -o /boot/grub2/grub.cfg", timeout_s=300)
    assert "crashkernel=160M" in guest.run("grep linux16 /boot/grub2/grub.cfg | head -n 1")


def reserve_el_bls(guest: Guest) -> None:
    """EL 9's way is grubby; the settings and grub2-mkconfig change nothing of what is booted."""
    entries = guest.run("cat /boot/loader/entries/*.conf; grub2-editenv list")
    guest.run("sed -i 's/^GRUB_CMDLINE_LINUX=\"/&crashkernel=77M /' /etc/default/grub")
    guest.run("grub2-mkconfig -o /boot/grub2/grub.cfg", timeout_s=300)
    assert guest.run("cat /boot/loader/entries/*.conf; grub2-editenv list") == entries
    assert "crashkernel" not in guest.run("grubby --info=ALL; cat /boot/grub2/grub.cfg")
    guest.run("grubby --update-kernel=ALL --args=crashkernel=160M")
    assert guest.run("grubby --info=ALL").count("crashkernel=160M") == 2
    assert "crashkernel=160M" in guest.run("grub2-editenv list | grep kernelopts=")


RESERVE = {"el": reserve_el, "el-bls": reserve_el_bls}


@pytest.mark.parametrize("flavour", ["el", "el-bls"])
def test_panics_and_leaves_a_dump(flavour: str, tmp_path: Path) -> None:
    guest = Guest(flavour)
    release = guest.run("uname -r")
    kernels = guest.run("rpm -q kernel").splitlines()
    assert len(kernels) == 2
    assert guest.run("rpm -qf /boot/vmlinuz-$(uname -r)") == kernels[-1]
    assert guest.run("rpm -q kexec-tools", 1) == "package kexec-tools is not installed"
    assert guest.read("/sys/kernel/kexec_crash_size") == "0"
    guest.took("looked at")
    guest.run("yum --assumeyes install kexec-tools", timeout_s=300)
    guest.took("yum install")
    assert guest.run("rpm --verify kexec-tools") == ""
    assert guest.run("systemctl is-enabled kdump") == "enabled"
    guest.run("kdumpctl status", 3)
    assert "No memory reserved" in guest.run("kdumpctl start", 1, timeout_s=300)
    guest.took("start refused, with the initramfs built")
    RESERVE[flavour](guest)
    guest.took("crashkernel set")
    guest.leaves("reboot", 300)
    guest.took("reboot")
    assert guest.run("uname -r") == release
    assert "crashkernel=160M" in guest.read("/proc/cmdline").split()
    assert guest.read("/sys/kernel/kexec_crash_size") == str(160 << 20)
    guest.armed()
    guest.took("armed")
    assert "Kdump is operational" in guest.run("kdumpctl status")
    assert guest.run(f"ls /boot/initramfs-{release}kdump.img")
    if flavour == "el-bls":
        # what is booted after the panic is the older kernel, whose entry has no words but $kernelopts
        guest.run("grubby --set-default-index=1")
    guest.leaves("echo c > /proc/sysrq-trigger", 400)
    guest.took("panic to ssh")
    (folder,) = guest.run("ls /var/crash").splitlines()
    assert re.fullmatch(r"127\.0\.0\.1-\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d", folder)
    assert set(guest.run(f"ls /var/crash/{folder}").split()) == {"vmcore", "vmcore-dmesg.txt", "kexec-dmesg.log"}
    assert "sysrq: Trigger a crash" in guest.read(f"/var/crash/{folder}/vmcore-dmesg.txt")
    dump = guest.copy(f"/var/crash/{folder}/vmcore", tmp_path / "vmcore")
    assert dump.read_bytes()[:8] == b"KDUMP   "
    guest.took("dump copied")
    assert "sysrq_handle_crash" in crash_stack(dump, release)
    if flavour == "el-bls":
        assert guest.run("uname -r") != release
        assert "crashkernel=160M" in guest.read("/proc/cmdline").split()
    print(flavour, dump.stat().st_size, "bytes;", guest.seconds, round(sum(guest.seconds.values())), "s")


@pytest.mark.parametrize("flavour", ["el", "el-bls"])
def test_a_second_kernel_can_be_removed_and_comes_back(flavour: str) -> None:
    guest = Guest(flavour)
    running = guest.run("uname -r")
    older, newest = guest.run("rpm -q kernel").splitlines()
    said = guest.run(f"yum --assumeyes remove {newest}", 1, timeout_s=300)
    assert guest.run("rpm -q kernel").splitlines() == [older, newest], said
    guest.run(f"yum --assumeyes remove {older}", timeout_s=300)
    assert guest.run("rpm -q kernel") == newest
    menu = "cat /boot/grub2/grub.cfg /boot/loader/entries/*.conf 2>/dev/null"
    releases = set(re.findall(r"vmlinuz-(\S+)", guest.run(menu, 0, 1)))
    assert releases == {running}
    assert guest.run("ls /boot | grep vmlinuz") == f"vmlinuz-{running}"
    guest.run(f"yum --assumeyes install {older}", timeout_s=300)
    assert guest.run("rpm -q kernel").splitlines() == [newest, older]
    assert len(set(re.findall(r"vmlinuz-(\S+)", guest.run(menu, 0, 1)))) == 2


@pytest.mark.parametrize(
    ("flavour", "shown"),
    [
        ("debian-uefi", ("test -d /sys/firmware/efi && findmnt -n -o FSTYPE /boot/efi", "vfat")),
        ("debian-lvm", ("findmnt -n -o SOURCE /", "/dev/mapper/kdumpkit--lab--vg-root")),
    ],
)
def test_kdumpkit_takes_it_through_all_stages(flavour: str, shown: tuple[str, str], tmp_path: Path) -> None:
    started = time.monotonic()
    done = kdumpkit("lab", "run", "--flavour", flavour, "--keep", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout)
    findings = {f["id"]: f["status"] for stage in result["stages"] for f in stage["findings"]}
    for name in ("crashkernel.reserved", "kexec.loaded", "panic_test.returned", "panic_test.dump_format", "dump.whole"):
        assert findings[name] == "PASS"
    assert lab.status().flavour == flavour
    command, answer = shown
    said = subprocess.run([*lab.ssh_argv(), command], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.strip() == answer
    if flavour == "debian-lvm":
        said = subprocess.run([*lab.ssh_argv(), "vgck && pvs && lvs"], capture_output=True, text=True, timeout=60)
        assert (said.returncode, said.stderr) == (0, "")
    print(flavour, {s["stage"]: s["status"] for s in result["stages"]}, round(time.monotonic() - started), "s")
