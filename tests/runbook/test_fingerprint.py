"""The fingerprint names what is really loaded: a kernel in /boot, or a unified kernel image on the EFI partition."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kdumpkit.command import Command, CommandResult
from kdumpkit.distributions import distribution_for
from kdumpkit.facts.el_machine import ElMachine
from kdumpkit.facts.fingerprint import ABSENT, INITRAMFS, KERNEL
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.packages import Package, Packages, PackageStatus
from kdumpkit.facts.uname import Uname
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.base import Fetched, Host, Progress
from kdumpkit.runbook.fingerprint import read_fingerprint

RELEASE = "6.12.6-200.fc41.x86_64"
PLAIN = f"/boot/vmlinuz-{RELEASE}"
UNIFIED = f"/boot/efi/EFI/Linux/c3d4-{RELEASE}.efi"
IN_BOOT, IN_VAR = (f"{folder}/initramfs-{RELEASE}kdump.img" for folder in ("/boot", "/var/lib/kdump"))
NOT_READ = Unknown("/x", Why.NOT_ANSWERED)


class Digests(Host):
    """Has these files and no others; a file's digest is made of its name."""

    name = "uki01"

    def __init__(self, *files: str) -> None:
        self.files = files
        self.asked: list[tuple[str, ...]] = []

    @staticmethod
    def of(path: str) -> str:
        return f"{sum(path.encode()):064x}"

    def run(self, command: Command) -> CommandResult:
        paths = command.argv[2:]
        self.asked.append(paths)
        out = "".join(f"{self.of(path)}  {path}\n" for path in paths if path in self.files)
        said = "".join(f"sha256sum: {path}: No such file or directory\n" for path in paths if path not in self.files)
        return CommandResult(command, 1 if said else 0, out.encode(), said.encode(), 0.0, 0.0)

    def fetch(self, remote: str, local: Any, progress: Progress | None = None) -> Fetched:
        raise NotImplementedError


def stage(target: Digests, image: str, utils: str) -> Any:
    installed = Package("kdump-utils", utils, PackageStatus.INSTALLED)
    survey = SimpleNamespace(
        settings=NOT_READ, boot=NOT_READ, build_id=NOT_READ, command_line=NOT_READ,
        packages=Packages((installed,)), el_machine=ElMachine("", image=image),
    )  # fmt: skip
    distribution = distribution_for(OsRelease("fedora", (), "41", None, platform_id="platform:f41"))
    uname = Uname("uki01", RELEASE, "#1 SMP", "x86_64")
    return SimpleNamespace(survey=survey, distribution=distribution, uname=uname, target=target)


@pytest.mark.parametrize(("utils", "initramfs"), [("1.0.49-1.fc41", IN_BOOT), ("1.0.61-1.fc44", IN_VAR)])
def test_of_a_unified_kernel_image_it_is_the_image_that_is_kept(utils: str, initramfs: str) -> None:
    host = Digests(UNIFIED, initramfs, "/etc/kdump.conf")
    parts = read_fingerprint(stage(host, UNIFIED, utils)).parts
    assert parts[KERNEL] == host.of(UNIFIED)
    assert parts[INITRAMFS] == host.of(initramfs)


def test_a_kernel_in_boot_is_asked_for_once() -> None:
    host = Digests(PLAIN, IN_BOOT)
    assert read_fingerprint(stage(host, PLAIN, "1.0.61-1.fc44")).parts[KERNEL] == host.of(PLAIN)
    assert len(host.asked) == 1


def test_a_kernel_that_is_nowhere_is_absent() -> None:
    host = Digests(IN_BOOT)
    assert read_fingerprint(stage(host, PLAIN, "1.0.61-1.fc44")).parts[KERNEL] == ABSENT
