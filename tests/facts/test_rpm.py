"""Packages and the order of versions, as rpm has them."""

from __future__ import annotations

import pytest

from kdumpkit.errors import ParseError
from kdumpkit.facts.packages import PackageStatus
from kdumpkit.facts.rpm_packages import parse_rpm_query, read_rpm_packages
from kdumpkit.facts.rpm_versions import rpm_version_key
from kdumpkit.facts.unknown import Unknown, Why

from .conftest import TreeHost

#: how rpm prints them, from rpm(8)
ANSWER = (
    b"kexec-tools\t2.0.27-8.el9\tx86_64\n"
    b"kernel\t5.14.0-427.el9\tx86_64\n"
    b"kernel\t5.14.0-427.13.1.el9_4\tx86_64\n"
    b"package crash is not installed\n"
)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("3.10.0-1160.el7", "3.10.0-1160.114.2.el7"),
        ("3.10.0-957.el7", "3.10.0-1160.el7"),
        ("5.14.0-427.el9", "5.14.0-427.13.1.el9_4"),
        ("6.11.4-301.fc41", "6.12.6-200.fc41"),
        ("1.0~rc1", "1.0"),
        ("1.0", "1.0^git1"),
        ("1.0^git1", "1.0.1"),
        ("1.0", "1.0a"),
        ("1.a", "1.1"),
        ("0-rescue", "5.14.0"),
        ("1.9", "1.10"),
    ],
)
def test_the_order_is_that_of_rpmvercmp(older: str, newer: str) -> None:
    assert rpm_version_key(older) < rpm_version_key(newer)


def test_what_only_separates_does_not_count() -> None:
    assert rpm_version_key("1.02-3") == rpm_version_key("1_2+3")


def test_of_several_kernels_the_newest_counts_and_an_exact_one_can_be_asked_for() -> None:
    asked = ("kexec-tools", "kernel", "kernel-5.14.0-427.el9.x86_64", "crash")
    found = parse_rpm_query(ANSWER, asked)
    assert [(package.version, package.usable) for package in found.packages] == [
        ("2.0.27-8.el9", True),
        ("5.14.0-427.13.1.el9_4", True),
        ("5.14.0-427.el9", True),
        (None, False),
    ]
    assert found.get("crash").status is PackageStatus.NOT_INSTALLED


@pytest.mark.parametrize("answer", [b"", b"kexec-tools 2.0.27\n", b"a\0b\n"])
def test_what_is_no_answer_is_not_understood(answer: bytes) -> None:
    with pytest.raises(ParseError):
        parse_rpm_query(answer, ("kexec-tools",))


def test_the_exit_status_counts_what_is_missing(tree: TreeHost) -> None:
    tree.answers["rpm"] = (2, b"package a is not installed\npackage b is not installed\n", b"")
    found = read_rpm_packages(tree, ("a", "b"))
    assert not isinstance(found, Unknown)
    assert not any(package.usable for package in found.packages)


@pytest.mark.parametrize(
    ("status", "stderr", "why"),
    [
        (1, b"error: rpmdb: BDB0113 Thread/process failed\nerror: cannot open Packages index\n", Why.NOT_UNDERSTOOD),
        (127, b"sh: rpm: command not found\n", Why.ABSENT),
        (2, b"", Why.NOT_ANSWERED),
    ],
)
def test_a_broken_database_is_not_a_missing_package(tree: TreeHost, status: int, stderr: bytes, why: Why) -> None:
    tree.answers["rpm"] = (status, b"package kexec-tools is not installed\n", stderr)
    found = read_rpm_packages(tree, ("kexec-tools",))
    assert isinstance(found, Unknown)
    assert found.why is why
