"""Which accelerator a guest really runs under here, found out by starting a guest kernel under it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from kdumpkit.lab import paths
from kdumpkit.lab.machine import EMULATOR, accelerator_options
from kdumpkit.lab.process import Say, last_lines, run_here

_KVM = Path("/dev/kvm")
#: the first words of the initramfs' own init: a kernel that prints them has started a user process
_MARKER = b"Loading, please wait"
_DEADLINE_S = 8.0


@dataclass(frozen=True)
class Accelerator:
    """An accelerator, ``kvm`` or ``tcg``, and why it is that one."""

    name: str
    reason: str


def probe_argv(kernel: Path, initrd: Path) -> list[str]:
    """A machine that starts this kernel under KVM and says so on its standard output."""
    return [
        *(EMULATOR, "-machine", "q35", *accelerator_options("kvm"), "-m", "512M", "-smp", "2"),
        *("-nodefaults", "-no-user-config", "-vga", "none", "-display", "none", "-no-reboot"),
        *("-serial", "stdio", "-kernel", str(kernel), "-initrd", str(initrd)),
        *("-append", "console=ttyS0,115200 panic=-1"),
    ]


def choose_accelerator(kernel: Path, initrd: Path, image_digest: str, say: Say) -> Accelerator:
    """KVM where that kernel reaches its init within seconds under it, else software emulation.

    The device alone proves nothing: it may refuse a stock kernel or leave it hanging after the firmware.
    The answer is kept until this machine is booted again, or QEMU or the image changes.
    """
    if not _KVM.exists():
        return Accelerator("tcg", f"this machine has no {_KVM}")
    if not os.access(_KVM, os.R_OK | os.W_OK):
        return Accelerator("tcg", f"{_KVM} is there and this user may not open it")
    version = run_here([EMULATOR, "--version"], what="asking QEMU for its version", timeout_s=30)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    key = f"{image_digest} {boot} {version.splitlines()[0].decode('utf-8', 'replace')}"
    kept = paths.images_root() / "accelerator.json"
    try:
        known = json.loads(kept.read_text())
        if known["key"] == key:
            return Accelerator(known["name"], known["reason"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    say(f"accelerator: does a guest kernel start under KVM within {_DEADLINE_S:.0f} s?")
    found = try_kvm(probe_argv(kernel, initrd), _DEADLINE_S)
    kept.write_text(json.dumps({"key": key, **asdict(found)}) + "\n")
    return found


def try_kvm(argv: list[str], deadline_s: float) -> Accelerator:
    """Run a probe machine until it prints the marker, ends, or the deadline is over; it is ended in any case."""
    started = time.monotonic()
    said = b""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as probe:
        if probe.stdout is None:
            return Accelerator("tcg", "the probe machine has no output")
        os.set_blocking(probe.stdout.fileno(), False)
        try:
            while time.monotonic() - started < deadline_s:
                ended = probe.poll() is not None
                said += probe.stdout.read() or b""
                if _MARKER in said:
                    took = time.monotonic() - started
                    return Accelerator("kvm", f"a guest kernel reached its init under KVM in {took:.1f} s")
                if ended:
                    return Accelerator("tcg", f"QEMU ended under KVM: {last_lines(said, 1)}")
                time.sleep(0.05)
        finally:
            probe.kill()
    return Accelerator("tcg", f"{_KVM} is there, but a guest kernel did not reach its init in {deadline_s:.0f} s")
