"""The lab's machine with its capture kernel loaded: a disk that boots so, made once per image and kept beside it.

The image's own first boot has no reservation, and preparing it is what the six stages are for. Who only wants a crash
takes this short cut: a script does at once what they do step by step.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path

from kdumpkit.command import command
from kdumpkit.errors import HostError, LabError
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.ssh import SshHost
from kdumpkit.lab import lab, paths
from kdumpkit.lab.image import Image, find_image
from kdumpkit.lab.machine import find_machine
from kdumpkit.lab.process import Say, run_here
from kdumpkit.lab.recipe import load_flavour
from kdumpkit.lab.ssh_access import console_tail

# kdump-tools' own file below /etc/default/grub.d asks for the reservation; update-grub brings it into grub.cfg.
_ARM = """\
set -eu
apt-get install --yes --no-install-recommends makedumpfile
update-grub
grep -q crashkernel= /boot/grub/grub.cfg
sync
"""
_ARM_DEADLINE_S = 300.0
_SHUTDOWN_DEADLINE_S = 120.0
_LOAD_DEADLINE_S = 120.0
_LOADED = "cat /sys/kernel/kexec_crash_loaded 2> /dev/null || cat /sys/kernel/kexec/crash_loaded"


def guest() -> SshHost:
    """The lab's machine as a host."""
    return SshHost(lab.HOST, config=paths.ssh_config(), name="the lab's machine")


def find_armed_disk(image: Image) -> Path | None:
    """The kept disk of this image; None where none was made by today's script."""
    folder = image.folder / "armed"
    try:
        made_by = json.loads((folder / "armed.json").read_text())["script"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    disks = list(folder.glob("*.qcow2"))
    return disks[0] if made_by == _script_digest() and len(disks) == 1 else None


def make_armed_disk(progress: Say) -> Path:
    """A disk with reservation and makedumpfile, out of the image's own state; a machine that runs is ended.

    Raises LabError with what failed.
    """
    progress("preparing a disk that boots with its capture kernel loaded (once per image, some 60 s under emulation)")
    lab.down()
    lab.up(progress)
    image = _image()
    with guest() as host:
        host.run(command("sh", "-c", _ARM, timeout_s=_ARM_DEADLINE_S, as_root=True, title="arming the disk")).checked()
        machine = find_machine(paths.run_root())
        host.run(command("systemctl", "--no-block", "poweroff", timeout_s=30, as_root=True)).checked()
    deadline = time.monotonic() + _SHUTDOWN_DEADLINE_S
    while machine is not None and find_machine(paths.run_root()) == machine:
        if time.monotonic() > deadline:
            raise LabError(
                f"the machine did not shut down within {_SHUTDOWN_DEADLINE_S:.0f} s\n"
                + console_tail(paths.console_log()),
                "kdumpkit lab down, and try again",
            )
        time.sleep(0.2)
    (overlay,) = paths.run_root().glob("*.qcow2")
    kept = image.folder / "armed"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    # the name is the one under which the lab looks for its machine's disk
    disk = kept / overlay.name
    overlay.rename(disk)
    (kept / "armed.json").write_text(json.dumps({"script": _script_digest()}) + "\n")
    lab.down()
    return disk


def start_armed(progress: Say) -> None:
    """A machine whose capture kernel is loaded: the one that runs where it has, else a fresh one in its place.

    Raises LabError where it cannot be started or does not load its capture kernel in time.
    """
    if lab.status().answers:
        with guest() as host:
            if _read_loaded(host) == "1":
                progress("the machine that runs has its capture kernel loaded")
                return
    image = find_image(load_flavour())
    disk = find_armed_disk(image) if image is not None else None
    if disk is None:
        disk = make_armed_disk(progress)
    lab.down()
    run = paths.run_root()
    run.mkdir(parents=True, exist_ok=True)
    run_here(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(disk), str(run / disk.name)],
        what="making the machine's disk",
        timeout_s=30,
    )
    lab.up(progress, fresh=False)
    deadline = time.monotonic() + _LOAD_DEADLINE_S
    with guest() as host:
        while (loaded := _read_loaded(host)) != "1":
            if time.monotonic() > deadline:
                raise LabError(
                    f"the machine runs and its capture kernel is not loaded after {_LOAD_DEADLINE_S:.0f} s "
                    f"(kexec_crash_loaded: {loaded or 'no answer'})",
                    "kdumpkit lab ssh journalctl -u kdump-tools",
                )
            time.sleep(0.5)
    progress("its capture kernel is loaded")


def _read_loaded(host: Host) -> str:
    try:
        return host.run(command("sh", "-c", _LOADED, timeout_s=20)).text.strip()
    except HostError:
        return ""


def _image() -> Image:
    image = find_image(load_flavour())
    if image is None:
        raise LabError("the lab's image is gone", "kdumpkit lab up")
    return image


def _script_digest() -> str:
    return hashlib.sha256(_ARM.encode()).hexdigest()[:16]
