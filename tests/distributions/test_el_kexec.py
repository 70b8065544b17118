"""What Enterprise Linux and its kin load as the capture kernel."""

from __future__ import annotations

import pytest

from kdumpkit.command import command
from kdumpkit.distributions.answers import CaptureFacts, KexecLoad
from kdumpkit.distributions.el_kexec import (
    ALWAYS_REMOVED,
    append_list,
    el_capture_files,
    el_kexec_load,
    remove_list,
)
from kdumpkit.errors import ParameterError
from kdumpkit.facts.el_machine import ElMachine
from kdumpkit.facts.kdump_conf import parse_kdump_conf
from kdumpkit.facts.kdump_settings import KdumpSettings
from kdumpkit.facts.kernel_command_line import parse_kernel_command_line
from kdumpkit.facts.sysconfig_kdump_el import el_settings, parse_sysconfig_kdump

RELEASE = "5.14.0-427.el9.x86_64"
LVM = (
    b"BOOT_IMAGE=(hd0,gpt2)/vmlinuz root=/dev/mapper/rhel-root ro crashkernel=256M rd.lvm.lv=rhel/root "
    b"rd.lvm.lv=rhel/swap rd.luks.uuid=luks-1 quiet log_buf_len=4M console= hugepages=8 slub_debug\n"
)
BUILD = command("kdumpctl", "rebuild", as_root=True)


def settings(**lines: str) -> KdumpSettings:
    text = "".join(f'{name}="{value}"\n' for name, value in lines.items())
    return el_settings(parse_kdump_conf(b"path /var/crash\n"), parse_sysconfig_kdump(text.encode()))


def load(
    version: tuple[int, ...] = (9, 4),
    machine: str = "x86_64",
    line: bytes = LVM,
    *,
    signed: bool = False,
    given: KdumpSettings | None = None,
    told: ElMachine | None = None,
    utils: tuple[int, ...] | None = None,
) -> KexecLoad:
    host = CaptureFacts(RELEASE, machine, given, told)
    files = el_capture_files(host, BUILD, utils)
    parsed = parse_kernel_command_line(line)
    return el_kexec_load(files, version, host, parsed, "/dev/mapper/rhel-root", signed, utils)


def test_the_command_on_el_9_with_root_on_lvm() -> None:
    found = load()
    assert found.command.argv[:3] == ("kexec", "-s", "-p")
    assert found.command.argv[-2:] == (f"--initrd=/boot/initramfs-{RELEASE}kdump.img", f"/boot/vmlinuz-{RELEASE}")
    words = found.capture_command_line.split()
    # the initramfs carries the target: nothing of root, LVM or LUKS is left, and NAME= without a value neither
    assert words[:2] == ["BOOT_IMAGE=(hd0,gpt2)/vmlinuz", "ro"]
    assert not any(
        word.startswith(("root=", "rd.l", "crashkernel", "console", "hugepages=", "slub", "quiet")) for word in words
    )
    assert words[2:] == append_list((9,), "x86_64").split()
    assert set(found.removed) == {
        "root=/dev/mapper/rhel-root", "crashkernel=256M", "rd.lvm.lv=rhel/root", "rd.lvm.lv=rhel/swap",
        "rd.luks.uuid=luks-1", "quiet", "log_buf_len=4M", "hugepages=8", "slub_debug",
    }  # fmt: skip
    assert found.unload.argv == ("kexec", "-s", "-p", "-u")
    assert found.signed


@pytest.mark.parametrize(
    ("version", "machine", "has", "has_not"),
    [
        ((7,), "x86_64", "hest_disable", "rootflags=nofail"),
        ((8, 6), "x86_64", "rootflags=nofail", "pcie_ports=compat"),
        ((9,), "x86_64", "pcie_ports=compat", "kfence.sample_interval=0"),
        ((), "x86_64", "kfence.sample_interval=0", "rootflags=nofail"),
        ((9,), "aarch64", "swiotlb=noforce", "mce=off"),
        ((9,), "ppc64le", "nr_cpus=16", "nr_cpus=1"),
        ((9,), "s390x", "vmcp_cma=0", "irqpoll"),
        ((9,), "riscv64", "maxcpus=1", "mce=off"),
    ],
)
def test_what_is_added_by_release_and_machine(version: tuple[int, ...], machine: str, has: str, has_not: str) -> None:
    words = append_list(version, machine).split()
    assert has in words
    assert has_not not in words
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("version", "machine", "has", "has_not"),
    [
        ((7,), "x86_64", "kaslr", "quiet"),
        ((8,), "x86_64", "quiet", "ignition.firstboot"),
        ((9,), "x86_64", "cma", "vmcp_cma"),
        ((), "s390x", "zfcp.allow_lun_scan", "kaslr"),
        ((9,), "ppc64le", "hugetlb_cma", "cma"),
    ],
)
def test_what_is_left_out_by_release_and_machine(
    version: tuple[int, ...], machine: str, has: str, has_not: str
) -> None:
    words = remove_list(version, machine).split()
    assert has in words
    assert has_not not in words


def test_file_load_is_the_default_since_el_8_and_forced_by_secure_boot() -> None:
    assert "-s" in load((8,)).command.argv
    seven = load((7,))
    assert "-s" not in seven.command.argv
    assert seven.unload.argv == ("kexec", "-p", "-u")
    assert load((7,), signed=True).command.argv[:3] == ("kexec", "-s", "-p")
    assert "-s" not in load((), "riscv64").command.argv


