#!/usr/bin/env python3
"""How much longer kdumpkit's run takes than the same steps typed bare over ssh, both on a fresh lab.

    benchmarks/lab_ratio.py [ROUNDS]

The bare steps: install the same packages, set crashkernel=, update-grub, reboot, wait for another boot id, enable, stop
and start the service, ask how large a dump would be, sysrq-c, wait again, copy the dump and compare digests, open it
with drgn and, where it is installed, with crash. Both sides begin with a machine that was just started and answers.
Prints seconds, of which so many spent until the machine answered again after its reboot and its panic, and the ratio
of the medians (goal 1.05). Those waits are the machine's own and the largest part of both sides; where the guest is
emulated they scatter by some seconds, and so three rounds and more are worth more than one. Each side's load average
stands beside its seconds: two sides under different loads cannot be compared.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from kdumpkit import lab
from kdumpkit.evidence.transcript import read_transcript

TOP = Path(__file__).resolve().parent.parent
GOAL = 1.05
DEADLINE_S = 600.0
DRGN = """
import sys, drgn
from drgn.helpers.linux.panic import panic_task
from drgn.helpers.linux.pid import for_each_task
program = drgn.Program()
program.set_core_dump(sys.argv[1])
program.load_debug_info([sys.argv[2]])
print(program.crashed_thread().stack_trace(), sum(1 for _ in for_each_task(program)))
"""


class Bare:
    """The steps as a person would type them, over one multiplexed connection."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waited_s = 0.0
        self.ssh = [*lab.ssh_argv()[:-1], "-o", f"ControlPath={folder}/mux", "-o", "ControlMaster=auto",
                    "-o", "ControlPersist=yes", "-o", "ServerAliveInterval=2", "-o", "ServerAliveCountMax=3",
                    "-o", "ConnectTimeout=10", lab.ssh_argv()[-1]]  # fmt: skip

    def run(self, line: str, *, check: bool = True, timeout_s: float = 900.0) -> bytes:
        done = subprocess.run([*self.ssh, line], capture_output=True, check=False, timeout=timeout_s)
        if check and done.returncode:
            raise SystemExit(f"bare: {line!r} ended with {done.returncode}: {done.stderr.decode()[-400:]}")
        return done.stdout

    def wait_for_new_boot(self, old: bytes) -> None:
        began = time.monotonic()
        subprocess.run([*self.ssh[:-1], "-O", "exit", self.ssh[-1]], capture_output=True, check=False)
        while time.monotonic() < began + DEADLINE_S:
            new = self.run("cat /proc/sys/kernel/random/boot_id", check=False)
            if new and new != old:
                self.waited_s += time.monotonic() - began
                return
            time.sleep(1)
        raise SystemExit("bare: the machine did not come back")

    def all_steps(self, packages: str, vmlinux: Path) -> None:
        boot = "cat /proc/sys/kernel/random/boot_id"
        self.run(f"apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install {packages}")
        self.run("sed -i 's/crashkernel=[^ \"]*/crashkernel=192M/' /etc/default/grub.d/kdump-tools.cfg && update-grub")
        old = self.run(boot)
        self.run("setsid sh -c 'sleep 1; systemctl reboot' >/dev/null 2>&1 </dev/null &")
        self.wait_for_new_boot(old)
        self.run("grep -o 'crashkernel=[^ ]*' /proc/cmdline; grep -i crash /proc/iomem")
        self.run("systemctl enable kdump-tools; systemctl stop kdump-tools && cat /sys/kernel/kexec_crash_loaded")
        self.run("systemctl start kdump-tools && grep 1 /sys/kernel/kexec_crash_loaded")
        self.run("makedumpfile --mem-usage /proc/kcore")
        old = self.run(boot)
        self.run("setsid sh -c 'sleep 1; echo c > /proc/sysrq-trigger' >/dev/null 2>&1 </dev/null &")
        self.wait_for_new_boot(old)
        dump = self.run("ls /var/crash/*/dump.*").decode().split()[0]
        wanted = self.run(f"sha256sum {dump}").split()[0].decode()
        local = self.folder / "dump"
        local.write_bytes(self.run(f"cat {dump}"))
        if hashlib.sha256(local.read_bytes()).hexdigest() != wanted:
            raise SystemExit("bare: the copies differ")
        subprocess.run([sys.executable, "-c", DRGN, local, vmlinux], check=True, stdout=subprocess.DEVNULL)
        if shutil.which("crash"):
            asked = b"sys\nbt\nbt -a\nmod\nps\nkmem -i\nlog\nquit\n"
            subprocess.run(["crash", "-s", vmlinux, local], input=asked, capture_output=True, check=False)


