"""The family of Enterprise Linux: who belongs to it, its packages and commands, and where symbols come from."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kdumpkit.distributions import distribution_for
from kdumpkit.distributions.answers import CaptureFacts, SettingsWanted, SizingFacts
from kdumpkit.distributions.el_packages import is_kernel, kernel_names
from kdumpkit.distributions.enterprise_linux import EnterpriseLinux
from kdumpkit.errors import GateClosed, ParameterError
from kdumpkit.facts.kernel_command_line import parse_kernel_command_line
from kdumpkit.facts.os_release import parse_os_release
from kdumpkit.facts.rpm_packages import read_rpm_packages

KERNEL_7, KERNEL_9 = "3.10.0-1160.114.2.el7.x86_64", "5.14.0-427.13.1.el9_4.x86_64"


def make(text: str) -> EnterpriseLinux:
    found = distribution_for(parse_os_release(text.encode()))
    assert isinstance(found, EnterpriseLinux)
    return found


CENTOS_7 = make('ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="7"\nPRETTY_NAME="CentOS Linux 7 (Core)"\n')
RHEL_9 = make('ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\nPLATFORM_ID="platform:el9"\n')
RHEL_10 = make('ID="rhel"\nID_LIKE="centos fedora"\nVERSION_ID="10.0"\nPLATFORM_ID="platform:el10"\n')
ORACLE_8 = make('ID="ol"\nID_LIKE="fedora"\nVERSION_ID="8.9"\nPLATFORM_ID="platform:el8"\n')
FEDORA = make('ID=fedora\nVERSION_ID=41\nPLATFORM_ID="platform:f41"\n')


# regression: Alma, Rocky, Oracle and others


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\nPLATFORM_ID="platform:el9"\n', (9, 4)),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="8.10"\nPLATFORM_ID="platform:el8"\n', (8, 10)),
        ('ID="ol"\nID_LIKE="fedora"\nVERSION_ID="9.3"\nPLATFORM_ID="platform:el9"\n', (9, 3)),
        # without PLATFORM_ID, and like Fedora by its own words
        ('ID="ol"\nID_LIKE="fedora"\nVERSION_ID="7.9"\n', (7, 9)),
        ('ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="9"\nPLATFORM_ID="platform:el9"\n', (9,)),
        ('ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="7"\n', (7,)),
        ('ID="scientific"\nID_LIKE="rhel centos fedora"\nVERSION_ID="7.9"\n', (7, 9)),
        # a clone that nobody has heard of
        ('ID="newclone"\nID_LIKE="rhel"\nVERSION_ID="3"\nPLATFORM_ID="platform:el9"\n', (9,)),
        ('ID="nobara"\nID_LIKE="fedora"\nVERSION_ID="40"\nPLATFORM_ID="platform:f40"\n', ()),
        ("ID=fedora\nVERSION_ID=41\n", ()),
        ('ID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2"\n', (7,)),
        ('ID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\nPLATFORM_ID="platform:al2023"\n', ()),
        ('ID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n', ()),
    ],
)
def test_clones_are_known_by_what_they_are_like_and_are_built_for(text: str, version: tuple[int, ...]) -> None:
    assert make(text).el_version == version


def test_what_is_needed_by_release() -> None:
    def required(found: EnterpriseLinux) -> list[str]:
        return [need.name for need in found.package_needs() if need.required]

    assert required(CENTOS_7) == ["kexec-tools"]
    assert required(RHEL_9) == ["kexec-tools", "grubby"]
    assert required(RHEL_10) == required(FEDORA) == ["kdump-utils", "kexec-tools", "makedumpfile", "grubby"]
    assert all(need.why for need in FEDORA.package_needs())


def test_the_survey_asks_rpm_and_reads_the_familys_own_files() -> None:
    request = RHEL_9.survey_request(KERNEL_9)
    assert request.read_packages is read_rpm_packages
    assert f"kernel-debuginfo-{KERNEL_9}" in request.packages
    assert {"/etc/kdump.conf", "/etc/sysconfig/kdump"} <= set(request.settings_paths)
    assert "/boot/loader/entries/*.conf" in request.boot_loader_paths
    assert request.units == ("kdump.service",)
    order = request.release_order
    assert order("3.10.0-1160.el7.x86_64") < order(KERNEL_7)


# packages


def test_installing_keeps_every_kernel_and_asks_nothing() -> None:
    refresh, install = RHEL_9.install_commands(["kexec-tools", "crash"])
    assert refresh.argv == ("dnf", "--quiet", "makecache")
    assert {"--setopt=installonly_limit=0", "--nobest"} <= set(install.argv)
    assert install.argv[-3:] == ("install", "kexec-tools", "crash")
    assert install.as_root
    old, install = CENTOS_7.install_commands(["crash"])
    assert old.argv == ("yum", "--quiet", "makecache", "fast")
    assert install.argv[4] == "yum"
    assert len(FEDORA.install_commands(["crash"], refresh=False)) == 1
    for bad in (["--allowerasing"], ["a b"], []):
        with pytest.raises(ParameterError):
            RHEL_9.install_commands(bad)


@pytest.mark.parametrize(
    ("says", "status", "ran"),
    [
        ("Installing:\n crash x86_64 8.0\nOperation aborted.\n", 0, True),
        ("Installing:\n crash\nUpgrading:\n glibc\nOperation aborted.\n", 3, False),
        ("Updating Subscription Management repositories.\nInstalling:\n crash\n", 0, True),
        ("Removing:\n kernel x86_64 5.14.0-70.el9\n", 3, False),
        ("Removing dependent packages:\n x\n", 3, False),
        ("Installing:\n new x86_64 2\n     replacing  old.x86_64 1\n", 3, False),
        ("Updating for dependencies:\n glibc\n", 3, False),
        ("Downgrading:\n x\n", 3, False),
    ],
)
def test_a_transaction_that_would_upgrade_or_remove_is_refused_on_the_host(
    tmp_path: Path, says: str, status: int, ran: bool
) -> None:
    fake = tmp_path / "dnf"
    fake.write_text(
        f"#!/bin/sh\ncase \"$*\" in *--assumeno*) printf '%s' '{says}'; exit 1;; esac\ntouch {tmp_path}/ran\n"
    )
    fake.chmod(0o755)
    (install,) = RHEL_9.install_commands(["crash"], refresh=False)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(install.argv, env={"PATH": path}, capture_output=True, check=False)
    assert done.returncode == status
    assert (tmp_path / "ran").exists() is ran
    assert ran or b"nothing was installed" in done.stderr


def test_a_kernel_is_never_removed_and_nothing_goes_along() -> None:
    for name in (
        "kernel",
        f"kernel-{KERNEL_9}",
        "kernel-core-5.14.0",
        "kernel-uek",
        "kernel6.12",
        "kernel-64k-core",
        "kernel-modules-extra",
    ):
        assert RHEL_9.remove_command([name]) is None
        assert is_kernel(name)
    symbols = RHEL_9.remove_command([f"kernel-debuginfo-{KERNEL_9}"])
    assert symbols is not None
    assert symbols.argv[1] == "--setopt=clean_requirements_on_remove=False"
    assert not is_kernel("kernel-headers-x")


DNF = """kernel-5.14.0-427.el9.x86_64
kernel-5.14.0-427.13.1.el9_4.x86_64
kernel-5.14.0-427.24.1.el9_4.x86_64
kernel-rt-5.14.0-427.28.1.el9_4.x86_64

