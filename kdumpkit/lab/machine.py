"""The QEMU process of the lab: its command line, its control socket, how it is started and ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from kdumpkit.errors import LabError
from kdumpkit.lab.process import run_here
from kdumpkit.lab.recipe import MIB, UEFI, Flavour

EMULATOR = "qemu-system-x86_64"
_QMP_SOCKET = "qmp.sock"
_PID_FILE = "qemu.pid"
_STATE_FILE = "machine.json"
#: OVMF without Secure Boot, as Debian's package ovmf has it: the program, and the variables that a new machine has
FIRMWARE_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
FIRMWARE_VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
#: this machine's own copy of them
_FIRMWARE_VARIABLES = "efi-variables.fd"


@dataclass(frozen=True)
class Machine:
    """A machine that was started: what is needed to find it again and to end it."""

    pid: int
    #: kernel's start time of the process in clock ticks; tells it from a later process with the same number
    started_ticks: int
    ssh_port: int
    accelerator: str
    flavour: str
    image_digest: str


def accelerator_options(accelerator: str) -> list[str]:
    """QEMU's words for an accelerator, ``kvm`` or ``tcg``."""
    if accelerator == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    # Several threads make a boot twice as fast on two cores; five-level page tables and
    # a nested hypervisor cost emulation time and are not what most guests have.
    return ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max,la57=off,svm=off"]


def qemu_argv(flavour: Flavour, accelerator: str, run: Path, disk: Path, console: Path, ssh_port: int) -> list[str]:
    """The command line of a lab machine. Nothing in it listens beyond the loopback address."""
    return [
        *(EMULATOR, "-name", f"{flavour.hostname},process={flavour.hostname}"),
        *("-machine", "q35", *accelerator_options(accelerator)),
        *("-m", f"{flavour.memory_bytes // MIB}M", "-smp", str(flavour.cpus)),
        *("-nodefaults", "-no-user-config", "-vga", "none", "-display", "none"),
        # The overlay is thrown away after the run; what QEMU has not written back yet survives the guest's panic.
        *("-drive", f"if=none,id=root,file={_escaped(disk)},format=qcow2,cache=unsafe,discard=unmap"),
        *("-device", "virtio-blk-pci,drive=root"),
        *_firmware_options(flavour, run),
        *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{ssh_port}-:22"),
        *("-device", "virtio-net-pci,netdev=net,romfile="),
        *("-device", "virtio-rng-pci"),
        *("-chardev", f"file,id=console,path={_escaped(console)},append=on", "-serial", "chardev:console"),
        # Relative to the run folder: a socket's path may not have more than 107 bytes.
        *("-chardev", f"socket,id=qmp,path={_QMP_SOCKET},server=on,wait=off", "-mon", "chardev=qmp,mode=control"),
        *("-pidfile", str(run / _PID_FILE), "-daemonize"),
        *flavour.qemu_options,
    ]


def _firmware_options(flavour: Flavour, run: Path) -> list[str]:
    if flavour.firmware != UEFI:
        return []
    return [
        *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={_escaped(FIRMWARE_CODE)}"),
        *("-drive", f"if=pflash,unit=1,format=raw,file={_escaped(run / _FIRMWARE_VARIABLES)}"),
    ]


def _escaped(path: Path) -> str:
    return str(path).replace(",", ",,")


def free_loopback_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_machine(flavour: Flavour, accelerator: str, digest: str, run: Path, disk: Path, console: Path) -> Machine:
    """Start QEMU in the background and write down what was started. Raises LabError with QEMU's own words."""
    port = free_loopback_port()
    for name in (_QMP_SOCKET, _PID_FILE, _STATE_FILE):
        (run / name).unlink(missing_ok=True)
    if flavour.firmware == UEFI and not (run / _FIRMWARE_VARIABLES).exists():
        shutil.copyfile(FIRMWARE_VARIABLES, run / _FIRMWARE_VARIABLES)
    argv = qemu_argv(flavour, accelerator, run, disk, console, port)
    run_here(argv, what="starting the lab's machine", timeout_s=30, cwd=run)
    pid = int((run / _PID_FILE).read_text())
    ticks = process_start_ticks(pid)
    if ticks is None:
        raise LabError("QEMU ended right after its start", f"look at {console}")
    machine = Machine(pid, ticks, port, accelerator, flavour.name, digest)
    partial = run / f"{_STATE_FILE}.new"
    partial.write_text(json.dumps(asdict(machine)) + "\n")
    partial.rename(run / _STATE_FILE)
    return machine


def find_machine(run: Path) -> Machine | None:
    """The machine that was started from this folder and still runs; None where there is none."""
    try:
        machine = Machine(**json.loads((run / _STATE_FILE).read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None
    return machine if process_start_ticks(machine.pid) == machine.started_ticks else None


def process_start_ticks(pid: int) -> int | None:
    """When the process was started, in clock ticks since this machine's boot; None where it does not run.

    Source: proc(5), field 22 of ``/proc/<pid>/stat``; a zombie counts as not running.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


def qmp(run: Path, execute: str, timeout_s: float = 5) -> object:
    """The answer of QEMU to one QMP command without arguments. Raises OSError or ValueError where it gives none."""
    # /proc/self/fd keeps the path of the socket short wherever the folder lies.
    folder = os.open(run, os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(timeout_s)
            control.connect(f"/proc/self/fd/{folder}/{_QMP_SOCKET}")
            with control.makefile("rwb") as stream:
                stream.readline()
                for command in ("qmp_capabilities", execute):
                    stream.write(json.dumps({"execute": command}).encode() + b"\n")
                    stream.flush()
                    # Events such as RESET may stand between a command and its answer.
                    while True:
                        line = stream.readline()
                        if not line:
                            raise ConnectionError(f"QEMU closed its control socket before it answered {command}")
                        answer = json.loads(line)
                        if "error" in answer:
                            raise ValueError(f"QEMU refused {command}: {answer['error']}")
                        if "return" in answer:
                            break
                return answer["return"]
    finally:
        os.close(folder)


def stop_machine(run: Path, machine: Machine, timeout_s: float = 10) -> None:
    """End the machine: asked over its control socket, then by signals to that very process. Raises LabError."""
    with suppress(OSError, ValueError):
        qmp(run, "quit")
    deadline = time.monotonic() + timeout_s
    signals = iter((signal.SIGTERM, signal.SIGKILL))
    next_signal_at = time.monotonic() + timeout_s / 3
    while process_start_ticks(machine.pid) == machine.started_ticks:
        if time.monotonic() > deadline:
            raise LabError(
                f"the lab's QEMU process {machine.pid} does not end", f"end it yourself: kill -9 {machine.pid}"
            )
        if time.monotonic() > next_signal_at:
            next_signal_at += timeout_s / 3
            with suppress(StopIteration, ProcessLookupError):
                os.kill(machine.pid, next(signals))
        time.sleep(0.05)