def test_the_settings_take_the_place_of_the_lists() -> None:
    given = settings(KDUMP_COMMANDLINE_REMOVE="ro", KDUMP_COMMANDLINE_APPEND="nr_cpus=2", KEXEC_ARGS="-c")
    found = load(given=given)
    words = found.capture_command_line.split()
    assert "ro" not in words
    # what is always taken out is taken out all the same
    assert not any(word.partition("=")[0] in ALWAYS_REMOVED for word in words)
    assert "quiet" in words
    assert found.added == ("nr_cpus=2",)
    assert found.command.argv[:3] == ("kexec", "-c", "-p")
    replaced = load(given=settings(KDUMP_COMMANDLINE="root=/dev/sda1 single"))
    assert replaced.capture_command_line.startswith("single ")
    assert any("KDUMP_COMMANDLINE" in reason for reason in replaced.reasons)


def test_another_kernel_is_loaded_where_the_settings_name_one() -> None:
    found = load(given=settings(KDUMP_KERNELVER="5.14.0-70.el9.x86_64"))
    assert found.kernel == "/boot/vmlinuz-5.14.0-70.el9.x86_64"
    assert found.initramfs == "/boot/initramfs-5.14.0-70.el9.x86_64kdump.img"


def test_words_of_the_machine() -> None:
    told = ElMachine("", 4, ("iTCO_wdt", "hpwdt"))
    words = load(told=told).added
    assert words[-4:] == (
        "disable_cpu_apicid=4",
        "iTCO_wdt.pretimeout=0",
        "hpwdt.pretimeout=0",
        "hpwdt.kdumptimeout=0",
    )
    # kexec-tools of EL 7 knows the first of them alone
    assert [word for word in load((7,), told=told).added if "=4" in word or "timeout" in word] == [
        "disable_cpu_apicid=4"
    ]
    silent = load()
    assert not any("apicid" in word for word in silent.added)
    assert "it did not tell" in " ".join(silent.reasons)


@pytest.mark.parametrize(
    ("version", "utils", "image", "there"),
    [
        ((8, 10), None, "unified", False),
        # kexec-tools of EL 9 adds it for unified images alone, as kdump-utils did at first
        ((9, 4), None, "plain", False),
        ((9, 4), None, "unified", True),
        ((), (1, 0, 44), "plain", False),
        ((), (1, 0, 44), "unified", True),
        ((10, 1), (1, 0, 61), "plain", True),
        # where it is not known, the word that keeps a capture kernel from waiting is there
        ((10, 0), (1, 0, 54), "plain", True),
        ((), None, "plain", True),
    ],
)
def test_systemds_search_for_a_root_is_turned_off_by_what_is_installed(
    version: tuple[int, ...], utils: tuple[int, ...] | None, image: str, there: bool
) -> None:
    path = f"/boot/efi/EFI/Linux/0f2b-{RELEASE}.efi" if image == "unified" else f"/boot/vmlinuz-{RELEASE}"
    found = load(version, told=ElMachine("", image=path), utils=utils)
    assert ("rd.systemd.gpt_auto=no" in found.added) is there
    assert ("rd.systemd.gpt_auto=no" in found.capture_command_line.split()) is there
    assert any("gpt_auto" in reason for reason in found.reasons) is there


def test_no_irqpoll_on_graviton() -> None:
    line = LVM.rstrip() + b" irqpoll\n"
    assert "irqpoll" in load(machine="aarch64", line=line, told=ElMachine("")).capture_command_line.split()
    found = load(machine="aarch64", line=line, told=ElMachine("", graviton=True))
    assert "irqpoll" not in found.capture_command_line.split()
    assert "irqpoll" not in found.added


def test_a_unified_kernel_image_is_loaded_itself() -> None:
    image = f"/boot/efi/EFI/Linux/0f2b-{RELEASE}.efi"
    found = load(told=ElMachine("", image=image))
    assert (found.kernel, found.command.argv[-1]) == (image, image)
    assert found.initramfs == f"/boot/initramfs-{RELEASE}kdump.img"
    assert any("unified kernel image" in reason for reason in found.reasons)
    # since the version that was read it lies where the EFI partition need not be written
    new = load((), told=ElMachine("", image=image), utils=(1, 0, 61))
    assert new.initramfs == f"/var/lib/kdump/initramfs-{RELEASE}kdump.img"
    assert load((), told=ElMachine(""), utils=(1, 0, 61)).initramfs == f"/boot/initramfs-{RELEASE}kdump.img"
    # kernel and initramfs apart, and what the settings name, stay as they are
    assert load(told=ElMachine("", image="/boot/0f2b/linux")).kernel == f"/boot/vmlinuz-{RELEASE}"
    named = settings(KDUMP_KERNELVER="5.14.0-70.el9.x86_64")
    assert load(told=ElMachine("", image=image), given=named).kernel == "/boot/vmlinuz-5.14.0-70.el9.x86_64"


def test_open_quotes() -> None:
    with pytest.raises(ParameterError, match="open quote"):
        load(given=settings(KEXEC_ARGS="--reuse-cmdline='x"))
