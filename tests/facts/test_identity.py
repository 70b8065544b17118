"""os_release, uname, boot_id, meminfo, firmware: small facts about the machine."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from kdumpkit.errors import ParseError
from kdumpkit.facts.boot_id import (
    BOOT_ID,
    MACHINE_ID,
    NODENAME,
    UPTIME,
    BootIdentity,
    boot_identity_from,
    parse_boot_id,
    parse_machine_id,
    parse_nodename,
    parse_uptime,
    read_boot_identity,
)
from kdumpkit.facts.firmware import EFI_RUNTIME, EFI_VERSION, FirmwareKind, firmware_from, parse_efi_switch
from kdumpkit.facts.meminfo import PATH as MEMINFO
from kdumpkit.facts.meminfo import meminfo_from, parse_meminfo
from kdumpkit.facts.os_release import OsRelease, parse_os_release
from kdumpkit.facts.system import read_system
from kdumpkit.facts.uname import parse_uname, read_uname
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.local import LocalHost

from .conftest import TreeHost, file_states

DEBIAN = b"""PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
"""
UBUNTU = b"""PRETTY_NAME="Ubuntu 24.04.2 LTS"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n"""
SID = b"""PRETTY_NAME="Debian GNU/Linux trixie/sid"\nID=debian\n"""
ALMA = b"""ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\nPRETTY_NAME="AlmaLinux 9.4"\n"""


def test_os_release_of_distributions() -> None:
    assert parse_os_release(DEBIAN, (4,)) == OsRelease("debian", (), "12", "Debian GNU/Linux 12 (bookworm)", (4,))
    assert parse_os_release(UBUNTU).id_like == ("debian",)
    assert parse_os_release(ALMA).id_like == ("rhel", "centos", "fedora")
    assert parse_os_release(SID).version_id is None
    assert parse_os_release(b"# a comment\nID=a\nID=b\n").id == "b"


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"NAME=x\n", b"ID=\n", b'ID="debian\n', b"\0\0", b"ID=" + b"x=" * 300_000]
)
def test_os_release_that_is_none(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_os_release(data)


def test_uptime_of_a_separator_alone_is_not_understood() -> None:
    with pytest.raises(ParseError):
        parse_uptime(b"\x1c")


def test_uname() -> None:
    uname = parse_uname(b"web01 6.1.0-55-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-1 (2026-08-30) x86_64\n")
    assert (uname.nodename, uname.release, uname.machine) == ("web01", "6.1.0-55-amd64", "x86_64")
    assert uname.version.startswith("#1 SMP")
    for data in (b"", b"one\n", b"a b c\n", b"a b c d\ne f g h\n"):
        with pytest.raises(ParseError):
            parse_uname(data)


def test_uname_of_this_machine_and_of_a_host_without_it(tree: TreeHost) -> None:
    here = read_uname(LocalHost())
    assert not isinstance(here, Unknown)
    assert (here.nodename, here.release, here.version, here.machine) == (
        os.uname().nodename,
        os.uname().release,
        os.uname().version,
        os.uname().machine,
    )
    tree.answers["uname"] = (127, b"", b"uname: not found")
    there = read_uname(tree)
    assert isinstance(there, Unknown)
    assert there.why is Why.ABSENT
    assert there.records == (0,)


def test_system_is_uname_and_os_release_by_one_command(tree: TreeHost) -> None:
    name = b"web01 6.1.0-55-amd64 #1 SMP Debian x86_64\n"
    tree.answers["sh"] = (0, name + DEBIAN, b"")
    uname, release = read_system(tree)
    assert not isinstance(uname, Unknown)
    assert not isinstance(release, Unknown)
    assert (uname.nodename, release.id) == ("web01", "debian")
    assert len(tree.commands) == 1
    for answer, why in (((1, name, b""), Why.ABSENT), ((0, name + b"NAME=x\n", b""), Why.NOT_UNDERSTOOD)):
        tree.answers["sh"] = answer
        uname, release = read_system(tree)
        assert not isinstance(uname, Unknown)
        assert isinstance(release, Unknown)
        assert release.why is why
    tree.answers["sh"] = (127, b"", b"uname: not found")
    assert all(isinstance(found, Unknown) for found in read_system(tree))
    real, distribution = read_system(LocalHost())
    assert not isinstance(real, Unknown)
    assert real.release == os.uname().release
    assert not isinstance(distribution, Unknown)


GOOD_BOOT = {
    BOOT_ID: b"bb9a806b-dcc5-480a-8a3c-5d248432be50\n",
    UPTIME: b"2014.45 3971.01\n",
    MACHINE_ID: b"3d1219c7c4c5404aaa1f6d2a48adfda4\n",
    NODENAME: b"web01.example.org\n",
}


def test_boot_identity() -> None:
    boot = boot_identity_from(file_states(dict(GOOD_BOOT)))
    assert boot == BootIdentity(
        "bb9a806b-dcc5-480a-8a3c-5d248432be50",
        2014.45,
        "3d1219c7c4c5404aaa1f6d2a48adfda4",
        "web01.example.org",
        (0, 1, 2, 3),
    )


def test_a_machine_id_that_is_missing_leaves_the_boot_id_known() -> None:
    boot = boot_identity_from(file_states({**GOOD_BOOT, MACHINE_ID: None}))
    assert isinstance(boot, BootIdentity)
    assert isinstance(boot.machine_id, Unknown)
    assert boot.machine_id.absent
    without = boot_identity_from(file_states({**GOOD_BOOT, BOOT_ID: "denied"}))
    assert isinstance(without, Unknown)
    assert without.why is Why.NOT_PERMITTED
    unanswered = boot_identity_from({})
    assert isinstance(unanswered, Unknown)
    assert unanswered.why is Why.NOT_ANSWERED


@pytest.mark.parametrize(
    ("parse", "data"),
    [
        (parse_boot_id, b"not an id"),
        (parse_boot_id, b""),
        (parse_uptime, b"soon"),
        (parse_uptime, b"\n"),
        (parse_machine_id, b"uninitialized\n"),
        (parse_machine_id, b"3D1219C7"),
        (parse_nodename, b"(none)\n"),
        (parse_nodename, b"\n"),
        (parse_nodename, b"web01 web02\n"),
    ],
)
def test_malformed_identities(parse, data: bytes) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ParseError):
        parse(data)


def test_boot_identity_of_this_machine() -> None:
    boot = read_boot_identity(LocalHost())
    assert isinstance(boot, BootIdentity)
    assert boot.boot_id == Path(BOOT_ID).read_text().strip()


MEMINFO_TEXT = b"""MemTotal:        2014620 kB
MemFree:         1672780 kB
MemAvailable:    1752256 kB
SwapTotal:             0 kB
PageTables:         1024 kB
VmallocUsed:       10240 kB
Percpu:             2048 kB
Slab:              40960 kB
HugePages_Total:       0
CmaTotal:          65536 kB
"""


def test_meminfo() -> None:
    found = parse_meminfo(MEMINFO_TEXT, (7,))
    assert found.total_bytes == 2014620 * 1024
    assert found.available_bytes == 1752256 * 1024
    assert found.swap_total_bytes == 0
    assert found.cma_total_bytes == 64 << 20
    assert found.kernel_bytes == (1024 + 10240 + 2048 + 40960) * 1024 + 2014620 * 1024 // 64
    assert found.records == (7,)
    assert parse_meminfo(b"MemTotal: 5 kB\n") == dataclasses.replace(
        parse_meminfo(b"MemTotal: 5 kB\n"), available_bytes=None, swap_total_bytes=None, kernel_bytes=None
    )


@pytest.mark.parametrize("data", [b"", b"MemFree: 3 kB\n", b"MemTotal: many kB\n", b"MemTotal: 3\n"])
def test_meminfo_without_a_total(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_meminfo(data)


def test_meminfo_states() -> None:
    for content, why in ((None, Why.ABSENT), ("denied", Why.NOT_PERMITTED), ("I/O error", Why.NOT_ANSWERED)):
        found = meminfo_from(file_states({MEMINFO: content}))
        assert isinstance(found, Unknown)
        assert found.why is why
    assert parse_meminfo(Path(MEMINFO).read_bytes()).total_bytes > 1 << 20


EFIVARS = "/sys/firmware/efi/efivars/"
GUID = "8be4df61-93ca-11d2-aa0d-00e098032b8c"


def test_firmware_kinds() -> None:
    patterns: dict[str, bytes | str | None] = {
        EFI_VERSION: None,
        EFI_RUNTIME: None,
        EFIVARS + "SecureBoot-*": None,
        EFIVARS + "SetupMode-*": None,
    }
    bios = firmware_from(file_states(patterns))
    assert not isinstance(bios, Unknown)
    assert (bios.kind, bios.secure_boot, bios.setup_mode) == (FirmwareKind.BIOS, False, False)
    uefi = firmware_from(
        file_states(
            {
                EFI_VERSION: b"64\n",
                EFI_RUNTIME: None,
                f"{EFIVARS}SecureBoot-{GUID}": b"\x06\0\0\0\x01",
                f"{EFIVARS}SetupMode-{GUID}": b"\x06\0\0\0\x00",
            }
        )
    )
    assert not isinstance(uefi, Unknown)
    assert (uefi.kind, uefi.secure_boot, uefi.setup_mode) == (FirmwareKind.UEFI, True, False)


def test_secure_boot_that_cannot_be_read_is_not_off() -> None:
    found = firmware_from(file_states({EFI_VERSION: b"64\n", f"{EFIVARS}SecureBoot-{GUID}": "denied"}))
    assert not isinstance(found, Unknown)
    assert isinstance(found.secure_boot, Unknown)
    assert found.secure_boot.why is Why.NOT_PERMITTED
    assert isinstance(found.setup_mode, Unknown)
    assert found.setup_mode.absent
    broken = firmware_from(file_states({EFI_VERSION: b"64\n", f"{EFIVARS}SecureBoot-{GUID}": b"\x01"}))
    assert broken.secure_boot.why is Why.NOT_UNDERSTOOD  # type: ignore[union-attr]
    assert isinstance(firmware_from({}), Unknown)


@pytest.mark.parametrize("data", [b"", b"\x06\0\0\0", b"\x06\0\0\0\x02", b"\x06\0\0\0\x01\x01"])
def test_malformed_efi_switch(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_efi_switch(data)
