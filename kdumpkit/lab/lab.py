"""The lab as a whole: up, status, down, and how to log in."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kdumpkit.errors import LabError
from kdumpkit.lab import paths
from kdumpkit.lab.accelerator import choose_accelerator
from kdumpkit.lab.image import Image, build_image, find_image, image_folder
from kdumpkit.lab.machine import Machine, find_machine, start_machine, stop_machine
from kdumpkit.lab.process import Say, run_here
from kdumpkit.lab.recipe import Flavour, load_flavour
from kdumpkit.lab.requirements import check_requirements
from kdumpkit.lab.ssh_access import known_hosts_text, read_banner, ssh_config_text, wait_for_login

HOST = "kdumpkit-lab"
DEFAULT_FLAVOUR = "debian"
#: a boot takes 20 s under software emulation on two idle cores
START_DEADLINE_S = 240.0
_BUILD_DEADLINE_S = 900.0


@dataclass(frozen=True)
class LabStatus:
    """How the lab stands."""

    running: bool
    #: QEMU's process; None where none runs
    pid: int | None
    #: name to log in to with ``ssh -F <ssh_config> <ssh_destination>``
    ssh_destination: str
    ssh_config: Path
    #: port of 127.0.0.1; None where no machine runs
    ssh_port: int | None
    #: an ssh server answers there now; False also while the guest boots or dumps
    answers: bool
    #: what the guest says on its serial console, appended over its reboots
    console: Path
    #: of the running machine; None where none runs
    flavour: str | None
    #: digest of the recipe that the running machine, or else the built image, was made from; None where neither is
    image_digest: str | None
    #: that digest is the one of today's recipe
    image_is_current: bool
    #: ``kvm`` or ``tcg``; None where no machine runs
    accelerator: str | None


def ssh_argv(second_login: bool = False) -> list[str]:
    """The words that log in to the guest, whichever flavour runs; a command may be put behind them."""
    login = f"{HOST}-{load_flavour().second_login}" if second_login else HOST
    return ["ssh", "-F", str(paths.ssh_config()), login]


def kernel_release(flavour: str = DEFAULT_FLAVOUR) -> str:
    """The kernel that a flavour's machine boots by default, as its ``uname -r`` prints it.

    Raises LabError where the image has not been built.
    """
    image = find_image(load_flavour(flavour))
    if image is None:
        raise LabError(
            f"the image of the lab's flavour {flavour} is not built, so that its kernel is not known yet",
            f"kdumpkit lab up --flavour {flavour}",
        )
    return image.kernels[-1]


def status(flavour: str = DEFAULT_FLAVOUR) -> LabStatus:
    """How the lab stands now; changes nothing. The flavour is the one to tell of where no machine runs."""
    machine = find_machine(paths.run_root())
    recipe = load_flavour(machine.flavour if machine else flavour)
    image = find_image(recipe)
    digest = machine.image_digest if machine else image.digest if image else None
    return LabStatus(
        running=machine is not None,
        pid=machine.pid if machine else None,
        ssh_destination=HOST,
        ssh_config=paths.ssh_config(),
        ssh_port=machine.ssh_port if machine else None,
        answers=machine is not None and read_banner(machine.ssh_port, 3).startswith(b"SSH-2.0"),
        console=paths.console_log(),
        flavour=machine.flavour if machine else None,
        image_digest=digest,
        image_is_current=digest == recipe.digest(),
        accelerator=machine.accelerator if machine else None,
    )


def up(
    progress: Say, fresh: bool = True, *, flavour: str = DEFAULT_FLAVOUR, deadline_s: float = START_DEADLINE_S
) -> LabStatus:
    """The lab running as a machine of that flavour, with a login that works.

    Builds the image where there is none of today's recipe. A machine that runs from that image and answers is
    used as it is; one of another flavour is ended; otherwise one is started, with ``fresh`` from the image's own
    state, without it from where a machine of this flavour that ended left its disk.

    Raises LabError: requirements missing, no root for a build, QEMU's own words, or the end of the console.
    """
    recipe = load_flavour(flavour)
    check_requirements(recipe)
    with _locked(progress):
        image = find_image(recipe)
        machine = find_machine(paths.run_root())
        if machine and image and machine.image_digest == image.digest:
            try:
                _wait(machine, deadline_s, progress)
            except LabError as error:
                progress(f"the machine that runs does not answer and is started again: {error.message.splitlines()[0]}")
            else:
                progress(f"the lab's machine runs already: process {machine.pid}")
                return status()
        if machine:
            if machine.flavour != flavour:
                progress(f"a machine of the flavour {machine.flavour} runs and is ended: there is one at a time")
            stop_machine(paths.run_root(), machine)
        if image is None:
            progress(f"building the image of the lab (once per recipe, 1 to 3 minutes): {image_folder(recipe)}")
            image = build_image(recipe, progress)
            fresh = True
        _start(recipe, image, fresh, deadline_s, progress)
    return status()


def down() -> bool:
    """End the machine and remove all its files; images and symbols stay. True where a machine was running."""
    with _locked(lambda _: None):
        run = paths.run_root()
        machine = find_machine(run)
        if machine:
            stop_machine(run, machine)
        shutil.rmtree(run, ignore_errors=True)
        paths.ssh_config().unlink(missing_ok=True)
        paths.console_log().unlink(missing_ok=True)
    return machine is not None


def _start(flavour: Flavour, image: Image, fresh: bool, deadline_s: float, progress: Say) -> None:
    run = paths.run_root()
    run.mkdir(parents=True, exist_ok=True)
    overlay = run / f"{image.folder.name}.qcow2"
    if fresh or not overlay.exists():
        paths.console_log().unlink(missing_ok=True)
        # of any flavour: a disk and the firmware's variables belong to one machine
        for left in run.iterdir():
            left.unlink()
        run_here(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image.disk), str(overlay)],
            what="making the machine's disk",
            timeout_s=30,
        )
    accelerator = choose_accelerator(image.kernel, image.initrd, image.digest, progress)
    progress(f"starting the machine under {accelerator.name}: {accelerator.reason}")
    machine = start_machine(flavour, accelerator.name, image.digest, run, overlay, paths.console_log())
    known_hosts = run / "known_hosts"
    known_hosts.write_text(known_hosts_text(HOST, image.keys))
    config = ssh_config_text(HOST, flavour.second_login, machine.ssh_port, image.keys, known_hosts)
    paths.ssh_config().write_text(config)
    took_s = _wait(machine, deadline_s, progress)
    progress(f"the machine answers after {took_s:.0f} s: {' '.join(ssh_argv())}")


def _wait(machine: Machine, deadline_s: float, progress: Say) -> float:
    return wait_for_login(
        paths.ssh_config(),
        HOST,
        machine.ssh_port,
        deadline_s,
        lambda: find_machine(paths.run_root()) == machine,
        paths.console_log(),
        progress,
    )


@contextmanager
def _locked(progress: Say) -> Iterator[None]:
    """One build or start at a time; another one is waited for."""
    paths.images_root().mkdir(parents=True, exist_ok=True)
    with (paths.images_root() / ".lock").open("w") as lock:
        deadline = time.monotonic() + _BUILD_DEADLINE_S
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    progress("another process builds or starts the lab: waiting for it")
                    told = True
                if time.monotonic() > deadline:
                    raise LabError(
                        f"another process has held the lab for {_BUILD_DEADLINE_S:.0f} s",
                        f"see which one: fuser {lock.name}",
                    ) from None
                time.sleep(0.5)
        yield