@dataclass(frozen=True)
class Side:
    """Seconds of one side of a round; of them those until the machine answered again; the load average at its end."""

    all_s: float
    waited_s: float
    load: float

    def __str__(self) -> str:
        return f"{self.all_s:.1f} s, {self.waited_s:.1f} of them waiting (load {self.load:.1f})"


def timed_bare(packages: str, vmlinux: Path) -> Side:
    lab.down()
    lab.up(lambda _: None)
    with tempfile.TemporaryDirectory(prefix="kdb-") as temporary:
        bare = Bare(Path(temporary))
        began = time.monotonic()
        bare.all_steps(packages, vmlinux)
        return Side(time.monotonic() - began, bare.waited_s, os.getloadavg()[0])


def timed_kdumpkit(folder: Path) -> Side:
    lab.down()
    lab.up(lambda _: None)
    now = lab.status()
    settings = [f"ssh_config={now.ssh_config}", f"console_log={now.console}", f"evidence_dir={folder}", "mode=apply"]
    argv = [str(Path(sys.executable).parent / "kdumpkit"), "run", "parameters/lab.yaml"]
    argv += [word for setting in settings for word in ("--set", setting)]
    began = time.monotonic()
    subprocess.run(argv, cwd=TOP, check=True, stdout=subprocess.DEVNULL)
    took_s = time.monotonic() - began
    (run_dir,) = folder.glob("*/*/")
    return Side(took_s, waited_s(run_dir), os.getloadavg()[0])


def waited_s(run_dir: Path) -> float:
    """Seconds from each first look for the machine to the moment at which it was seen to be back."""
    waited, began = 0.0, None
    for record in read_transcript(run_dir):
        if record.step == "wait-for-return" and began is None:
            began = record.started_at
        if record.kind == "outcome" and began is not None:
            waited, began = waited + record.started_at - began, None
        if record.step != "wait-for-return":
            began = None
    return waited


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    # as they are after a first run, wherever Python was told to keep no compiled modules
    compileall.compile_dir(TOP / "kdumpkit", quiet=1)
    lab.install_requirements(print)
    lab.up(print)
    vmlinux = lab.fetch_symbols(lab.kernel_release(), print)
    bare, ours = [], []
    for number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory() as temporary:
            bare.append(timed_bare("makedumpfile crash", vmlinux))
            ours.append(timed_kdumpkit(Path(temporary)))
        print(f"round {number}: bare {bare[-1]}; kdumpkit {ours[-1]}", flush=True)
    lab.down()
    waits_s = [side.waited_s for side in bare + ours]
    wait_s = statistics.median(waits_s)
    print(f"waiting: {min(waits_s):.1f} to {max(waits_s):.1f} s, median {wait_s:.1f} s, whichever side", flush=True)
    steps_s: dict[str, float] = {}
    for name, sides in (("bare", bare), ("kdumpkit", ours)):
        steps_s[name] = statistics.median(side.all_s - side.waited_s for side in sides)
        all_s = statistics.median(side.all_s for side in sides)
        print(f"{name:8} median {all_s:.1f} s, without waiting {steps_s[name]:.1f} s")
    ratio = statistics.median(side.all_s for side in ours) / statistics.median(side.all_s for side in bare)
    alike = (steps_s["kdumpkit"] + wait_s) / (steps_s["bare"] + wait_s)
    print(f"ratio {ratio:.3f} (goal {GOAL}); {alike:.3f} where both sides wait for that median")
    return 0


if __name__ == "__main__":
    sys.exit(main())
