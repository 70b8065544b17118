"""Kernels of Debian and Ubuntu: which packages one is from, and what a removal takes along."""

from __future__ import annotations

import pytest

from kdumpkit.distributions import distribution_for
from kdumpkit.distributions.debian_kernels import parse_kernel_owners, parse_simulated_removal
from kdumpkit.errors import ParameterError, UnsupportedHost
from kdumpkit.facts.os_release import OsRelease

OLDER = "6.1.0-55-cloud-amd64"


def test_owners_of_a_kernel() -> None:
    debian = f"linux-image-{OLDER}: /boot/vmlinuz-{OLDER}\nlinux-image-{OLDER}: /lib/modules/{OLDER}\n"
    assert parse_kernel_owners(debian, OLDER) == (f"linux-image-{OLDER}",)
    # Ubuntu: modules are a package of their own, and drivers share their directory
    release = "6.8.0-45-generic"
    ubuntu = (
        f"linux-image-{release}: /boot/vmlinuz-{release}\n"
        f"linux-modules-{release}, linux-modules-extra-{release}, zfs-dkms:amd64: /lib/modules/{release}\n"
    )
    assert parse_kernel_owners(ubuntu, release) == (
        f"linux-image-{release}",
        f"linux-modules-{release}",
        f"linux-modules-extra-{release}",
    )
    assert parse_kernel_owners(f"dpkg-query: no path found matching pattern /boot/vmlinuz-{OLDER}\n", OLDER) == ()


def test_what_a_removal_takes_along() -> None:
    said = (
        "The following packages will be REMOVED:\n  linux-image-amd64 linux-image-6.1.0-56-amd64\n"
        "Remv linux-image-amd64 [6.1.192-2]\nRemv linux-image-6.1.0-56-amd64 [6.1.192-2] [other:amd64 ]\n"
    )
    assert parse_simulated_removal(said) == ("linux-image-amd64", "linux-image-6.1.0-56-amd64")
    assert parse_simulated_removal("Inst bash [5.2] (5.3 Debian)\n") == ()


def test_names_are_checked_before_they_are_put_into_commands() -> None:
    debian = distribution_for(OsRelease("debian", (), "12", None))
    for call in (debian.kernel_owner_command, debian.symbol_packages):
        with pytest.raises(ParameterError):
            call("6.1; reboot")
    with pytest.raises(ParameterError):
        debian.remove_kernel_command(("linux-image-$(x)",))
    with pytest.raises(ParameterError):
        debian.simulated_removal_command(())
    assert debian.remove_kernel_command((f"linux-image-{OLDER}",)).argv[-2:] == ("--", f"linux-image-{OLDER}")


def test_a_family_that_does_not_answer_keeps_its_kernels() -> None:
    void = distribution_for(OsRelease("void", (), None, "Void"))
    for refused in (
        lambda: void.edit_default_kernel({}, OLDER),
        lambda: void.edit_boot_once({}, OLDER),
        lambda: void.kernel_owner_command(OLDER),
        lambda: void.parse_kernel_owners("", OLDER),
        lambda: void.simulated_removal_command(("a",)),
        lambda: void.parse_simulated_removal(""),
        lambda: void.remove_kernel_command(("a",)),
    ):
        with pytest.raises(UnsupportedHost, match="Void"):
            refused()
