from __future__ import annotations

from pathlib import Path

import pytest

from kdumpkit.distributions import distribution_for
from kdumpkit.distributions.answers import CaptureFacts, FileEdit, SettingsWanted, SizingFacts
from kdumpkit.distributions.base import Distribution
from kdumpkit.errors import GateClosed, ParameterError, UnsupportedHost
from kdumpkit.facts.kdump_settings import KdumpSettings
from kdumpkit.facts.kdump_tools import PATH, kdump_tools_settings, parse_kdump_tools
from kdumpkit.facts.kernel_command_line import parse_kernel_command_line
from kdumpkit.facts.os_release import OsRelease

REAL = Path(__file__).parent / "debian-12"
MIB, GIB = 1 << 20, 1 << 30
RELEASE = "6.1.0-55-cloud-amd64"


def make(identity: str = "debian", version: str | None = "12", like: tuple[str, ...] = ()) -> Distribution:
    return distribution_for(OsRelease(identity, like, version, None))


DEBIAN = make()
UBUNTU = make("ubuntu", "24.04", ("debian",))


def settings(**lines: str) -> KdumpSettings:
    text = (REAL / "kdump-tools").read_text() + "".join(f'{name}="{value}"\n' for name, value in lines.items())
    return kdump_tools_settings(parse_kdump_tools(text.encode()))


# Packages


def test_what_is_needed_is_what_kdump_tools_needs_without_recommended_packages() -> None:
    needed = {need.name for need in DEBIAN.package_needs() if need.required}
    # Recommends of kdump-tools 1:1.8.1, which are not installed on their own
    assert {"makedumpfile", "initramfs-tools-core", "kdump-tools", "kexec-tools"} <= needed
    assert all(need.why for need in DEBIAN.package_needs())


def test_installing_upgrades_and_removes_nothing_and_asks_nothing() -> None:
    update, answer, install = DEBIAN.install_commands(["kdump-tools", "kexec-tools"])
    assert update.argv[-1] == "update"
    assert answer.stdin == b"kexec-tools kexec-tools/load_kexec boolean false\n"
    assert install.argv[:2] == ("env", "DEBIAN_FRONTEND=noninteractive")
    assert {"--no-upgrade", "--no-remove", "--no-install-recommends", "--yes"} <= set(install.argv)
    assert install.argv[-3:] == ("--", "kdump-tools", "kexec-tools")
    assert install.as_root
    assert len(DEBIAN.install_commands(["crash"], refresh=False)) == 1


def test_a_name_that_is_an_option_is_refused() -> None:
    with pytest.raises(ParameterError):
        DEBIAN.install_commands(["--allow-remove-essential"])
    with pytest.raises(ParameterError):
        DEBIAN.install_commands([])


def test_a_kernel_is_never_removed() -> None:
    assert DEBIAN.remove_command([f"linux-image-{RELEASE}"]) is None
    symbols = DEBIAN.remove_command([f"linux-image-{RELEASE}-dbg"])
    assert symbols is not None
    assert symbols.argv[-1] == f"linux-image-{RELEASE}-dbg"
    # what somebody else has installed on top is not taken along: dpkg refuses, where apt-get would remove it
    assert "apt-get" not in symbols.argv


OFFERED = """linux-image-6.1.0-56-cloud-amd64-dbg
linux-image-6.1.0-9-cloud-amd64
linux-image-6.1.0-50-cloud-amd64
linux-image-6.1.0-56-cloud-amd64-unsigned
linux-image-6.1.0-56-amd64
linux-image-6.1.0-56-cloud-amd64
linux-image-6.1.0-56-rt-amd64
linux-image-6.12.43+deb12-cloud-amd64
linux-image-cloud-amd64
linux-image-amd64-signed-template
"""


@pytest.mark.parametrize(
    ("running", "installed", "expected"),
    [
        ("6.1.0-50-cloud-amd64", [], "linux-image-6.1.0-56-cloud-amd64"),
        ("6.1.0-56-cloud-amd64", [], "linux-image-6.1.0-50-cloud-amd64"),
        ("6.1.0-56-cloud-amd64", ["6.1.0-50-cloud-amd64"], "linux-image-6.1.0-9-cloud-amd64"),
        ("6.1.0-9-amd64", [], "linux-image-6.1.0-56-amd64"),
        ("6.1.0-56-amd64", [], None),
        # no other of the same version is left: a backport is better than none
        ("6.9.7-cloud-amd64", ["6.1.0-56-cloud-amd64"], "linux-image-6.12.43+deb12-cloud-amd64"),
        ("6.1.0-56-own", [], None),
    ],
)
def test_a_second_kernel_has_the_same_flavour(running: str, installed: list[str], expected: str | None) -> None:
    assert DEBIAN.second_kernel(running, installed, OFFERED) == expected