"""
YUM = """Available Packages
kernel.x86_64                       3.10.0-1160.el7                          base
kernel.x86_64                       3.10.0-1160.119.1.el7                    updates
kernel-debug.x86_64                 3.10.0-1160.200.1.el7                    updates
"""


def test_another_kernel_of_the_same_kind_the_newest_that_is_not_there() -> None:
    assert RHEL_9.second_kernel(KERNEL_9, [KERNEL_9], DNF) == "kernel-5.14.0-427.24.1.el9_4.x86_64"
    assert CENTOS_7.second_kernel(KERNEL_7, [KERNEL_7], YUM) == "kernel-3.10.0-1160.119.1.el7.x86_64"
    assert RHEL_9.second_kernel(KERNEL_9, [line for line in DNF.split() if "rt" not in line], "") is None
    there = [line.removeprefix("kernel-") for line in DNF.split() if "-rt-" not in line]
    assert RHEL_9.second_kernel(KERNEL_9, there, DNF) is None
    real_time = "5.14.0-427.13.1.el9_4.x86_64+rt"
    assert RHEL_9.second_kernel(real_time, [real_time], DNF) == "kernel-rt-5.14.0-427.28.1.el9_4.x86_64"
    assert "kernel" in RHEL_9.kernel_packages_command().argv
    assert CENTOS_7.kernel_packages_command().argv[4:6] == ("yum", "--quiet")


def test_the_package_of_a_kernel_that_is_not_the_distributions_own_is_told_by_rpm() -> None:
    running = "6.11.5-1.el9.elrepo.x86_64"
    offered = (
        f"installed {running} kernel-ml-core {running} kernel-ml-6.11.5-1.el9.elrepo.nosrc.rpm\n"
        f"installed {running} kernel-ml-modules {running} kernel-ml-6.11.5-1.el9.elrepo.nosrc.rpm\n"
        "installed 6.10.2-cloud kernel-ml 6.10.2-1.cloud.x86_64 kernel-ml-6.10.2-1.cloud.src.rpm\n"
        f"{DNF}kernel-ml-{running}\nkernel-ml-6.10.2-1.cloud.x86_64\nkernel-ml-6.9.1-1.el9.elrepo.x86_64\n"
    )
    # of the same package, and not one that is installed under another name
    assert RHEL_9.second_kernel(running, [running, "6.10.2-cloud"], offered) == "kernel-ml-6.9.1-1.el9.elrepo.x86_64"


def test_the_running_kernels_own_package_is_asked_for_too(tmp_path: Path) -> None:
    for name, text in (
        ("uname", "echo 6.1.0-own"),
        ("rpm", "case $* in */lib/modules/6.1.0-own) printf 'kernel-ml-core\\nkernel-ml-modules\\ndrivers\\n' ;; esac"),
        ("dnf", 'echo "$@"'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    argv = RHEL_9.kernel_packages_command().argv
    done = subprocess.run(argv, env={"PATH": path}, capture_output=True, check=True, text=True)
    assert done.stdout.split()[-1] == "kernel-ml"
    assert done.stdout.split()[-2] == "kernel6.12"
    assert "drivers" not in done.stdout


# symbols


@pytest.mark.parametrize(
    ("release", "package", "debuginfo"),
    [
        (KERNEL_7, "kernel", f"kernel-debuginfo-{KERNEL_7}"),
        (KERNEL_9, "kernel", f"kernel-debuginfo-{KERNEL_9}"),
        ("5.14.0-427.el9.aarch64+64k", "kernel-64k", "kernel-64k-debuginfo-5.14.0-427.el9.aarch64"),
        ("5.14.0-427.el9.aarch64+64k-debug", "kernel-64k-debug", "kernel-64k-debug-debuginfo-5.14.0-427.el9.aarch64"),
        ("5.14.0-427.el9.x86_64+rt", "kernel-rt", "kernel-rt-debuginfo-5.14.0-427.el9.x86_64"),
        ("4.18.0-553.rt7.342.el8.x86_64", "kernel-rt", "kernel-rt-debuginfo-4.18.0-553.rt7.342.el8.x86_64"),
        ("3.10.0-1160.el7.x86_64.debug", "kernel-debug", "kernel-debug-debuginfo-3.10.0-1160.el7.x86_64"),
        ("5.15.0-208.159.3.2.el9uek.x86_64", "kernel-uek", "kernel-uek-debuginfo-5.15.0-208.159.3.2.el9uek.x86_64"),
        ("6.1.79-99.164.amzn2023.x86_64", "kernel", "kernel-debuginfo-6.1.79-99.164.amzn2023.x86_64"),
        ("6.12.8-5.amzn2023.x86_64", "kernel6.12", "kernel6.12-debuginfo-6.12.8-5.amzn2023.x86_64"),
        ("5.10.210-201.852.amzn2.x86_64", "kernel", "kernel-debuginfo-5.10.210-201.852.amzn2.x86_64"),
        ("6.12.6-200.fc41.x86_64", "kernel", "kernel-debuginfo-6.12.6-200.fc41.x86_64"),
    ],
)
def test_the_names_around_a_kernel(release: str, package: str, debuginfo: str) -> None:
    names = kernel_names(release)
    assert (names.package, names.debuginfo) == (package, debuginfo)


def test_symbols_by_who_made_the_kernel() -> None:
    seven = CENTOS_7.symbol_packages(KERNEL_7)
    assert seven.name_note == (
        f"kernel-debuginfo-{KERNEL_7} is guessed from the kernel's release; rpm --query --file /lib/modules/{KERNEL_7} "
        "tells which package that is from"
    )
    assert seven.install == f"debuginfo-install kernel-{KERNEL_7}"
    assert seven.vmlinux_path == f"/usr/lib/debug/lib/modules/{KERNEL_7}/vmlinux"
    assert seven.if_not_found_commands == (
        f"wget http://debuginfo.centos.org/7/x86_64/kernel-debuginfo-common-x86_64-{KERNEL_7}.rpm",
        f"wget http://debuginfo.centos.org/7/x86_64/kernel-debuginfo-{KERNEL_7}.rpm",
        f"rpm -ivh kernel-debuginfo-common-x86_64-{KERNEL_7}.rpm kernel-debuginfo-{KERNEL_7}.rpm",
    )
    # a variant's common part is that of the kernel it is built with (kernel.spec)
    debug = CENTOS_7.symbol_packages("3.10.0-1160.el7.x86_64.debug").if_not_found_commands
    assert "/kernel-debuginfo-common-x86_64-3.10.0-1160.el7.x86_64.rpm" in debug[0]
    assert "/kernel-debug-debuginfo-3.10.0-1160.el7.x86_64.rpm" in debug[1]
    rhel = RHEL_9.symbol_packages(KERNEL_9)
    assert "rhel-9-for-x86_64-baseos-debug-rpms" in rhel.if_not_found_commands[0]
    uek = ORACLE_8.symbol_packages("5.15.0-208.el8uek.x86_64")
    assert uek.if_not_found_commands[0].startswith("wget https://oss.oracle.com/ol8/debuginfo/kernel-uek-debuginfo-")
    with pytest.raises(ParameterError):
        RHEL_9.symbol_packages("5.14; rm -rf /")


# the rest


def test_the_service_and_what_builds_the_initramfs() -> None:
    service = RHEL_9.kdump_service()
    assert (service.unit, service.settings_path) == ("kdump.service", "/etc/kdump.conf")
    assert RHEL_9.capture_files(CaptureFacts(KERNEL_9, "x86_64")).build.argv == ("kdumpctl", "rebuild")
    seven = CENTOS_7.capture_files(CaptureFacts(KERNEL_7, "x86_64")).build.argv
    assert seven == ("mkdumprd", "-f", f"/boot/initramfs-{KERNEL_7}kdump.img", KERNEL_7)


def test_auto_stands_for_ranges_where_the_kernel_knows_it() -> None:
    assert CENTOS_7.crashkernel_auto("x86_64").startswith("2G-1T:161M")
    assert ORACLE_8.crashkernel_auto("x86_64") == "1G-4G:192M,4G-64G:256M,64G-:512M"
    assert RHEL_9.crashkernel_auto("x86_64") == ""
    assert FEDORA.recommend_crashkernel(SizingFacts(8 << 30, "x86_64")).value == "2G-64G:256M,64G-:512M"


def test_an_explicit_load_goes_by_the_familys_rules() -> None:
    found = CENTOS_7.kexec_load(
        CaptureFacts(KERNEL_7, "x86_64"),
        command_line=parse_kernel_command_line(
            b"root=/dev/mapper/centos-root ro rd.lvm.lv=centos/root crashkernel=256M\n"
        ),
        root="/dev/mapper/centos-root",
        signed=False,
    )
    assert found.command.argv[:2] == ("kexec", "-p")
    assert "root=" not in found.capture_command_line


CONF = b"# comment\npath /var/crash\ncore_collector makedumpfile -l --message-level 7 -d 31  # why\n"


@pytest.mark.parametrize(
    ("conf", "wanted", "after"),
    [
        (CONF, SettingsWanted(), None),
        (CONF, SettingsWanted(directory="/var/crash", dump_level=31), None),
        (CONF, SettingsWanted(directory="/dumps"), CONF.replace(b"/var/crash", b"/dumps")),
        (CONF, SettingsWanted(dump_level=17), CONF.replace(b"-d 31  # why", b"-d 17")),
        (
            CONF,
            SettingsWanted(collector="makedumpfile -z -d 31"),
            CONF.replace(b"-l --message-level 7 -d 31  # why", b"-z -d 31"),
        ),
        (b"path /a", SettingsWanted(dump_level=1), b"path /a\ncore_collector makedumpfile -l --message-level 7 -d 1\n"),
        (b"ssh a@b\n", SettingsWanted(collector="makedumpfile -c"), b"ssh a@b\ncore_collector makedumpfile -F -c\n"),
    ],
)
def test_kdump_conf_is_edited_line_by_line(conf: bytes, wanted: SettingsWanted, after: bytes | None) -> None:
    edits = RHEL_9.edit_settings({"/etc/kdump.conf": conf}, wanted)
    assert [edit.after for edit in edits] == ([] if after is None else [after])
    if after is not None:
        assert RHEL_9.edit_settings({"/etc/kdump.conf": after}, wanted) == ()


@pytest.mark.parametrize(
    ("conf", "wanted", "error"),
    [
        (b"path /a\npath /b\n", SettingsWanted(directory="/c"), GateClosed),
        (b"ext4 /dev/sdb1\n", SettingsWanted(directory="/c"), GateClosed),
        (b"core_collector scp\nssh a@b\n", SettingsWanted(dump_level=1), ParameterError),
        (b"", SettingsWanted(directory="/a#b"), ParameterError),
        (b"", SettingsWanted(collector="makedumpfile 'x"), ParameterError),
    ],
)
def test_what_kdump_conf_cannot_say_is_refused(conf: bytes, wanted: SettingsWanted, error: type[Exception]) -> None:
    with pytest.raises(error):
        RHEL_9.edit_settings({"/etc/kdump.conf": conf}, wanted)
