"""How much Enterprise Linux and its kin reserve, by version, machine and RAM."""

from __future__ import annotations

import pytest

from kdumpkit.distributions.answers import SizingFacts
from kdumpkit.distributions.el_crashkernel import (
    CrashkernelExtras,
    default_rule,
    extras_from,
    is_custom,
    recommend_for,
)
from kdumpkit.errors import UnsupportedHost
from kdumpkit.facts.el_machine import ElMachine
from kdumpkit.facts.unknown import Unknown, Why

MIB, GIB, TIB = 1 << 20, 1 << 30, 1 << 40
X86_8_LATE = "1G-4G:192M,4G-64G:256M,64G-:512M"


@pytest.mark.parametrize(
    ("version", "machine", "ranges", "auto"),
    [
        ((8, 0), "x86_64", "1G-64G:160M,64G-1T:256M,1T-:512M", True),
        ((8, 2), "x86_64", "1G-64G:160M,64G-1T:256M,1T-:512M", True),
        ((8, 3), "x86_64", "1G-4G:160M,4G-64G:192M,64G-1T:256M,1T-:512M", True),
        ((8, 7), "x86_64", "1G-4G:160M,4G-64G:192M,64G-1T:256M,1T-:512M", True),
        ((8, 8), "x86_64", X86_8_LATE, True),
        ((8, 10), "x86_64", X86_8_LATE, True),
        ((8,), "x86_64", X86_8_LATE, True),
        ((8, 0), "aarch64", "2G-:512M", True),
        ((8, 6), "aarch64", "2G-:448M", True),
        ((8, 8), "aarch64", "2G-:480M", True),
        ((8, 0), "s390x", "4G-64G:160M,64G-1T:256M,1T-:512M", True),
        ((9, 0), "x86_64", X86_8_LATE, False),
        ((9, 4), "x86_64", X86_8_LATE, False),
        ((9, 5), "x86_64", "1G-2G:192M,2G-64G:256M,64G-:512M", False),
        ((9, 0), "aarch64", "2G-:448M", False),
        ((9, 1), "aarch64", "1G-4G:256M,4G-64G:320M,64G-:576M", False),
        ((9,), "ppc64le", "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G", False),
        ((10, 0), "x86_64", "2G-64G:256M,64G-:512M", False),
        ((), "x86_64", "2G-64G:256M,64G-:512M", False),
        ((), "s390x", "2G-64G:256M,64G-:512M", False),
        ((), "aarch64", "2G-4G:256M,4G-64G:320M,64G-:576M", False),
        ((11,), "x86_64", "2G-64G:256M,64G-:512M", False),
    ],
)
def test_the_defaults_by_version_and_machine(version: tuple[int, ...], machine: str, ranges: str, auto: bool) -> None:
    rule = default_rule(version, machine)
    assert rule is not None
    assert (rule.ranges, rule.auto) == (ranges, auto)
    assert rule.source


@pytest.mark.parametrize(("version", "machine"), [((6, 10), "x86_64"), ((), "riscv64"), ((9,), "i686"), ((7,), "i686")])
def test_nothing_is_made_up_where_no_rule_is_known(version: tuple[int, ...], machine: str) -> None:
    assert default_rule(version, machine) is None


@pytest.mark.parametrize(
    ("machine", "release", "extras", "ranges"),
    [
        ("x86_64", "", CrashkernelExtras(encrypted_memory=True), "2G-64G:320M,64G-:576M"),
        ("aarch64", "6.12.0-55.el10.aarch64+64k", CrashkernelExtras(), "2G-4G:256M,4G-64G:420M,64G-:676M"),
        ("aarch64", "6.12.0+64k", CrashkernelExtras(smmu=True), "2G-4G:256M,4G-64G:804M,64G-:1060M"),
        ("aarch64", "6.12.0+64k", CrashkernelExtras(mlx5=True), "2G-4G:256M,4G-64G:620M,64G-:876M"),
        ("aarch64", "6.12.0", CrashkernelExtras(mlx5=True), "2G-4G:256M,4G-64G:470M,64G-:726M"),
        ("aarch64", "6.12.0", CrashkernelExtras(smmu=True), "2G-4G:256M,4G-64G:320M,64G-:576M"),
    ],
)
def test_what_adds_to_the_defaults(machine: str, release: str, extras: CrashkernelExtras, ranges: str) -> None:
    rule = default_rule((), machine, release, extras)
    assert rule is not None
    assert rule.ranges == ranges