def test_symbols_of_debian_and_ubuntu() -> None:
    debian = DEBIAN.symbol_packages(RELEASE)
    assert debian.packages == ("linux-image-6.1.0-55-cloud-amd64-dbg",)
    # seen in linux-image-6.1.0-56-cloud-amd64-dbg 6.1.192-2
    assert debian.vmlinux_path == "/usr/lib/debug/boot/vmlinux-6.1.0-55-cloud-amd64"
    ubuntu = UBUNTU.symbol_packages("6.8.0-45-generic")
    assert "linux-image-unsigned-6.8.0-45-generic-dbgsym" in ubuntu.packages
    assert "ddebs" in ubuntu.if_not_found
    with pytest.raises(ParameterError):
        DEBIAN.symbol_packages("6.1; reboot")


# Reservation


def sizing(ram: int, machine: str, packaged: str) -> SizingFacts:
    line = f'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT crashkernel={packaged}"\n'
    return SizingFacts(ram, machine, RELEASE, {"/etc/default/grub.d/kdump-tools.cfg": line.encode()})


@pytest.mark.parametrize(
    ("ram", "machine", "packaged", "value", "size_mib"),
    [
        # 128M by the packaged rule is too small from 1 GiB on
        (1 * GIB, "x86_64", "384M-:128M", "192M", 192),
        (2 * GIB, "x86_64", "384M-:128M", "192M", 192),
        (4 * GIB, "x86_64", "384M-:128M", "256M", 256),
        # a machine of 4 GiB has a little less System RAM
        (4 * GIB - 100 * MIB, "x86_64", "384M-:128M", "256M", 256),
        (256 * GIB, "x86_64", "512M-:192M", "512M", 512),
        # the packaged value stays where it is enough
        (2 * GIB, "x86_64", "512M-:192M", "512M-:192M", 192),
        (768 * MIB, "x86_64", "384M-:128M", "384M-:128M", 128),
        (8 * GIB, "x86_64", "1G", "1G", 1024),
        # below the first range nothing is reserved
        (1 * GIB, "aarch64", "2G-4G:320M,4G-32G:512M", "256M", 256),
        (8 * GIB, "aarch64", "2G-4G:320M,4G-32G:512M", "2G-4G:320M,4G-32G:512M", 512),
        # a machine without a rule of ours keeps what reserves something
        (4 * GIB, "s390x", "384M-:128M", "384M-:128M", 128),
    ],
)
def test_the_packaged_rule_is_evaluated_and_raised_where_it_is_too_small(
    ram: int, machine: str, packaged: str, value: str, size_mib: int
) -> None:
    found = DEBIAN.recommend_crashkernel(sizing(ram, machine, packaged))
    assert (found.value, found.size_bytes) == (value, size_mib * MIB)
    assert found.packaged_value == packaged
    assert found.why
    assert found.source


def test_a_packaged_rule_that_reserves_nothing_is_named() -> None:
    found = DEBIAN.recommend_crashkernel(sizing(1536 * MIB, "aarch64", "2G-4G:320M"))
    assert found.packaged_bytes == 0
    assert "reserves nothing" in found.why
    with pytest.raises(UnsupportedHost, match="riscv64"):
        DEBIAN.recommend_crashkernel(sizing(1 * GIB, "riscv64", "2G-:320M"))


@pytest.mark.parametrize(
    ("identity", "version", "machine", "value"),
    [
        ("debian", "11", "x86_64", "384M-:128M"),
        ("debian", "12", "x86_64", "384M-:128M"),
        ("debian", "13", "x86_64", "512M-:192M"),
        ("debian", None, "x86_64", "512M-:192M"),
        ("debian", "12", "aarch64", "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"),
        ("ubuntu", "18.04", "x86_64", "384M-:128M"),
        ("ubuntu", "20.04", "x86_64", "512M-:192M"),
        ("ubuntu", "24.04", "x86_64", "512M-:192M"),
        ("ubuntu", "24.10", "x86_64", "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"),
        ("ubuntu", "26.04", "x86_64", "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"),
        ("ubuntu", "22.04", "x86_64", "512M-:192M"),
        ("ubuntu", "22.04", "aarch64", "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"),
        ("ubuntu", "25.04", "aarch64", "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"),
        ("ubuntu", "22.04", "s390x", "384M-:128M"),
        ("ubuntu", "26.04", "s390x", "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"),
        ("debian", "12", "s390x", "384M-:128M"),
        ("debian", "13", "s390x", "384M-:128M"),
    ],
)
def test_defaults_by_version(identity: str, version: str | None, machine: str, value: str) -> None:
    assert make(identity, version).recommend_crashkernel(SizingFacts(8 * GIB, machine)).packaged_value == value


