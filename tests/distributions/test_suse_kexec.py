"""The explicit kexec of SUSE: what load.sh of kdump 2.1 takes out and adds, and which files it loads."""

from __future__ import annotations

import pytest

from kdumpkit.distributions import distribution_for
from kdumpkit.distributions.answers import CaptureFacts, KexecLoad
from kdumpkit.errors import ParameterError
from kdumpkit.facts.kdump_settings import KdumpSettings
from kdumpkit.facts.kernel_command_line import KernelCommandLine, parse_kernel_command_line
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.sysconfig_kdump import parse_sysconfig_kdump
from kdumpkit.facts.sysconfig_kdump_settings import sysconfig_kdump_settings

RELEASE = "5.14.21-150500.55.52-default"
LINE = parse_kernel_command_line(
    b"BOOT_IMAGE=/boot/vmlinuz-5.14.21-150500.55.52-default root=UUID=3abe6454 splash=silent resume=/dev/sda3 "
    b"mitigations=auto quiet showopts notsc console=hvc0 console=ttyS0,115200 hugepages=4 mem=2G rd.lvm.lv=vg/root "
    b'crashkernel=300M,high crashkernel=72M,low unknown_nmi_panic dyndbg="file a.c +p" cgroup_disable=memory\n'
)


def settings(text: str) -> KdumpSettings:
    return sysconfig_kdump_settings(parse_sysconfig_kdump(text.encode()))


def load(
    version: str = "15.5",
    machine: str = "x86_64",
    line: KernelCommandLine = LINE,
    *,
    signed: bool = False,
    given: KdumpSettings | None = None,
) -> KexecLoad:
    suse = distribution_for(OsRelease("sles", (), version, None))
    return suse.kexec_load(CaptureFacts(RELEASE, machine, given), command_line=line, root=None, signed=signed)


def test_kexec_by_suses_own_rules() -> None:
    found = load()
    assert found.command.argv == (
        "kexec",
        "-p",
        "/var/lib/kdump/kernel",
        '--append=mitigations=auto quiet console=ttyS0,115200 rd.lvm.lv=vg/root dyndbg="file a.c +p" '
        "sysrq=yes reset_devices acpi_no_memhotplug cgroup_disable=memory nokaslr numa=off irqpoll nr_cpus=1 "
        "root=kdump rootflags=bind rd.udev.children-max=8 panic=1",
        "--initrd=/var/lib/kdump/initrd",
        "-a",
    )
    assert found.command.as_root
    assert found.unload.argv == ("kexec", "-p", "-u")
    assert {"root=UUID=3abe6454", "crashkernel=300M,high", "crashkernel=72M,low", "showopts", "mem=2G", "notsc"} <= set(
        found.removed
    )
    assert "console=hvc0" in found.removed
    assert "console=ttyS0,115200" not in found.removed
    assert any("disable_cpu_apicid" in reason for reason in found.reasons)


def test_secure_boot_and_lockdown_use_signed_images_only() -> None:
    found = load(signed=True)
    assert found.command.argv[-1] == "-s"
    assert "-a" not in found.command.argv
    assert found.signed


def test_an_older_release_loads_from_boot_and_knows_one_way() -> None:
    found = load("12.5")
    assert (found.kernel, found.initramfs) == (f"/boot/vmlinuz-{RELEASE}", f"/boot/initrd-{RELEASE}-kdump")
    assert "-a" not in found.command.argv
    files = distribution_for(OsRelease("sles", (), "12.5", None)).capture_files(CaptureFacts(RELEASE, "x86_64"))
    assert files.build.argv == ("mkdumprd", "-K", RELEASE)
    new = distribution_for(OsRelease("sles", (), "15.5", None)).capture_files(CaptureFacts(RELEASE, "x86_64"))
    assert (new.kernel_link, new.build.argv) == ("/var/lib/kdump/kernel", ("mkdumprd",))


@pytest.mark.parametrize(
    ("machine", "there", "gone"),
    [
        ("aarch64", ["notsc", "console=hvc0"], ["mem=2G"]),
        ("s390x", ["zfcp.allow_lun_scan=0"], ["root=UUID=3abe6454"]),
    ],
)
def test_other_machines(machine: str, there: list[str], gone: list[str]) -> None:
    words = load(machine=machine).capture_command_line.split()
    assert set(there) <= set(words)
    assert not set(gone) & set(words)


def test_settings_of_the_host_decide() -> None:
    own = settings('KDUMP_COMMANDLINE_APPEND="net_delay=20 panic=30"\nKEXEC_OPTIONS="--noio --debug"\n')
    found = load(given=own)
    assert found.capture_command_line.endswith(" net_delay=20 panic=30")
    assert "panic=1" not in found.added
    assert found.command.argv[5:] == ("--noio", "--debug", "-a")
    whole = load(given=settings('KDUMP_COMMANDLINE="root=/dev/sda2 irqpoll"\nKDUMP_COMMANDLINE_APPEND="x=1"\n'))
    assert whole.capture_command_line == "root=/dev/sda2 irqpoll x=1 panic=1"
    assert whole.removed == ()
    with pytest.raises(ParameterError, match="quote"):
        load(given=settings('KEXEC_OPTIONS="--a \'b"\n'))


def test_words_for_init_stay_behind_the_dashes() -> None:
    found = load(line=parse_kernel_command_line(b"quiet -- single\n"))
    assert found.capture_command_line.endswith("panic=1 -- single")