def test_on_el_9_each_range_of_aarch64_gets_what_is_added() -> None:
    large_pages = "5.14.0-427.13.1.el9_4.aarch64+64k"
    for version, extras, ranges in (
        ((9, 4), CrashkernelExtras(), "1G-4G:356M,4G-64G:420M,64G-:676M"),
        ((9, 0), CrashkernelExtras(), "2G-:548M"),
        ((9, 4), CrashkernelExtras(smmu=True, mlx5=True), "1G-4G:940M,4G-64G:1004M,64G-:1260M"),
    ):
        rule = default_rule(version, "aarch64", large_pages, extras)
        assert rule is not None
        assert rule.ranges == ranges
        assert not is_custom(ranges, version, extras)


def test_firmware_assisted_dump_needs_far_more() -> None:
    rule = default_rule((), "ppc64le", "", CrashkernelExtras(fadump=True))
    assert rule is not None
    assert rule.ranges.startswith("4G-16G:768M,")
    assert rule.ranges.endswith("64T-:180G")


@pytest.mark.parametrize(
    ("ram_bytes", "size_bytes"),
    [(2 * GIB - 127 * MIB, 256 * MIB), (2 * GIB - 128 * MIB, 0), (64 * GIB - 1 * MIB, 512 * MIB)],
)
def test_ram_is_rounded_up_to_128_mib_before_it_is_compared(ram_bytes: int, size_bytes: int) -> None:
    assert recommend_for("Fedora", (), SizingFacts(ram_bytes, "x86_64")).packaged_bytes == size_bytes


# regression: RAM below the first range


def test_a_default_that_reserves_nothing_here_is_named_and_replaced() -> None:
    found = recommend_for("Fedora", (), SizingFacts(int(1.75 * GIB), "x86_64"))
    assert found.packaged_bytes == 0
    assert found.value == "192M"
    assert "reserves nothing on 1.8 GiB of RAM" in found.why
    assert "no range matches" in found.why


def test_the_distributions_own_value_stays_where_it_is_enough() -> None:
    found = recommend_for("RHEL 9.4", (9, 4), SizingFacts(16 * GIB, "x86_64"))
    assert (found.value, found.size_bytes, found.packaged_value) == (X86_8_LATE, 256 * MIB, X86_8_LATE)


def test_auto_stays_only_where_what_it_reserves_is_enough() -> None:
    late = recommend_for("RHEL 8.10", (8, 10), SizingFacts(16 * GIB, "x86_64"))
    assert (late.value, late.size_bytes) == ("auto", 256 * MIB)
    early = recommend_for("RHEL 8.2", (8, 2), SizingFacts(16 * GIB, "x86_64"))
    assert (early.value, early.packaged_value, early.packaged_bytes) == ("256M", "auto", 160 * MIB)
    seven = recommend_for("CentOS 7", (7,), SizingFacts(int(1.8 * GIB), "x86_64"))
    assert (seven.value, seven.packaged_bytes) == ("192M", 0)
    large = recommend_for("CentOS 7", (7, 9), SizingFacts(3 * TIB, "x86_64"))
    assert (large.value, large.packaged_bytes) == ("512M", 353 * MIB)


@pytest.mark.parametrize(
    ("files", "value"),
    [
        ({"/etc/default/grub": b'GRUB_CMDLINE_LINUX="crashkernel=512M quiet"\n'}, "512M"),
        ({"/etc/kernel/cmdline": b"root=/dev/sda1 crashkernel=1G,high\n"}, "1G,high"),
        ({"/etc/default/grub": b'GRUB_CMDLINE_LINUX="crashkernel=128M quiet"\n'}, X86_8_LATE),
        ({"/etc/default/grub": b'GRUB_CMDLINE_LINUX="crashkernel=auto quiet"\n'}, X86_8_LATE),
        ({"/etc/default/grub": b'GRUB_CMDLINE_LINUX="crashkernel=512M crashkernel=1G"\n'}, X86_8_LATE),
        ({"/etc/default/grub": b'GRUB_CMDLINE_LINUX="crashkernel=nonsense"\n'}, X86_8_LATE),
        ({"/etc/default/grub": b'GRUB_CMDLINE_LINUX="crashkernel=64G-:1G"\n'}, X86_8_LATE),
    ],
)
def test_a_larger_value_of_the_hosts_own_is_not_made_smaller(files: dict[str, bytes], value: str) -> None:
    found = recommend_for("RHEL 9", (9, 4), SizingFacts(16 * GIB, "x86_64", files=files))
    assert found.value == value
    assert (found.value == X86_8_LATE) or "this host's own" in found.why