# Service and loading


def test_the_shipped_settings_are_on_and_stay_byte_for_byte() -> None:
    shipped = (REAL / "kdump-tools").read_bytes()
    assert DEBIAN.edit_settings({PATH: shipped}, SettingsWanted()) == ()


@pytest.mark.parametrize(
    ("content", "after"),
    [
        (b"USE_KDUMP=0\n", b"USE_KDUMP=1\n"),
        (b"USE_KDUMP=1\nUSE_KDUMP=0\n", b"USE_KDUMP=1\nUSE_KDUMP=1\n"),
        (b"#USE_KDUMP=1\n", b"#USE_KDUMP=1\nUSE_KDUMP=1\n"),
        (b"USE_KDUMP = 1\n", b"USE_KDUMP=1\n"),
        (b"USE_KDUMP= 1\n", b"USE_KDUMP=1\n"),
        (b"USE_KDUMP=true\nA=b", b"USE_KDUMP=1\nA=b"),
        (b'USE_KDUMP="1"  # on\n', b'USE_KDUMP="1"  # on\n'),
        (b"export USE_KDUMP=1\n", b"export USE_KDUMP=1\n"),
        (b"USE_KDUMP=1\r\nA=b\n", b"USE_KDUMP=1\nA=b\n"),
        (b"A=b", b"A=b\nUSE_KDUMP=1\n"),
        (b"", b"USE_KDUMP=1\n"),
    ],
)
def test_switching_on(content: bytes, after: bytes) -> None:
    edits = DEBIAN.edit_settings({PATH: content}, SettingsWanted())
    assert edits == (() if content == after else (FileEdit(PATH, content, after),))
    assert DEBIAN.edit_settings({PATH: after}, SettingsWanted()) == ()


def test_without_a_settings_file_one_is_made_that_names_the_kdump_initramfs() -> None:
    (edit,) = DEBIAN.edit_settings({}, SettingsWanted())
    assert (edit.path, edit.before) == (PATH, None)
    made = parse_kdump_tools(edit.after or b"")
    assert (made.use_kdump, made.initrd) == ("1", "/var/lib/kdump/initrd.img")


def test_directory_collector_and_level_are_set_and_nothing_else_is_touched() -> None:
    shipped = (REAL / "kdump-tools").read_bytes()
    (edit,) = DEBIAN.edit_settings({PATH: shipped}, SettingsWanted(directory="/srv/dumps", dump_level=1))
    meaning = kdump_tools_settings(parse_kdump_tools(edit.after or b""))
    assert (meaning.directory, meaning.dump_level) == ("/srv/dumps", 1)
    changed = [line for line in (edit.after or b"").split(b"\n") if line not in shipped.split(b"\n")]
    assert len(changed) == 2
    (edit,) = DEBIAN.edit_settings({PATH: shipped}, SettingsWanted(collector="makedumpfile -l -d 17", dump_level=31))
    assert kdump_tools_settings(parse_kdump_tools(edit.after or b"")).collector == "makedumpfile -l -d 31 -F"
    with pytest.raises(ParameterError, match="always makedumpfile"):
        DEBIAN.edit_settings({PATH: shipped}, SettingsWanted(collector="cp"))


LINE = parse_kernel_command_line(
    b"BOOT_IMAGE=/boot/vmlinuz-6.1.0-55-cloud-amd64 root=UUID=6f7c ro hugepagesz=1G hugepages=4 console=ttyS0 "
    b'crashkernel=256M abm=7 hugepages dyndbg="file a.c +p" quiet\n'
)


def test_kexec_by_debians_own_rules() -> None:
    found = DEBIAN.kexec_load(CaptureFacts(RELEASE, "x86_64"), command_line=LINE, root=None, signed=False)
    # what kdump_load() of kdump-config 1:1.8.1 makes of the same command line
    assert found.command.argv == (
        "kexec",
        "-p",
        "--command-line=BOOT_IMAGE=/boot/vmlinuz-6.1.0-55-cloud-amd64 root=UUID=6f7c ro console=ttyS0 "
        # taken out only as NAME=VALUE
        "hugepages "
        'dyndbg="file a.c +p" quiet '
        "reset_devices systemd.unit=kdump-tools-dump.service nr_cpus=1 irqpoll usbcore.nousb",
        "--initrd=/var/lib/kdump/initrd.img-6.1.0-55-cloud-amd64",
        "/boot/vmlinuz-6.1.0-55-cloud-amd64",
    )
    assert found.removed == ("hugepagesz=1G", "hugepages=4", "crashkernel=256M", "abm=7")
    assert found.unload.argv == ("kexec", "-p", "-u")
    assert found.command.as_root


