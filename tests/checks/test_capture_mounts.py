"""What the capture kernel mounts, and where a distribution switches kdump on by itself."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kdumpkit.checks.capture_mounts import check_capture_mounts
from kdumpkit.checks.finding import Status
from kdumpkit.checks.kdump_default import check_by_default
from kdumpkit.distributions import distribution_for
from kdumpkit.facts.firmware import Firmware, FirmwareKind
from kdumpkit.facts.fstab import parse_fstab
from kdumpkit.facts.meminfo import Meminfo
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.systemd_unit import SystemdUnit
from kdumpkit.facts.unknown import Unknown

from .facts import DENIED

FSTAB = b"""\
UUID=1 / ext4 errors=remount-ro 0 1
UUID=2 /boot ext4 defaults 0 2
UUID=3 /var xfs defaults 0 2
UUID=4 /boot/efi vfat umask=0077 0 1
"""


def test_what_the_dump_does_not_need_must_not_be_able_to_stop_it(tmp_path: Path) -> None:
    found = check_capture_mounts(parse_fstab(FSTAB), "/var/crash", (5,))
    assert (found.status, found.records) == (Status.WARN, (5,))
    assert "/boot (/etc/fstab:2), /boot/efi (/etc/fstab:4)" in found.reason
    assert "leaves no dump" in found.reason
    # the remedy, really pasted, ends it and touches no other line
    file = tmp_path / "fstab"
    file.write_bytes(FSTAB)
    line = found.remedy.replace("/etc/fstab", str(file)).partition(" && ")[0]
    subprocess.run(["sh", "-c", line], check=True)
    after = file.read_bytes()
    assert check_capture_mounts(parse_fstab(after), "/var/crash").status is Status.PASS
    assert after.splitlines()[::2] == FSTAB.splitlines()[::2]


def test_what_the_dump_is_written_to_is_needed() -> None:
    assert "/var (" in check_capture_mounts(parse_fstab(FSTAB), "/srv/crash").reason
    # it goes to another machine
    assert "/var (" in check_capture_mounts(parse_fstab(FSTAB), None).reason
    assert check_capture_mounts(parse_fstab(FSTAB.splitlines()[0]), None).status is Status.PASS
    assert check_capture_mounts(DENIED, "/var/crash").status is Status.UNKNOWN


UBUNTU = distribution_for(OsRelease("ubuntu", ("debian",), "26.04", None)).kdump_default()
UEFI, BIOS = (Firmware(kind, False, False) for kind in (FirmwareKind.UEFI, FirmwareKind.BIOS))
RAM = Meminfo(8 * 10**9, None, None, None)
ON = SystemdUnit("kdump-tools.service", "loaded", "active", "exited", "enabled", "success", 0, (4,))


@pytest.mark.parametrize("version", ["24.10", "25.04", "26.04"])
def test_only_ubuntu_since_24_10_is_known_to_switch_it_on(version: str) -> None:
    assert distribution_for(OsRelease("ubuntu", ("debian",), version, None)).kdump_default() == UBUNTU
    for id, other in (
        ("ubuntu", "24.04"),
        ("debian", "13"),
        ("linuxmint", "26.04"),
        ("rhel", "10.0"),
        ("sles", "16.0"),
    ):
        assert (
            distribution_for(OsRelease(id, ("ubuntu",) if id == "linuxmint" else (), other, None)).kdump_default()
            is None
        )


@pytest.mark.parametrize(
    ("machine", "firmware", "threads", "ram", "unit", "status", "words"),
    [
        ("x86_64", BIOS, 4, RAM, ON, Status.PASS, "is enabled"),
        ("x86_64", BIOS, 4, RAM, replace(ON, unit_file_state="disabled"), Status.WARN, "is disabled"),
        ("x86_64", BIOS, 4, RAM, replace(ON, load_state="not-found"), Status.WARN, "is not on the host"),
        ("x86_64", BIOS, 2, RAM, ON, Status.SKIP, "2 threads of the 4"),
        ("x86_64", BIOS, 4, replace(RAM, total_bytes=4 * 10**9), ON, Status.SKIP, "of RAM, which is not between"),
        ("x86_64", BIOS, 4, replace(RAM, total_bytes=2 * 10**12), ON, Status.SKIP, "of RAM, which is not between"),
        ("aarch64", UEFI, 4, RAM, ON, Status.PASS, "is enabled"),
        ("aarch64", BIOS, 4, RAM, ON, Status.SKIP, "by UEFI"),
        ("riscv64", UEFI, 4, RAM, ON, Status.SKIP, "riscv64"),
        ("x86_64", BIOS, DENIED, RAM, ON, Status.UNKNOWN, "threads"),
        ("x86_64", BIOS, 4, DENIED, ON, Status.UNKNOWN, "RAM"),
        ("x86_64", BIOS, 4, RAM, DENIED, Status.UNKNOWN, "at boot"),
    ],
)
def test_by_default(
    machine: str,
    firmware: Firmware,
    threads: int | Unknown,
    ram: Meminfo | Unknown,
    unit: SystemdUnit | Unknown,
    status: Status,
    words: str,
) -> None:
    assert UBUNTU is not None
    found = check_by_default(UBUNTU, machine, firmware, threads, ram, unit)
    assert (found.id, found.status) == ("kdump.by_default", status)
    assert words in found.reason
    assert ("apt-get install kdump-tools" in found.remedy) is (status is Status.WARN)
