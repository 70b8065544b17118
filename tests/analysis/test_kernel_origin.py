"""Whose kernel a release is, and the exact package with its symbols; releases of the forms that builders use."""

from __future__ import annotations

import pytest

from kdumpkit.analysis.kernel_origin import Vendor, changelog_command, find_origin, symbols_source

ID = "3b43fad5034874490492495d552c0af6a5fab235"


@pytest.mark.parametrize(
    ("release", "banner", "vendor", "package"),
    [
        ("6.1.0-56-cloud-amd64", "", Vendor.DEBIAN, "linux-image-6.1.0-56-cloud-amd64-dbg"),
        ("6.12.48+deb13-amd64", "", Vendor.DEBIAN, "linux-image-6.12.48+deb13-amd64-dbg"),
        ("4.19.0-26-686-pae", "", Vendor.DEBIAN, "linux-image-4.19.0-26-686-pae-dbg"),
        ("5.10.0-0.bpo.7-arm64", "", Vendor.DEBIAN, "linux-image-5.10.0-0.bpo.7-arm64-dbg"),
        ("5.15.0-91-generic", "#101-Ubuntu SMP", Vendor.UBUNTU, "linux-image-unsigned-5.15.0-91-generic-dbgsym"),
        ("6.8.0-1021-aws", "#23~22.04.1-Ubuntu", Vendor.UBUNTU, "linux-image-unsigned-6.8.0-1021-aws-dbgsym"),
        ("6.8.0-1021-aws", "", Vendor.UBUNTU, "linux-image-unsigned-6.8.0-1021-aws-dbgsym"),
        ("3.10.0-1160.el7.x86_64", "", Vendor.EL, "kernel-debuginfo-3.10.0-1160.el7.x86_64"),
        ("2.6.32-754.el6.x86_64", "", Vendor.EL, "kernel-debuginfo-2.6.32-754.el6.x86_64"),
        ("5.14.0-427.13.1.el9_4.x86_64", "", Vendor.EL, "kernel-debuginfo-5.14.0-427.13.1.el9_4.x86_64"),
        ("5.14.0-427.el9.aarch64+64k", "", Vendor.EL, "kernel-64k-debuginfo-5.14.0-427.el9.aarch64"),
        ("5.14.0-70.rt21.el9.x86_64", "", Vendor.EL, "kernel-rt-debuginfo-5.14.0-70.rt21.el9.x86_64"),
        ("6.12.0-55.el10.x86_64+debug", "", Vendor.EL, "kernel-debug-debuginfo-6.12.0-55.el10.x86_64"),
        ("6.8.5-301.fc40.x86_64", "", Vendor.FEDORA, "kernel-debuginfo-6.8.5-301.fc40.x86_64"),
        ("5.4.17-2136.300.7.el8uek.x86_64", "", Vendor.UEK, "kernel-uek-debuginfo-5.4.17-2136.300.7.el8uek.x86_64"),
        ("4.14.355-275.570.amzn2.x86_64", "", Vendor.AMAZON, "kernel-debuginfo-4.14.355-275.570.amzn2.x86_64"),
        ("6.1.79-99.164.amzn2023.x86_64", "", Vendor.AMAZON, "kernel-debuginfo-6.1.79-99.164.amzn2023.x86_64"),
        ("6.12.20-23.97.amzn2023.x86_64", "", Vendor.AMAZON, "kernel6.12-debuginfo-6.12.20-23.97.amzn2023.x86_64"),
        ("5.14.21-150500.55.39-default", "", Vendor.SUSE, "kernel-default-debuginfo"),
        ("6.9.1-1-default", "", Vendor.SUSE, "kernel-default-debuginfo"),
        ("5.3.18-57-preempt", "", Vendor.SUSE, "kernel-preempt-debuginfo"),
    ],
)
def test_builder_and_package(release: str, banner: str, vendor: Vendor, package: str) -> None:
    origin = find_origin(release, banner)
    assert origin is not None
    assert origin.vendor is vendor
    source = symbols_source(origin, ID)
    assert source.packages[0] == package
    assert source.commands
    assert source.vmlinux_path is not None
    assert release in source.vmlinux_path


def test_the_version_that_the_banner_names_is_asked_for() -> None:
    origin = find_origin("6.1.0-9-amd64", "Linux version 6.1.0-9-amd64 (x@y) #1 SMP Debian 6.1.27-1 (2023-05-08)")
    assert origin is not None
    assert symbols_source(origin).commands[-1] == "apt-get install --yes linux-image-6.1.0-9-amd64-dbg=6.1.27-1"


GCC = "(gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40)"


def test_the_version_of_the_compiler_is_not_taken_for_the_kernels() -> None:
    banner = f"Linux version 6.1.0-57-cloud-amd64 (debian-kernel@lists.debian.org) {GCC} #1 SMP PREEMPT_DYNAMIC "
    origin = find_origin("6.1.0-57-cloud-amd64", banner + "Debian 6.1.192-3 (2026-11-26)")
    assert origin is not None
    assert origin.package_version == "6.1.192-3"


@pytest.mark.parametrize(
    "compiler", [GCC, "(gcc (Ubuntu 13.2.0-23ubuntu4) 13.2.0, GNU ld 2.42)", "(gcc (SUSE Linux) 7.5.0, GNU ld 2.41)"]
)
def test_a_kernel_is_not_a_distributions_for_being_compiled_there(compiler: str) -> None:
    origin = find_origin("6.6.8-custom", f"Linux version 6.6.8-custom (me@desk) {compiler} #3 SMP Fri Jan 5 2024")
    assert origin is not None
    assert (origin.vendor, origin.package_version) == (Vendor.UNKNOWN, None)


def test_suse_is_asked_by_build_id() -> None:
    origin = find_origin("6.4.0-150600.21-default")
    assert origin is not None
    assert f"'debuginfo(build-id)={ID}'" in symbols_source(origin, ID).commands[0]
    # a build id comes out of a dump: nothing else than one gets into a command
    assert "rm" not in symbols_source(origin, "x'; rm -rf /").commands[0]


@pytest.mark.parametrize("release", ["6.7.0-arch3-1", "6.9.0-rc3+", "5.10.0", "6.6.8-custom"])
def test_a_kernel_of_nobody_known_is_said_to_be_so(release: str) -> None:
    origin = find_origin(release)
    assert origin is not None
    assert origin.vendor is Vendor.UNKNOWN
    assert symbols_source(origin, ID).packages == ()
    assert ID in symbols_source(origin, ID).note
    assert changelog_command(origin, "foo") == ""


@pytest.mark.parametrize("release", [None, "", "6.1$(reboot)", "../../etc", "-x", "6.1;reboot"])
def test_what_no_release_is_gives_no_command(release: str | None) -> None:
    assert find_origin(release) is None


def test_words_of_a_log_do_not_get_into_a_command() -> None:
    origin = find_origin("6.1.0-9-amd64")
    assert origin is not None
    assert changelog_command(origin, "a;reboot") == ""
    assert changelog_command(origin, "widget_put").endswith(" widget_put")