def test_auto_is_kept_on_el_8_and_taken_out_on_el_9() -> None:
    files = {"/etc/default/grub": b'GRUB_CMDLINE_LINUX="crashkernel=auto"\n'}
    kept = recommend_for("RHEL 8", (8, 9), SizingFacts(16 * GIB, "x86_64", files=files))
    assert kept.value == "auto"
    assert recommend_for("RHEL 9", (9, 3), SizingFacts(16 * GIB, "x86_64", files=files)).value == X86_8_LATE


def test_a_machine_without_any_rule_is_refused() -> None:
    with pytest.raises(UnsupportedHost):
        recommend_for("Fedora", (), SizingFacts(8 * GIB, "riscv64"))


def test_what_is_not_the_distributions_own_would_be_reset_by_an_update() -> None:
    assert is_custom("512M", (9, 4))
    assert not is_custom(X86_8_LATE, (9, 4))
    assert not is_custom("auto", (8, 4))
    assert is_custom("auto", (9, 4))
    assert not is_custom("2G-4G:256M,4G-64G:620M,64G-:876M", (), CrashkernelExtras(mlx5=True))
    assert is_custom("2G-4G:256M,4G-64G:620M,64G-:876M", ())


def test_what_adds_to_the_defaults_is_told_by_files() -> None:
    files = {
        "/sys/module/mlx5_core/initstate": b"live\n",
        "/sys/devices/platform/arm-smmu-v3.0.auto/uevent": b"DRIVER=arm-smmu-v3\n",
        "/sys/kernel/fadump/enabled": b"0\n",
    }
    assert extras_from(files) == CrashkernelExtras(smmu=True, mlx5=True)
    assert extras_from({"/sys/kernel/fadump/enabled": b"1\n"}) == CrashkernelExtras(fadump=True)
    assert extras_from({}) == CrashkernelExtras()
    release = "6.12.0-55.el10.aarch64+64k"
    found = recommend_for("RHEL 10", (10, 0), SizingFacts(32 * GIB, "aarch64", release, files))
    assert found.value == "2G-4G:256M,4G-64G:1004M,64G-:1260M"


SME = ElMachine("SME", records=(9,))


def test_encrypted_memory_needs_64_mib_more_and_that_is_said() -> None:
    found = recommend_for("Rocky 10", (10, 0), SizingFacts(16 * GIB, "x86_64", el_machine=SME))
    assert found.value == "2G-64G:320M,64G-:576M"
    assert "64 MiB of it because memory is encrypted (AMD SME)" in found.why
    plain = recommend_for("Rocky 10", (10, 0), SizingFacts(16 * GIB, "x86_64", el_machine=ElMachine("")))
    assert plain.value == "2G-64G:256M,64G-:512M"
    assert "encr" not in plain.why
    # no rule of EL 8 knows of it
    assert "encr" not in recommend_for("RHEL 8", (8, 9), SizingFacts(16 * GIB, "x86_64", el_machine=SME)).why


@pytest.mark.parametrize(
    "told",
    [
        Unknown("what kdumpctl asks", Why.NOT_ANSWERED, "", (3,)),
        ElMachine(Unknown("the kernel's log", Why.NOT_ANSWERED, "it is empty")),
    ],
)
def test_where_encryption_is_not_known_it_is_said(told: ElMachine | Unknown) -> None:
    found = recommend_for("Rocky 10", (10, 0), SizingFacts(16 * GIB, "x86_64", el_machine=told))
    assert found.value == "2G-64G:256M,64G-:512M"
    assert "it is not known whether AMD memory encryption is active" in found.why
    arm = recommend_for("Rocky 10", (10, 0), SizingFacts(16 * GIB, "aarch64", el_machine=told))
    assert "encr" not in arm.why


def test_the_default_for_encrypted_memory_is_no_custom_value() -> None:
    assert not is_custom("2G-64G:320M,64G-:576M", (10, 0))
    assert is_custom("2G-64G:321M,64G-:576M", (10, 0))