def test_secure_boot_and_lockdown_use_signed_images_both_ways() -> None:
    found = DEBIAN.kexec_load(CaptureFacts(RELEASE, "x86_64"), command_line=LINE, root=None, signed=True)
    assert found.command.argv[:3] == ("kexec", "-p", "-s")
    assert found.unload.argv == ("kexec", "-s", "-p", "-u")
    assert any(reason.startswith("-s") for reason in found.reasons)


@pytest.mark.parametrize(
    ("machine", "kernel", "added"),
    [
        ("aarch64", f"/boot/vmlinuz-{RELEASE}", "nr_cpus=1"),
        ("ppc64le", f"/boot/vmlinux-{RELEASE}", "usbcore.nousb"),
    ],
)
def test_other_machines(machine: str, kernel: str, added: str) -> None:
    found = DEBIAN.kexec_load(CaptureFacts(RELEASE, machine), command_line=LINE, root=None, signed=False)
    assert found.kernel == kernel
    assert found.added[-1] == added
    assert ("--args-linux" in found.command.argv) == (machine == "ppc64le")


def test_settings_of_the_host_decide() -> None:
    own = settings(KDUMP_CMDLINE_APPEND="maxcpus=1 single", KDUMP_KEXEC_ARGS="--elf64-core-headers")
    found = DEBIAN.kexec_load(CaptureFacts(RELEASE, "x86_64", own), command_line=LINE, root=None, signed=False)
    assert found.capture_command_line.endswith(" quiet maxcpus=1 single")
    assert "--elf64-core-headers" in found.command.argv
    whole = settings(KDUMP_CMDLINE="root=/dev/vda1 ro")
    found = DEBIAN.kexec_load(CaptureFacts(RELEASE, "x86_64", whole), command_line=LINE, root=None, signed=False)
    assert found.capture_command_line.startswith("root=/dev/vda1 ro reset_devices ")
    assert found.removed == ()


def test_the_shipped_links_are_resolved_to_this_release_and_other_paths_are_kept() -> None:
    assert (
        DEBIAN.capture_files(CaptureFacts(RELEASE, "x86_64", settings())).initramfs
        == f"/var/lib/kdump/initrd.img-{RELEASE}"
    )
    own = settings(KDUMP_KERNEL="/srv/vmlinuz", KDUMP_INITRD="/srv/initrd")
    files = DEBIAN.capture_files(CaptureFacts(RELEASE, "x86_64", own))
    assert (files.kernel, files.initramfs) == ("/srv/vmlinuz", "/srv/initrd")
    assert files.build.argv == ("kdump-config", "symlinks", RELEASE)


def test_root_is_added_where_the_running_line_has_none() -> None:
    bare = parse_kernel_command_line(b"console=ttyS0 -- single\n")
    found = DEBIAN.kexec_load(
        CaptureFacts(RELEASE, "x86_64"), command_line=bare, root="/dev/mapper/vg-root", signed=False
    )
    assert found.capture_command_line.startswith("console=ttyS0 root=/dev/mapper/vg-root reset_devices")
    assert found.capture_command_line.endswith(" -- single")
    with pytest.raises(GateClosed, match="root="):
        DEBIAN.kexec_load(CaptureFacts(RELEASE, "x86_64"), command_line=bare, root=None, signed=False)


def test_a_host_that_boots_by_zipl_is_told_its_own_way() -> None:
    with pytest.raises(UnsupportedHost) as caught:
        DEBIAN.edit_crashkernel({}, "256M")
    assert "crashkernel=256M" in caught.value.hint
    assert "/etc/zipl.conf" in caught.value.hint


def test_ubuntus_new_values_reserve_nothing_below_2_gib() -> None:
    # case 7: a machine of 1.9 GB has less than the 2 GiB at which the ranges begin
    noble = make("ubuntu", "24.10", ("debian",))
    found = noble.recommend_crashkernel(SizingFacts(1800 * MIB, "x86_64"))
    assert found.packaged_bytes == 0
    assert "reserves nothing" in found.why
    assert (found.value, found.size_bytes) == ("192M", 192 * MIB)
