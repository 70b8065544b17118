"""SUSE's sizes: what kdumptool calibrate says, kdump's own tolerance, several terabytes, and no answer at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.distributions.answers import SizingFacts
from kdumpkit.distributions.crashkernel_sizes import GIB, MIB, crashkernel_tokens
from kdumpkit.distributions.suse_crashkernel import TIB, recommend_suse
from kdumpkit.errors import UnsupportedHost
from kdumpkit.facts.crashkernel import requested_reservation
from kdumpkit.facts.grub import DEFAULTS
from kdumpkit.facts.sysconfig_kdump import PATH as KDUMP

FILES = Path(__file__).parent / "sles-15"
CALIBRATE = (FILES / "calibrate").read_text()


def grub(*tokens: str) -> dict[str, bytes]:
    words = " ".join(f"crashkernel={token}" for token in tokens)
    return {DEFAULTS: f'GRUB_CMDLINE_LINUX_DEFAULT="quiet {words}"\n'.encode()}


def sizing(
    estimate: str | None = CALIBRATE,
    ram: int = 16 * GIB,
    machine: str = "x86_64",
    files: dict[str, bytes] | None = None,
) -> SizingFacts:
    return SizingFacts(ram, machine, "5.14.21-150500.55.52-default", files or {}, estimate)


def value(facts: SizingFacts) -> str:
    return recommend_suse(facts, "SLES").value


def test_a_high_and_a_low_part() -> None:
    found = recommend_suse(sizing(), "SLES")
    assert found.value == "123M,high crashkernel=72M,low"
    assert (found.size_bytes, found.packaged_value, found.packaged_bytes) == (195 * MIB, found.value, 195 * MIB)
    assert found.value == found.packaged_value
    assert "LUN" in found.why
    assert "calibrate" in found.source


def test_the_value_is_one_that_the_kernel_and_the_kit_understand() -> None:
    # case 6: two tokens that are no mistake
    tokens = crashkernel_tokens(value(sizing()))
    assert tokens == ("123M,high", "72M,low")
    request = requested_reservation(tokens, 16 * GIB)
    assert (request.size_bytes, request.low_bytes) == (123 * MIB, 72 * MIB)


def test_a_machine_without_memory_above_4_gib_has_no_low_part() -> None:
    found = recommend_suse(sizing((FILES / "calibrate-2g").read_text(), 2031 * MIB), "SLES")
    assert (found.value, found.size_bytes) == ("339M,high", 339 * MIB)


def test_machines_without_a_split_get_a_plain_size() -> None:
    assert value(sizing("Total: 8192\nLow: 256\nHigh: 0\n", 8 * GIB, "aarch64")) == "256M"


@pytest.mark.parametrize(
    ("configured", "kept"),
    [
        (("123M,high", "72M,low"), True),
        # kdump-commandline.service writes the low part first: the order is no difference
        (("72M,low", "123M,high"), True),
        (("139M,high", "72M,low"), True),
        (("119M,high", "68M,low"), True),
        (("140M,high", "72M,low"), False),
        (("118M,high", "72M,low"), False),
        (("123M,high", "67M,low"), False),
        (("123M,high",), False),
        (("195M",), False),
        (("123M,high", "72M,low", "512M"), False),
        (("123M,high", "123M,high"), False),
        (("512M-:123M",), False),
        (("auto",), False),
        ((), False),
    ],
)
def test_what_is_within_kdumps_own_tolerance_stays(configured: tuple[str, ...], kept: bool) -> None:
    wanted = configured if kept else ("123M,high", "72M,low")
    files = {**grub(*configured), KDUMP: (FILES.parent / "opensuse-tumbleweed" / "sysconfig-kdump").read_bytes()}
    assert value(sizing(files=files)) == " crashkernel=".join(wanted)


def test_what_is_configured_is_read_where_the_boot_loader_reads_it() -> None:
    files = {
        **grub("300M,high", "72M,low"),
        "/etc/sysconfig/bootloader": b'LOADER_TYPE="systemd-boot"\n',
        "/etc/kernel/cmdline": b"quiet crashkernel=72M,low crashkernel=130M,high\n",
    }
    assert value(sizing(files=files)) == "72M,low crashkernel=130M,high"


def test_more_stays_where_no_service_brings_it_down_again() -> None:
    more = grub("300M,high", "72M,low")
    found = recommend_suse(sizing(files=more), "SLES")
    assert (found.value, found.size_bytes) == ("300M,high crashkernel=72M,low", 372 * MIB)
    assert "stays" in found.why
    assert found.value != found.packaged_value
    settings = (FILES.parent / "opensuse-tumbleweed" / "sysconfig-kdump").read_bytes()
    for line in (
        b"KDUMP_UPDATE_BOOTLOADER=false\n",
        b'KDUMP_CRASHKERNEL="crashkernel=300M,high crashkernel=72M,low"\n',
    ):
        assert value(sizing(files={**more, KDUMP: settings + line})) == "300M,high crashkernel=72M,low"
    # less does not, nor does a pair of which one part is less
    for tokens in (("300M,high", "64M,low"), ("100M,high", "72M,low")):
        assert value(sizing(files=grub(*tokens))) == "123M,high crashkernel=72M,low"


@pytest.mark.parametrize(
    ("terabytes", "expected"),
    [
        (1.9, "123M,high crashkernel=72M,low"),
        (2, "246M,high crashkernel=144M,low"),
        (2.9, "246M,high crashkernel=144M,low"),
        (6, "738M,high crashkernel=432M,low"),
        # never more than there is room for
        (200, "13824M,high crashkernel=2455M,low"),
    ],
)
def test_several_terabytes_are_multiplied(terabytes: float, expected: str) -> None:
    found = recommend_suse(sizing(ram=int(terabytes * TIB)), "SLES")
    assert found.value == expected
    assert ("taken" in found.why) == (terabytes >= 2)
    assert found.packaged_value == "123M,high crashkernel=72M,low"


def test_a_paravirtual_guest_is_refused() -> None:
    with pytest.raises(UnsupportedHost, match="Xen"):
        recommend_suse(sizing("Total: 0\nLow: 0\nHigh: 0\n"), "SLES")


@pytest.mark.parametrize("estimate", [None, "", "kdumptool: no such command\n", "Total: 1\nLow: x\nHigh: 1\n"])
def test_without_an_answer_the_size_of_ram_decides(estimate: str | None) -> None:
    found = recommend_suse(sizing(estimate), "SLES")
    assert found.value == "256M,high crashkernel=72M,low"
    assert "gave no answer" in found.why
    assert value(sizing(estimate, 2 * GIB)) == "192M"
    assert value(sizing(estimate, 128 * GIB)) == "512M,high crashkernel=72M,low"
    assert value(sizing(estimate, 8 * GIB, "aarch64")) == "320M"


def test_without_an_answer_what_is_configured_and_large_enough_stays() -> None:
    assert value(sizing(None, files=grub("300M,high", "72M,low"))) == "300M,high crashkernel=72M,low"
    assert value(sizing(None, files=grub("1G-:512M"))) == "1G-:512M"
    assert value(sizing(None, files=grub("128M"))) == "256M,high crashkernel=72M,low"
    # case 7: a range that begins above what is there reserves nothing
    assert value(sizing(None, 1900 * MIB, files=grub("2G-:512M"))) == "192M"


def test_a_machine_without_any_rule_keeps_what_reserves_something_or_is_refused() -> None:
    assert value(sizing(None, 8 * GIB, "s390x", grub("256M"))) == "256M"
    with pytest.raises(UnsupportedHost, match="s390x"):
        recommend_suse(sizing(None, 8 * GIB, "s390x"), "SLES")
