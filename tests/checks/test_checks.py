"""Every status of every check, by the facts of hosts that were or could be like that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kdumpkit.checks.boot import check_rebooted
from kdumpkit.checks.capture_time import CaptureTime
from kdumpkit.checks.crashkernel import (
    CrashkernelRemedies,
    check_crashkernel_configured,
    check_crashkernel_tokens,
    check_reservation,
)
from kdumpkit.checks.debug_symbols import check_debug_symbols
from kdumpkit.checks.dump_target import check_dump_file_system
from kdumpkit.checks.finding import Finding, Status
from kdumpkit.checks.kernels import (
    KernelsAsked,
    check_kernels_as_asked,
    check_newest_is_running,
    check_running_is_default,
    check_second_kernel,
)
from kdumpkit.checks.kexec import check_load_allowed, check_loaded
from kdumpkit.checks.packages import check_packages
from kdumpkit.checks.service import check_service_active, check_service_enabled
from kdumpkit.checks.settings import check_settings
from kdumpkit.checks.sysctls import check_sysctls
from kdumpkit.checks.watchdog import check_watchdog_budget
from kdumpkit.facts.boot_loader import BootLoader
from kdumpkit.facts.debug_symbols import DebugSymbols, VmlinuxFile
from kdumpkit.facts.grub import parse_grub_defaults
from kdumpkit.facts.installed_kernels import InstalledKernels
from kdumpkit.facts.kdump_settings import DumpTargetKind, KdumpSettings, SettingsProblem
from kdumpkit.facts.kernel_build_id import KernelBuildId
from kdumpkit.facts.kexec_crash import Lockdown
from kdumpkit.facts.mounts import DeviceKind
from kdumpkit.facts.packages import PackageStatus
from kdumpkit.facts.unknown import Unknown, Why
from kdumpkit.hosts.files import FileContent, NotPermitted

from . import facts
from .facts import ABSENT, DENIED, MIB, UNKNOWNS

REMEDIES = CrashkernelRemedies("update-grub", "echo crashkernel && update-grub && reboot")
PASS, WARN, FAIL, UNKNOWN, SKIP = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN, Status.SKIP


def agrees(finding: Finding, status: Status, *words: str) -> None:
    assert finding.status is status, finding
    for word in words:
        assert word in finding.reason, finding
    assert finding.reason.endswith(".")
    assert "\n" not in finding.reason
    if status is FAIL:
        assert finding.records


# crashkernel.reserved


@pytest.mark.parametrize(
    ("parts_mib", "size", "values", "wanted", "status", "words"),
    [
        ((256,), 256 * MIB, ("256M",), "256M", PASS, ["256 MiB", "crashkernel=256M"]),
        ((256,), 256 * MIB, ("256M",), None, PASS, ["256 MiB"]),
        ((128,), 128 * MIB, ("256M", "384M-:128M"), "256M", FAIL, ["128 MiB", "less than the 256 MiB"]),
        ((512,), 512 * MIB, ("512M",), "256M", WARN, ["512 MiB", "more than the 256 MiB"]),
        ((), 0, ("2G-64G:256M",), None, FAIL, ["no range matches", "2 GiB"]),
        ((), 0, (), None, FAIL, ["no crashkernel="]),
        ((), 0, ("256M",), None, FAIL, ["found no room"]),
        # high and low: two ranges are normal, and older kernels count only one of them in sysfs
        ((72, 512), 584 * MIB, ("512M,high", "72M,low"), "512M,high crashkernel=72M,low", PASS, ["72 MiB and 512 MiB"]),
        ((72, 512), 512 * MIB, ("512M,high", "72M,low"), None, PASS, ["high and low part"]),
        (
            (256, 200),
            200 * MIB,
            ("200M,high", "256M,low"),
            "200M,high crashkernel=256M,low",
            PASS,
            ["256 MiB and 200 MiB"],
        ),
        # shrunk by a write to kexec_crash_size
        ((256,), 64 * MIB, ("256M",), None, WARN, ["256 MiB", "64 MiB", "disagree"]),
        ((256,), DENIED, ("256M",), "256M", PASS, ["256 MiB"]),
        ((256,), 256 * MIB, ("256M",), "4G-:1G", FAIL, ["reserves nothing here"]),
    ],
)
def test_reservation(
    parts_mib: tuple[int, ...], size: Any, values: tuple[str, ...], wanted: str | None, status: Status, words: list[str]
) -> None:
    ram_mib = 1900 if "2G-64G:256M" in values else 2048
    found = check_reservation(
        facts.iomem(*parts_mib, ram_mib=ram_mib),
        facts.kexec(size_bytes=size),
        facts.command_line(*values),
        wanted=wanted,
    )
    assert found.id == "crashkernel.reserved"
    agrees(found, status, *(["1.875 GiB" if word == "2 GiB" else word for word in words]))
    assert 1 in found.records


def test_reservation_of_a_machine_with_less_than_two_gigabytes() -> None:
    found = check_reservation(
        facts.iomem(ram_mib=1900), facts.kexec(size_bytes=0), facts.command_line("2G-64G:256M,64G-:512M")
    )
    agrees(found, FAIL, "crashkernel=2G-64G:256M,64G-:512M", "no range matches 1.875 GiB of RAM", "nothing is reserved")


def test_reservation_by_sysfs_where_iomem_shows_zeros() -> None:
    by_sysfs = check_reservation(DENIED, facts.kexec(), facts.command_line("256M"), wanted="256M")
    agrees(by_sysfs, PASS, "256 MiB by sysfs", "not permitted")
    agrees(check_reservation(DENIED, facts.kexec(size_bytes=0), facts.command_line("1M")), FAIL)
    ranges = check_reservation(DENIED, facts.kexec(), facts.command_line("1G-:256M"), wanted="1G-:256M")
    agrees(ranges, UNKNOWN, "size of RAM")


@pytest.mark.parametrize("unknown", UNKNOWNS)
def test_reservation_unknown(unknown: Unknown) -> None:
    found = check_reservation(unknown, facts.kexec(size_bytes=unknown), unknown)
    agrees(found, UNKNOWN, unknown.source, unknown.why)
    assert found.records == (77,)


# crashkernel.tokens, crashkernel.configured


def test_two_tokens_name_both_and_the_file_of_the_winner() -> None:
    found = check_crashkernel_tokens(facts.command_line("256M", "384M-:128M"), facts.iomem(128), facts.TWO_WORDS)
    assert found.id == "crashkernel.tokens"
    agrees(
        found,
        WARN,
        "crashkernel=256M (from /etc/default/grub:1)",
        "crashkernel=384M-:128M (from /etc/default/grub.d/kdump-tools.cfg:1)",
        "384M-:128M from /etc/default/grub.d/kdump-tools.cfg:1 wins",
    )
    wanted = check_crashkernel_tokens(
        facts.command_line("256M", "384M-:128M"), facts.iomem(128), facts.TWO_WORDS, wanted="256M", remedies=REMEDIES
    )
    agrees(wanted, FAIL, "crashkernel=256M is wanted", "crashkernel=384M-:128M from")
    assert wanted.remedy.startswith(
        "sed -i 's/ *crashkernel=384M-:128M//' /etc/default/grub.d/kdump-tools.cfg && update"
    )


def test_the_remedy_takes_out_the_other_word_and_nothing_else(tmp_path: Any) -> None:
    import subprocess

    file = tmp_path / "grub"
    file.write_text('A="quiet crashkernel=1G-2G:64M@16M/x.y*[z]"\n')
    words = parse_grub_defaults(
        [(str(file), b'GRUB_CMDLINE_LINUX="crashkernel=1G-2G:64M@16M/x.y*[z] crashkernel=1M"')]
    ).crashkernel_words()
    loader = replace(facts.MENU, configured=words)
    found = check_crashkernel_tokens(
        facts.command_line("1G-2G:64M@16M/x.y*[z]", "1M"), facts.iomem(1), loader, wanted="1M", remedies=REMEDIES
    )
    agrees(found, WARN)
    command = found.remedy.split(" && ")[0]
    subprocess.run(["sh", "-c", command], check=True)
    assert file.read_text() == 'A="quiet"\n'


@pytest.mark.parametrize(
    ("values", "wanted", "status", "words"),
    [
        (("256M",), None, PASS, ["crashkernel=256M", "256 MiB"]),
        (("256M",), "256M", PASS, []),
        (("256M",), "512M", FAIL, ["crashkernel=512M is wanted"]),
        (("512M,high", "72M,low"), None, PASS, ["512 MiB above 4 GiB"]),
        (("512M,high", "72M,low"), "512M,high crashkernel=72M,low", PASS, []),
        (("512M,high", "128M,low"), "512M,high crashkernel=72M,low", FAIL, ["is wanted"]),
        (("256M", "1G,cma"), None, PASS, []),
        (("256M", "512M,high"), None, WARN, ["256M wins"]),
        (("512M,high", "256M,high"), None, WARN, ["256M,high wins"]),
        (("auto",), None, FAIL, ["auto"]),
        (("72M,low",), None, FAIL, ["neither reserves alone"]),
        (("256MB",), None, FAIL, ["not understood"]),
        (("4G-:256M",), None, FAIL, ["no range matches 2 GiB"]),
        ((), None, FAIL, ["without crashkernel="]),
    ],
)
def test_tokens(values: tuple[str, ...], wanted: str | None, status: Status, words: list[str]) -> None:
    found = check_crashkernel_tokens(
        facts.command_line(*values), facts.iomem(256), DENIED, wanted=wanted, remedies=REMEDIES
    )
    agrees(found, status, *words)
    assert (found.remedy == "") is (status is PASS or (status is WARN))


def test_tokens_that_were_configured_and_not_booted() -> None:
    found = check_crashkernel_tokens(facts.command_line(), facts.iomem(), facts.MENU)
    agrees(found, FAIL, "crashkernel=256M (from /etc/default/grub:1) is configured", "reboot")


def test_tokens_unknown() -> None:
    for unknown in UNKNOWNS:
        agrees(check_crashkernel_tokens(unknown, facts.iomem(256), facts.MENU), UNKNOWN, unknown.why)
    agrees(check_crashkernel_tokens(facts.command_line("1G-:256M"), DENIED, ABSENT), UNKNOWN, "size of RAM")
    agrees(check_crashkernel_tokens(facts.command_line("256M"), DENIED, ABSENT), PASS)


def test_configured_is_read_from_the_generated_menu() -> None:
    entry = facts.MENU.entries[0]
    two = check_crashkernel_configured(facts.TWO_WORDS, facts.iomem(), wanted="256M")
    assert two.id == "crashkernel.configured"
    agrees(two, FAIL, "crashkernel=256M is wanted", "384M-:128M")
    agrees(check_crashkernel_configured(facts.TWO_WORDS, facts.iomem()), WARN)
    one = facts.with_default(replace(entry, command_line="root=/dev/vda1 crashkernel=256M"))
    agrees(check_crashkernel_configured(one, facts.iomem(), wanted="256M"), PASS)
    bare = facts.with_default(replace(entry, command_line=""))
    stale = check_crashkernel_configured(bare, facts.iomem(), remedies=REMEDIES)
    agrees(stale, FAIL, "has no crashkernel=", "the entry was not made from it")
    assert stale.remedy == "update-grub"
    never = check_crashkernel_configured(replace(bare, configured=()), facts.iomem(), remedies=REMEDIES)
    assert never.remedy == REMEDIES.set_value
    agrees(check_crashkernel_configured(facts.with_default(None), facts.iomem()), FAIL, "no Linux entry")
    for unknown in UNKNOWNS:
        agrees(check_crashkernel_configured(unknown, facts.iomem()), UNKNOWN, unknown.why)
        agrees(check_crashkernel_configured(facts.with_default(unknown), facts.iomem()), UNKNOWN, unknown.why)


# kexec.loaded, kexec.load_allowed


def test_loaded() -> None:
    agrees(check_loaded(facts.kexec()), PASS, "kexec_crash_loaded is 1")
    not_loaded = check_loaded(facts.kexec(loaded=False), unit="kdump-tools.service")
    agrees(not_loaded, FAIL, "kexec_crash_loaded is 0", "256 MiB is reserved")
    assert not_loaded.remedy == "systemctl restart kdump-tools.service"
    agrees(check_loaded(facts.kexec(loaded=False, size_bytes=0)), FAIL, "no memory is reserved")
    agrees(check_loaded(facts.kexec(loaded=False, size_bytes=DENIED)), FAIL)
    for unknown in UNKNOWNS:
        agrees(check_loaded(facts.kexec(loaded=unknown)), UNKNOWN, unknown.why)


@pytest.mark.parametrize(
    ("changes", "secure_boot", "status", "word"),
    [
        ({}, False, PASS, "Nothing forbids"),
        ({"lockdown": ABSENT}, False, PASS, ""),
        ({"load_disabled": True}, False, FAIL, "kexec_load_disabled is 1"),
        ({"lockdown": Lockdown.INTEGRITY}, False, WARN, "lockdown is integrity"),
        ({"securelevel": 1}, False, WARN, "securelevel is 1"),
        ({}, True, WARN, "Secure Boot is on"),
        ({"load_disabled": DENIED}, False, UNKNOWN, "not permitted"),
        ({"lockdown": DENIED}, False, UNKNOWN, "lockdown"),
        ({}, DENIED, UNKNOWN, "Secure Boot"),
    ],
)
def test_load_allowed(changes: dict[str, Any], secure_boot: Any, status: Status, word: str) -> None:
    found = check_load_allowed(facts.kexec(**changes), replace(facts.FIRMWARE, secure_boot=secure_boot))
    assert found.id == "kexec.load_allowed"
    agrees(found, status, word)


# settings


@pytest.mark.parametrize(
    ("text", "status", "word"),
    [
        (b"USE_KDUMP=1\n", PASS, "USE_KDUMP=1 at /etc/default/kdump-tools:1"),
        (b"\nUSE_KDUMP=0\n", FAIL, "USE_KDUMP=0 at /etc/default/kdump-tools:2"),
        (b"USE_KDUMP=\n", FAIL, "nothing is loaded"),
        (b"", FAIL, "does not set USE_KDUMP"),
        (b"USE_KDUMP = 1\n", FAIL, "does not set USE_KDUMP"),
        (b"USE_KDUMP=yes\n", WARN, "neither 0 nor 1"),
        (b"USE_KDUMP=$(cat /x)\n", UNKNOWN, "computes it"),
    ],
)
def test_use_kdump(text: bytes, status: Status, word: str) -> None:
    found, _ = check_settings(facts.settings(text))
    assert found.id == "settings.enabled"
    agrees(found, status, word)


@pytest.mark.parametrize(
    ("text", "status", "word"),
    [
        (b"USE_KDUMP=1\n", PASS, "1 settings, each one understood"),
        (b"A=1\nUSE_KDUMP = 1\nB = 2\n", FAIL, "kdump-tools:2: 'USE_KDUMP = 1' sets nothing: spaces around"),
        (b"if true; then\nUSE_KDUMP=1\nfi\n", WARN, "shell code"),
    ],
)
def test_settings_syntax(text: bytes, status: Status, word: str) -> None:
    _, found = check_settings(facts.settings(text))
    assert found.id == "settings.syntax"
    agrees(found, status, word)


def test_each_problem_of_the_settings_is_a_finding_and_a_fatal_one_fails() -> None:
    def problem(id: str, fatal: bool, text: str) -> SettingsProblem:
        return SettingsProblem(
            id, "/etc/kdump.conf:3", text, "is named beside another", fatal, "editor /etc/kdump.conf"
        )

    two = (problem("target", False, "path"), problem("target", True, "nfs"), problem("collector", False, "x"))
    found = check_settings(KdumpSettings(("/etc/kdump.conf",), "/var/crash", problems=two, records=(6,)))
    assert [one.id for one in found] == ["settings.syntax", "settings.target", "settings.collector"]
    agrees(found[0], PASS)
    agrees(found[1], FAIL, "/etc/kdump.conf:3: 'nfs' is named beside another (and 1 more)")
    agrees(found[2], WARN)
    assert found[1].remedy == "editor /etc/kdump.conf"


@pytest.mark.parametrize("unknown", UNKNOWNS)
def test_settings_unknown(unknown: Unknown) -> None:
    for found in check_settings(unknown, "apt-get install kdump-tools"):
        agrees(found, UNKNOWN, unknown.why)
        assert ("apt-get install" in found.remedy) is (unknown.why is Why.ABSENT)


# service


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({}, PASS, "is enabled"),
        ({"unit_file_state": "disabled"}, FAIL, "is disabled"),
        ({"unit_file_state": ""}, FAIL, "not enabled"),
        ({"unit_file_state": "enabled-runtime"}, WARN, "until the next boot"),
        ({"load_state": "masked", "unit_file_state": "masked"}, FAIL, "masked"),
        ({"load_state": "not-found", "unit_file_state": ""}, FAIL, "There is no"),
    ],
)
def test_service_enabled(changes: dict[str, Any], status: Status, word: str) -> None:
    found = check_service_enabled(facts.unit(**changes))
    assert found.id == "service.enabled"
    agrees(found, status, word)


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({}, PASS, "a capture kernel is loaded"),
        ({"active_state": "failed", "result": "exit-code", "exec_main_status": 1}, FAIL, "exit status 1"),
        ({"active_state": "inactive", "sub_state": "dead"}, FAIL, "is inactive (dead)"),
        ({"active_state": "activating", "sub_state": "start"}, WARN, "not ended yet"),
        ({"load_state": "not-found"}, FAIL, "There is no"),
    ],
)
def test_service_active(changes: dict[str, Any], status: Status, word: str) -> None:
    found = check_service_active(facts.unit(**changes), facts.kexec(), facts.SETTINGS)
    assert found.id == "service.active"
    agrees(found, status, word)


def test_green_service_that_loaded_nothing() -> None:
    empty = facts.kexec(loaded=False)
    found = check_service_active(facts.unit(), empty, facts.SETTINGS_OFF)
    agrees(found, FAIL, "is active (exited) and yet nothing is loaded", "USE_KDUMP is 0 in /etc/default/kdump-tools")
    assert "USE_KDUMP=1" in found.remedy
    agrees(check_service_active(facts.unit(), empty, facts.settings(b"")), FAIL, "USE_KDUMP is not set")
    agrees(check_service_active(facts.unit(), empty, facts.SETTINGS), FAIL, "no capture kernel is loaded")
    agrees(check_service_active(facts.unit(), empty, None), FAIL, "kexec_crash_loaded is 0")


@pytest.mark.parametrize("unknown", UNKNOWNS)
def test_service_unknown(unknown: Unknown) -> None:
    agrees(check_service_enabled(unknown), UNKNOWN, unknown.why)
    agrees(check_service_active(unknown, facts.kexec()), UNKNOWN, unknown.why)
    agrees(check_service_active(facts.unit(), facts.kexec(loaded=unknown)), UNKNOWN, "which is active", unknown.why)


# packages


def packages_found(packages: Any, required: list[str], optional: list[str] | None = None) -> Finding:
    return check_packages(
        packages, required, optional or [], install_command="apt-get install", repair_command="dpkg --configure -a"
    )


def test_packages() -> None:
    installed = PackageStatus.INSTALLED
    good = facts.packages(kdump=installed, crash=installed)
    agrees(packages_found(good, ["kdump"], ["crash"]), PASS, "kdump 1")
    missing = packages_found(facts.packages(kdump=PackageStatus.CONFIG_FILES, crash=installed), ["kdump"], ["crash"])
    agrees(missing, FAIL, "kdump (config-files)")
    assert missing.remedy == "apt-get install kdump"
    lacking = packages_found(facts.packages(kdump=installed, crash=PackageStatus.NOT_INSTALLED), ["kdump"], ["crash"])
    agrees(lacking, WARN, "crash (not-installed)")
    half = packages_found(facts.packages(kdump=PackageStatus.HALF_INSTALLED), ["kdump"])
    agrees(half, FAIL, "kdump half-installed")
    assert "dpkg --configure" in half.remedy
    agrees(packages_found(good, []), PASS)
    agrees(packages_found(good, ["makedumpfile"]), UNKNOWN, "not asked about makedumpfile")
    for unknown in UNKNOWNS:
        agrees(packages_found(unknown, ["kdump"]), UNKNOWN, unknown.why)


# kernels


def test_second_kernel() -> None:
    one = InstalledKernels((facts.kernel(facts.RUNNING),), facts.RUNNING, (11,))
    partial = InstalledKernels((facts.kernel(facts.OTHER, complete=False), *one.kernels), facts.RUNNING, (11,))
    agrees(check_second_kernel(facts.KERNELS), PASS, facts.OTHER, facts.RUNNING)
    found = check_second_kernel(one, install_command="apt-get install linux-image-x")
    agrees(found, WARN, "only complete kernel")
    assert found.remedy == "apt-get install linux-image-x"
    agrees(check_second_kernel(partial), WARN, f"{facts.OTHER} has no initrd or no modules")
    agrees(check_second_kernel(InstalledKernels((), "6", (11,))), FAIL)
    for unknown in UNKNOWNS:
        agrees(check_second_kernel(unknown), UNKNOWN, unknown.why)


def test_new_kernel_that_was_not_booted() -> None:
    agrees(check_newest_is_running(facts.KERNELS), PASS)
    older = InstalledKernels(
        (facts.kernel(facts.OTHER, running=facts.OTHER), facts.kernel("6.1.0-99")), facts.OTHER, (1,)
    )
    agrees(check_newest_is_running(older), WARN, f"6.1.0-99 is installed and {facts.OTHER} is running")
    removed = InstalledKernels((facts.kernel(facts.OTHER),), "6.1.0-1", (1,))
    agrees(check_newest_is_running(removed), WARN, "no vmlinuz in /boot")
    agrees(check_newest_is_running(DENIED), UNKNOWN)


def test_running_is_default() -> None:
    def with_environment(text: str) -> BootLoader:
        block = b"# GRUB Environment Block\n" + text.encode()
        found = facts.boot_loader(facts.ONE_TOKEN, FileContent("/boot/grub/grubenv", block, 0o644, False, 18))
        return facts.known(found)

    agrees(check_running_is_default(facts.KERNELS, facts.MENU), PASS, facts.RUNNING)
    other = check_running_is_default(facts.KERNELS, with_environment("next_entry=1>2\n"))
    agrees(other, WARN, facts.OTHER, "entry 1>2")
    gone = check_running_is_default(facts.KERNELS, with_environment("next_entry=nowhere\n"), regenerate="update-grub")
    agrees(gone, WARN, "is not in")
    assert gone.remedy == "update-grub"
    removed = InstalledKernels((facts.kernel(facts.OTHER),), facts.OTHER, (11,))
    agrees(check_running_is_default(removed, facts.MENU), FAIL, "not installed in /boot")
    windows = facts.boot_loader({facts.GRUB_CFG: b"menuentry 'Windows' {\n}\n"})
    agrees(check_running_is_default(facts.KERNELS, windows), WARN, "tells no release")
    agrees(check_running_is_default(DENIED, facts.MENU), UNKNOWN)
    agrees(check_running_is_default(facts.KERNELS, ABSENT), UNKNOWN)
    unread = facts.boot_loader(facts.ONE_TOKEN, NotPermitted("/boot/grub/grubenv", 18))
    agrees(check_running_is_default(facts.KERNELS, unread), UNKNOWN, "not permitted")


def test_kernels_as_asked() -> None:
    def judged(text: str, asked: KernelsAsked, kernels: InstalledKernels = facts.KERNELS) -> Finding:
        block = b"# GRUB Environment Block\n" + text.encode()
        found = facts.boot_loader(facts.ONE_TOKEN, FileContent("/boot/grub/grubenv", block, 0o644, False, 18))
        return check_kernels_as_asked(kernels, found, asked)

    # the menu's default is its first entry, which is the newest kernel
    agrees(judged("", KernelsAsked(default=facts.RUNNING)), PASS, f"each boot starts {facts.RUNNING}")
    wrong = judged("", KernelsAsked(default=facts.OTHER))
    agrees(wrong, FAIL, f"each boot starts {facts.RUNNING}, not {facts.OTHER}")
    assert "mode=apply" in wrong.remedy
    # once is not for good, and for good is not once
    agrees(judged("next_entry=1>2\n", KernelsAsked(default=facts.OTHER)), FAIL, "each boot starts")
    agrees(judged("next_entry=1>2\n", KernelsAsked(once=facts.OTHER)), PASS, f"the next boot starts {facts.OTHER}")
    agrees(judged("next_entry=nowhere\n", KernelsAsked(once=facts.OTHER)), FAIL, "starts the first entry, not")
    agrees(judged("", KernelsAsked(once=facts.OTHER)), FAIL, "the next boot starts", facts.OTHER)
    agrees(judged("", KernelsAsked(once=facts.RUNNING)), PASS, f"{facts.RUNNING} runs")
    # gone from /boot and from the menu
    agrees(judged("", KernelsAsked(removed=facts.OTHER)), FAIL, "still in /boot")
    left = InstalledKernels((facts.kernel(facts.RUNNING),), facts.RUNNING, (11,))
    agrees(judged("", KernelsAsked(removed=facts.OTHER), left), FAIL, "menu still has an entry")
    agrees(judged("", KernelsAsked(removed="5.10.0"), left), PASS, "5.10.0 is gone")
    agrees(check_kernels_as_asked(DENIED, facts.MENU, KernelsAsked(default="a")), UNKNOWN)
    agrees(check_kernels_as_asked(facts.KERNELS, ABSENT, KernelsAsked(default="a")), UNKNOWN)
    unread = facts.boot_loader(facts.ONE_TOKEN, NotPermitted("/boot/grub/grubenv", 18))
    for asked in (KernelsAsked(default=facts.RUNNING), KernelsAsked(once=facts.OTHER)):
        agrees(check_kernels_as_asked(facts.KERNELS, unread, asked), UNKNOWN, "not permitted")


# debug symbols


def test_debug_symbols() -> None:
    agrees(check_debug_symbols(facts.SYMBOLS, install_command=""), PASS, "aa" * 20)
    absent = check_debug_symbols(
        DebugSymbols(facts.SYMBOLS.running, (), (12,)), install_command="apt-get install x-dbg"
    )
    agrees(absent, WARN, "No vmlinux")
    assert absent.remedy == "apt-get install x-dbg"
    other = VmlinuxFile("/usr/lib/debug/boot/vmlinux-2", 1, KernelBuildId("v", "bb" * 20))
    agrees(
        check_debug_symbols(DebugSymbols(facts.SYMBOLS.running, (other,), (12,)), install_command=""),
        FAIL,
        "aa" * 20,
        "bb" * 20,
    )
    for unknown in UNKNOWNS:
        agrees(check_debug_symbols(unknown, install_command=""), UNKNOWN, unknown.why)
        agrees(check_debug_symbols(DebugSymbols(unknown, (other,)), install_command=""), UNKNOWN, unknown.why)


# dump target


def test_dump_file_system() -> None:
    agrees(check_dump_file_system(facts.target()), PASS, "/dev/vda2 (ext4) at /var")
    for changes, status, word in (
        ({"options": ("ro",)}, FAIL, "read-only"),
        ({"device": DeviceKind.NONE, "fstype": "tmpfs"}, FAIL, "does not survive"),
        ({"device": DeviceKind.CRYPT}, WARN, "unlock"),
        ({"device": DeviceKind.LVM}, PASS, ""),
    ):
        mount = replace(facts.MOUNT, **changes)  # type: ignore[arg-type]
        agrees(check_dump_file_system(facts.target(mount=mount)), status, word)
    agrees(check_dump_file_system(facts.target(kind=DumpTargetKind.NFS, remote="a:/b")), SKIP)
    agrees(check_dump_file_system(facts.target(mount=DENIED)), UNKNOWN)
    agrees(check_dump_file_system(DENIED), UNKNOWN)


# sysctls and sysrq


@pytest.mark.parametrize(
    ("id", "changes", "status", "word"),
    [
        ("sysctl.panic_on_oops", {}, PASS, "is 1"),
        ("sysctl.panic_on_oops", {"panic_on_oops": 0}, WARN, "is 0"),
        ("sysctl.panic_on_oops", {"panic_on_oops": ABSENT}, UNKNOWN, "absent"),
        ("sysctl.panic", {}, PASS, "after 10 s"),
        ("sysctl.panic", {"panic": -1}, PASS, "at once"),
        ("sysctl.panic", {"panic": 0}, WARN, "for ever"),
        ("sysctl.panic", {"panic": DENIED}, UNKNOWN, "not permitted"),
        ("sysctl.lockups", {}, PASS, "softlockup_panic is 1"),
        ("sysctl.lockups", {"hardlockup_panic": 0}, WARN, "hardlockup_panic is 0"),
        ("sysctl.lockups", {"hardlockup_panic": ABSENT}, PASS, "softlockup_panic is 1"),
        ("sysctl.lockups", {"hardlockup_panic": ABSENT, "softlockup_panic": ABSENT}, SKIP, "no lockup detectors"),
        ("sysctl.lockups", {"softlockup_panic": DENIED}, UNKNOWN, "not permitted"),
        ("sysrq.trigger", {}, PASS, "kernel.sysrq is 438"),
        ("sysrq.trigger", {"sysrq": 0}, PASS, "kernel.sysrq is 0"),
        ("sysrq.trigger", {"sysrq": ABSENT}, UNKNOWN, "absent"),
    ],
)
def test_sysctls(id: str, changes: dict[str, Any], status: Status, word: str) -> None:
    (found,) = [finding for finding in check_sysctls(facts.sysctls(**changes)) if finding.id == id]
    agrees(found, status, word)
    assert status is not WARN or found.remedy.startswith("printf 'kernel.")


# watchdog


@pytest.mark.parametrize(
    ("watchdogs", "thresh", "status", "word"),
    [
        (facts.watchdogs(there=False), 10, SKIP, "no hardware watchdog"),
        (facts.watchdogs(active=False), 10, PASS, "No hardware watchdog runs"),
        (facts.watchdogs(600), 10, PASS, "600 s"),
        (facts.watchdogs(600, fed=300.0), 10, PASS, "300 s"),
        (facts.watchdogs(60), 10, WARN, "less than 20 s until a lockup is noticed and 100 s"),
        (facts.watchdogs(10), 10, FAIL, "before a lockup is noticed (20 s)"),
        (facts.watchdogs(10), ABSENT, WARN, "0 s until"),
        (facts.watchdogs(active=False, fed=10.0), 10, FAIL, "bites after 10 s"),
        (facts.watchdogs(active=None), 10, UNKNOWN, "does not tell"),
        (facts.watchdogs(None), 10, UNKNOWN, "time-out"),
        (facts.watchdogs(active=False, fed=DENIED), 10, UNKNOWN, "systemd"),
        (facts.watchdogs(60), DENIED, UNKNOWN, "lockup"),
        (DENIED, 10, UNKNOWN, "not permitted"),
    ],
)
def test_watchdog_budget(watchdogs: Any, thresh: Any, status: Status, word: str) -> None:
    found = check_watchdog_budget(watchdogs, thresh)
    assert found.id == "watchdog.budget"
    agrees(found, status, word)


def test_watchdog_budget_by_measured_times() -> None:
    measured = CaptureTime(30.0, "measured by run 20261123T064506Z")
    agrees(check_watchdog_budget(facts.watchdogs(60), 10, measured), PASS, "30 s (measured by run 20261123T064506Z)")


# boot


def test_rebooted() -> None:
    after = replace(facts.BOOT, boot_id="b" * 8, uptime_s=12.0)
    agrees(check_rebooted(facts.BOOT, after), PASS, "aaaaaaaa to bbbbbbbb", "up for 12 s")
    agrees(check_rebooted(facts.BOOT, facts.BOOT), FAIL, "same boot")
    agrees(check_rebooted(facts.BOOT, replace(after, machine_id="n" * 32)), FAIL, "Another machine")
    agrees(check_rebooted(facts.BOOT, replace(after, machine_id=ABSENT)), WARN, "not known")
    for unknown in UNKNOWNS:
        agrees(check_rebooted(facts.BOOT, unknown), UNKNOWN, unknown.why)
        agrees(check_rebooted(unknown, after), UNKNOWN, unknown.why)
