"""Kernels of rpm: the packages that one is made of, what stands in the way of its removal, and the removal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kdumpkit.distributions import distribution_for
from kdumpkit.distributions.rpm_kernels import (
    KernelPackage,
    kernel_owner_command,
    parse_kernel_owners,
    parse_simulated_removal,
    remove_kernel_command,
    simulated_removal_command,
)
from kdumpkit.errors import ParameterError, UnsupportedHost
from kdumpkit.facts.os_release import OsRelease

VERSION = "5.14.0-427.13.1.el9_4.x86_64"
SOURCE = "kernel-5.14.0-427.13.1.el9_4.src.rpm"


def told(how: str, *names: str, version: str = VERSION, source: str = SOURCE) -> str:
    return "".join(f"{how} {name} {version} {source}\n" for name in names)


def test_every_part_of_a_kernel_and_nothing_that_is_only_built_beside_it() -> None:
    text = (
        told("owner", "kernel-core", "kernel-modules-core", "kernel-core", "kernel-modules")
        + told("beside", "kernel", "kernel-modules-extra", "kernel-core", "kernel-tools", "kernel-devel")
        + told("beside", "kernel-debug-core", "kernel-headers", "kernel-rt-core")
        + told("beside", "kernel", version="5.14.0-427.24.1.el9_4.x86_64")
    )
    assert parse_kernel_owners(text) == tuple(
        f"{name}-{VERSION}"
        for name in ("kernel-core", "kernel-modules-core", "kernel-modules", "kernel", "kernel-modules-extra")
    )


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("kernel", "kernel"),
        ("kernel-modules-core", "kernel"),
        ("kernel-debug-modules-extra", "kernel-debug"),
        ("kernel-uek-core", "kernel-uek"),
        ("kernel-default", "kernel-default"),
        ("kernel-default-extra", "kernel-default"),
        ("kernel-ml-core", "kernel-ml"),
        ("kernel-tools", "kernel-tools"),
    ],
)
def test_which_kernel_a_part_belongs_to(name: str, kernel: str) -> None:
    assert KernelPackage(name, VERSION, SOURCE).kernel == kernel


def test_suse_and_a_kernel_that_is_from_no_package() -> None:
    suse = "kernel-default 5.14.21-150500.53.2.x86_64 kernel-default-5.14.21-150500.53.2.nosrc.rpm\n"
    assert parse_kernel_owners(f"owner {suse}beside {suse}") == ("kernel-default-5.14.21-150500.53.2.x86_64",)
    assert parse_kernel_owners(f"file /boot/vmlinuz-5.1 is not owned by any package\nbeside {suse}") == ()
    # a driver's package that has the kernel's directory too
    assert parse_kernel_owners("owner acme-driver 1-2.x86_64 acme-1-2.src.rpm\n") == ()


def test_what_needs_a_kernel_stands_in_the_way() -> None:
    said = (
        "error: Failed dependencies:\n"
        f"\tkernel-core-uname-r = 5.14 is needed by (installed) kernel-modules-{VERSION}\n"
        "\tkernel-core is needed by (installed) acme-driver-1-2.x86_64\n"
    )
    assert parse_simulated_removal(said) == (f"kernel-modules-{VERSION}", "acme-driver-1-2.x86_64")
    assert parse_simulated_removal("error: package kernel-5.1 is not installed\n") == ()
    assert parse_simulated_removal("removes kernel-5.1\nremoves kernel-core-5.1\n") == ("kernel-5.1", "kernel-core-5.1")


FAKE = """#!/bin/sh
echo "$*" >> @LOG@
case "$*" in
    *--file*) printf 'owner kernel 5.1-1.x86_64 kernel-5.1-1.src.rpm\\n' ;;
    *--all*) printf 'beside kernel-tools 5.1-1.x86_64 kernel-5.1-1.src.rpm\\n' ;;
    *wanted*) echo 'error: Failed dependencies:' >&2
              printf '\\tkernel is needed by (installed) other-1-1.x86_64\\n' >&2; exit 1 ;;
esac
"""


@pytest.fixture
def rpm(tmp_path: Path) -> Path:
    fake = tmp_path / "rpm"
    fake.write_text(FAKE.replace("@LOG@", str(tmp_path / "log")))
    fake.chmod(0o755)
    return tmp_path


def run(argv: tuple[str, ...], there: Path) -> str:
    done = subprocess.run(argv, env={"PATH": f"{there}:{os.environ['PATH']}"}, capture_output=True, check=True)
    return done.stdout.decode()


def test_the_test_removes_nothing_and_tells_both_ends(rpm: Path) -> None:
    assert parse_simulated_removal(run(simulated_removal_command(("a-1", "b-1")).argv, rpm)) == ("a-1", "b-1")
    assert parse_simulated_removal(run(simulated_removal_command(("wanted-1",)).argv, rpm)) == ("other-1-1.x86_64",)
    assert [line.split()[:3] for line in (rpm / "log").read_text().splitlines()] == [["--erase", "--test", "--"]] * 2


def test_only_files_that_are_there_are_asked_for(rpm: Path) -> None:
    text = run(kernel_owner_command("0.0-none").argv, rpm)
    assert text == "beside kernel-tools 5.1-1.x86_64 kernel-5.1-1.src.rpm\n"
    assert "--file" not in (rpm / "log").read_text()


def test_names_are_checked_before_they_are_put_into_commands() -> None:
    for call in (lambda: kernel_owner_command("5.1; reboot"), lambda: simulated_removal_command(())):
        with pytest.raises(ParameterError):
            call()
    with pytest.raises(ParameterError):
        remove_kernel_command(("--all",))
    assert remove_kernel_command((f"kernel-{VERSION}",)).argv == ("rpm", "--erase", "--", f"kernel-{VERSION}")


def test_a_read_only_root_is_left_alone() -> None:
    micro = distribution_for(OsRelease("sle-micro", ("suse",), "5.5", None))
    with pytest.raises(UnsupportedHost, match="new snapshot"):
        micro.remove_kernel_command(("kernel-default-1",))
    for edit in (micro.edit_default_kernel, micro.edit_boot_once):
        with pytest.raises(UnsupportedHost, match="snapshot"):
            edit({}, "5.1")
