"""What kdumpctl asks the machine, parsed and really asked."""

from __future__ import annotations

import subprocess

import pytest

from kdumpkit.errors import ParseError
from kdumpkit.facts.el_machine import ElMachine, el_machine_command, parse_el_machine
from kdumpkit.facts.unknown import Unknown


def told(*lines: str) -> ElMachine:
    return parse_el_machine("".join(f"{line}\n" for line in ("log\t900", *lines)).encode(), (7,))


@pytest.mark.parametrize(
    ("line", "features"),
    [
        ("Memory Encryption Features active: AMD SME", "SME"),
        ("Memory Encryption Features active: AMD SEV SEV-ES SEV-SNP", "SEV SEV-ES SEV-SNP"),
        ("AMD Memory Encryption Features active: SEV", "SEV"),
        ("AMD Secure Memory Encryption (SME) active", "SME"),
        ("AMD Secure Encrypted Virtualization (SEV) active", "SEV"),
        ("Memory Encryption Features active: Intel TDX", ""),
    ],
)
def test_memory_encryption(line: str, features: str) -> None:
    assert told(f"encryption\t{line}").memory_encryption == features


def test_a_log_that_could_not_be_read_is_not_a_machine_without_encryption() -> None:
    assert told().memory_encryption == ""
    found = parse_el_machine(b"log\t0\napicid\t4\n", (7,)).memory_encryption
    assert isinstance(found, Unknown)
    assert found.records == (7,)


def test_processor_watchdogs_and_image() -> None:
    found = told("apicid\t4", "watchdog\tiTCO_wdt", "watchdog\thpwdt", "watchdog\thpwdt", "watchdog\ta b; reboot")
    assert (found.boot_apic_id, found.watchdog_drivers) == (4, ("iTCO_wdt", "hpwdt"))
    assert (found.image, found.unified, found.graviton) == (None, False, False)
    arm = told("model\tAWS Graviton3 AWS Graviton3 CPU @ 2.6GHz", "image\t/boot/vmlinuz-6.1")
    assert (arm.boot_apic_id, arm.graviton, arm.unified) == (None, True, False)
    # the first place that has one, as kdumpctl looks
    assert told("image\t/boot/efi/EFI/Linux/x-6.1.efi", "image\t/efi/EFI/Linux/x-6.1.efi").unified


@pytest.mark.parametrize("text", [b"", b"apicid\t0\n", b"log\tmany\n", b"log\t1\napicid\tx\n", b"log\t1\nsudo: no\n"])
def test_what_is_no_answer(text: bytes) -> None:
    with pytest.raises(ParseError):
        parse_el_machine(text)


def test_the_real_script_answers_on_any_linux() -> None:
    done = subprocess.run(el_machine_command("0.0-none").argv, capture_output=True, check=True)
    found = parse_el_machine(done.stdout)
    assert found.image is None
    assert done.stderr == b""
