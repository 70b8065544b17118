"""SUSE's packages, kernels, symbols, settings and service: commands as they would run, values as they would be set."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kdumpkit.distributions import distribution_for
from kdumpkit.distributions.answers import FileEdit, SettingsWanted
from kdumpkit.distributions.base import Distribution
from kdumpkit.distributions.suse import Suse
from kdumpkit.distributions.suse_kernels import parse_search
from kdumpkit.distributions.suse_settings import edit_sysconfig_kdump
from kdumpkit.errors import GateClosed, ParameterError, UnsupportedHost
from kdumpkit.facts.os_release import OsRelease
from kdumpkit.facts.shell_assignments import parse_shell_assignments
from kdumpkit.facts.sysconfig_kdump import PATH

FILES = Path(__file__).parent / "sles-15"
SETTINGS = (FILES / "sysconfig-kdump").read_bytes()
OFFERED = (FILES / "zypper-search").read_text()
RELEASE = "5.14.21-150500.55.52-default"


def make(identity: str, version: str | None, *like: str) -> Distribution:
    return distribution_for(OsRelease(identity, like, version, None))


SLES = make("sles", "15.5", "suse")
SLES_12 = make("sles", "12.5")
TUMBLEWEED = make("opensuse-tumbleweed", "20261101", "opensuse", "suse")
MICRO = make("sl-micro", "6.1", "suse")


@pytest.mark.parametrize(
    ("identity", "like"),
    [
        ("sles", ()),
        ("sled", ("suse",)),
        ("sles_sap", ("suse",)),
        ("opensuse-leap", ("suse", "opensuse")),
        ("opensuse-tumbleweed", ("opensuse", "suse")),
        # by ID_LIKE alone
        ("opensuse-slowroll", ("opensuse", "suse")),
        ("sl-micro", ("suse",)),
        ("gecko", ("suse",)),
    ],
)
def test_by_id_and_by_id_like(identity: str, like: tuple[str, ...]) -> None:
    assert isinstance(make(identity, "15.5", *like), Suse)


def test_versions_of_all_forms() -> None:
    def version(text: str | None) -> tuple[int, ...]:
        found = make("sles", text)
        assert isinstance(found, Suse)
        return found.version

    assert version("12.5") < version("15") < version("15.1") < version("15-SP5") < version("16.0") < version("20261101")
    assert version(None) > version("16.0")


# Packages


def test_installing_asks_nothing_and_brings_nothing_recommended() -> None:
    refresh, install = SLES.install_commands(["kdump", "kexec-tools"])
    assert refresh.argv == ("zypper", "--non-interactive", "refresh")
    assert install.argv[4:] == ("--no-recommends", "--solver-focus", "Installed", "--", "kdump", "kexec-tools")
    assert install.shown() == "zypper install kdump kexec-tools, where that upgrades and removes nothing"
    assert install.as_root
    (old,) = SLES_12.install_commands(["crash"], refresh=False)
    assert "--solver-focus" not in old.argv


@pytest.mark.parametrize(
    ("says", "status", "ran"),
    [
        (
            "The following 2 NEW packages are going to be installed:\n  crash libfoo\n\n2 new packages to install.\n",
            0,
            True,
        ),
        ("The following package is going to be upgraded:\n  glibc\n", 3, False),
        ("The following 4 packages are going to be upgraded:\n  glibc\n", 3, False),
        ("The following package is going to be REMOVED:\n  libicu52\n", 3, False),
        ("The following 2 packages are going to be downgraded:\n  x y\n", 3, False),
        ("The following package is going to change vendor:\n  x  SUSE -> other\n", 3, False),
        # nothing was told, as where another zypper holds the lock: the installation itself says why
        ("", 0, True),
    ],
)
def test_a_transaction_that_would_upgrade_or_remove_is_refused_on_the_host(
    tmp_path: Path, says: str, status: int, ran: bool
) -> None:
    fake = tmp_path / "zypper"
    fake.write_text(
        f"#!/bin/sh\ncase \"$*\" in *--dry-run*) printf '%s' '{says}';; *) echo \"$*\" >{tmp_path}/ran;; esac\n"
    )
    fake.chmod(0o755)
    (install,) = SLES.install_commands(["crash"], refresh=False)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(install.argv, env={"PATH": path}, capture_output=True, check=False)
    assert done.returncode == status
    assert (tmp_path / "ran").exists() is ran
    if ran:
        words = "--non-interactive install --no-recommends --solver-focus Installed -- crash\n"
        assert (tmp_path / "ran").read_text() == words
    else:
        assert b"nothing was installed" in done.stderr


@pytest.mark.parametrize("names", [[], ["--allow-vendor-change"], ["a b"], ["kdump;reboot"], [""]])
def test_what_is_no_package_is_refused(names: list[str]) -> None:
    with pytest.raises(ParameterError):
        SLES.install_commands(names)


def test_the_way_back_removes_these_alone_and_never_a_kernel() -> None:
    undo = SLES.remove_command(["kdump", "makedumpfile"])
    assert undo is not None
    assert undo.argv == ("rpm", "--erase", "--", "kdump", "makedumpfile")
    assert SLES.remove_command(["kernel-default=5.14.21-150500.55.59.1"]) is None
    assert SLES.remove_command(["kdump", "kernel-rt"]) is None
    symbols = SLES.remove_command(["kernel-default-debuginfo"])
    assert symbols is not None


def test_the_survey_asks_rpm_and_the_files_that_decide() -> None:
    request = SLES.survey_request(RELEASE)
    assert {"kdump", "kexec-tools", "makedumpfile", "kernel-default-debuginfo"} <= set(request.packages)
    assert request.read_packages.__name__ == "read_rpm_packages"
    assert "kdump.service" in request.units
    assert "kdump-commandline.service" in request.units
    assert request.settings_paths == (PATH,)
    # kdump's settings take part in the command line of the next boot
    assert {"/etc/default/grub", "/boot/grub2/grub.cfg", "/etc/sysconfig/bootloader", PATH} <= set(
        request.boot_loader_paths
    )
    assert not [path for path in request.boot_loader_paths if "grub.d" in path]


# Kernels and symbols


def test_kernels_on_offer() -> None:
    found = parse_search(OFFERED)
    assert [(kernel.release, kernel.installed) for kernel in found] == [
        ("5.14.21-150500.55.52-default", True),
        ("5.14.21-150500.55.59-default", False),
        ("5.14.21-150500.55.7-default", False),
        # once from the repository, once as installed
        ("5.14.21-150500.53-default", True),
        ("5.14.21-150500.13.30-rt", False),
    ]
    assert parse_search("") == ()
    assert parse_search("| | |\nv | kernel-default | package | $(reboot) | x86_64 | r\n") == ()


@pytest.mark.parametrize(
    ("running", "installed", "expected"),
    [
        (RELEASE, (), "kernel-default=5.14.21-150500.55.59.1"),
        (RELEASE, ("5.14.21-150500.55.59-default",), "kernel-default=5.14.21-150500.55.7.1"),
        ("5.14.21-150500.13.30-rt", (), None),
        ("6.12.0-1-azure", (), None),
    ],
)
def test_a_second_kernel_of_the_same_flavour(running: str, installed: tuple[str, ...], expected: str | None) -> None:
    assert SLES.second_kernel(running, installed, OFFERED) == expected
    if expected:
        assert SLES.install_commands([expected], refresh=False)[-1].argv[-1] == expected


def test_the_search_reads_only_and_nothing_found_is_an_answer() -> None:
    command = SLES.kernel_packages_command()
    assert "--no-refresh" in command.argv
    assert 104 in command.accepted


@pytest.mark.parametrize(
    ("distribution", "release", "package", "vmlinux"),
    [
        (SLES_12, "4.12.14-122.26-default", "kernel-default-debuginfo", "/usr/lib/debug/boot/vmlinux-{}.debug"),
        (SLES, RELEASE, "kernel-default-debuginfo", "/usr/lib/debug/boot/vmlinux-{}.debug"),
        (TUMBLEWEED, "6.17.5-1-default", "kernel-default-debuginfo", "/usr/lib/debug/usr/lib/modules/{}/vmlinux.debug"),
        (SLES, "5.14.21-150500.55-64kb", "kernel-64kb-debuginfo", "/usr/lib/debug/boot/vmlinux-{}.debug"),
    ],
)
def test_symbols(distribution: Distribution, release: str, package: str, vmlinux: str) -> None:
    found = distribution.symbol_packages(release)
    assert (found.packages, found.vmlinux_path) == ((package,), vmlinux.format(release))
    assert "--plus-content debug" in found.install
    with pytest.raises(ParameterError):
        distribution.symbol_packages("6.4; reboot")


# Transactional systems


def test_a_transactional_system_is_told_its_own_way_and_not_changed() -> None:
    for change in (lambda: MICRO.install_commands(["kdump"]), lambda: MICRO.edit_crashkernel({}, "256M")):
        with pytest.raises(UnsupportedHost, match="read-only") as caught:
            change()
        assert "transactional-update" in caught.value.hint
    assert MICRO.crashkernel_remedy("256M") == "transactional-update setup-kdump && reboot"
    assert "transactional-update" in MICRO.install_remedy(["kdump"])
    assert "transactional" not in SLES.install_remedy(["kdump"])


# Settings and service


def test_there_is_no_switch_and_settings_that_say_so_stay_byte_for_byte() -> None:
    assert SLES.edit_settings({PATH: SETTINGS}, SettingsWanted()) == ()
    assert SLES.edit_settings({}, SettingsWanted()) == ()
    same = SettingsWanted(directory="/var/crash", collector="makedumpfile -l -d 31", dump_level=31)
    assert SLES.edit_settings({PATH: SETTINGS}, same) == ()
    assert edit_sysconfig_kdump(b"KDUMP_SAVEDIR=file:///srv\n", SettingsWanted(directory="/srv")) == ()


@pytest.mark.parametrize(
    ("wanted", "values"),
    [
        (SettingsWanted(directory="/srv/dump dir"), {"KDUMP_SAVEDIR": "/srv/dump dir"}),
        (SettingsWanted(dump_level=17), {"KDUMP_DUMPLEVEL": "17"}),
        (SettingsWanted(collector="makedumpfile -z -d 1"), {"KDUMP_DUMPFORMAT": "zstd", "KDUMP_DUMPLEVEL": "1"}),
        (SettingsWanted(collector="makedumpfile -F -c -d31 --message-level 7"), {"KDUMP_DUMPFORMAT": "compressed"}),
        (SettingsWanted(collector="makedumpfile -E --cyclic-buffer 64"), {"KDUMP_DUMPFORMAT": "ELF",
                                                                         "MAKEDUMPFILE_OPTIONS": "--cyclic-buffer 64"}),
    ],
)  # fmt: skip
def test_what_is_wanted_is_set_and_nothing_else(wanted: SettingsWanted, values: dict[str, str]) -> None:
    (edit,) = SLES.edit_settings({PATH: SETTINGS}, wanted)
    assert isinstance(edit, FileEdit)
    before = {one.name: one.value for one in parse_shell_assignments([("f", SETTINGS)]).assignments}
    after = {one.name: one.value for one in parse_shell_assignments([("f", edit.after or b"")]).assignments}
    assert after == {**before, **values}
    assert edit.before == SETTINGS
    assert edit_sysconfig_kdump(edit.after, wanted) == ()


def test_a_network_target_gives_way_to_a_directory() -> None:
    for value in ("nfs://vault/srv/dump", "file:///srv/dump file:///b"):
        (edit,) = edit_sysconfig_kdump(f'KDUMP_SAVEDIR="{value}"\n'.encode(), SettingsWanted(directory="/srv/dump"))
        assert edit.after == b"KDUMP_SAVEDIR=/srv/dump\n"


@pytest.mark.parametrize("collector", ["cp", "scp x", "makedumpfile -d 32", "makedumpfile -d", "makedumpfile 'x", ""])
def test_collectors_that_kdump_save_cannot_run(collector: str) -> None:
    with pytest.raises(ParameterError):
        edit_sysconfig_kdump(SETTINGS, SettingsWanted(collector=collector))


def test_without_kdump_there_is_nothing_to_set() -> None:
    with pytest.raises(GateClosed, match="not installed"):
        edit_sysconfig_kdump(None, SettingsWanted(directory="/srv"))


def test_the_service_and_the_tool_that_asks_for_the_size() -> None:
    service = SLES.kdump_service()
    assert (service.unit, service.settings_path) == ("kdump.service", PATH)
    estimate = SLES.estimate_command()
    assert estimate is not None
    assert estimate.shown() == "kdumptool calibrate"
    assert SLES.regenerate_remedy() == "grub2-mkconfig -o /boot/grub2/grub.cfg"
