"""Package sources out of apt's own answers."""

from __future__ import annotations

import pytest

from kdumpkit.errors import LabError
from kdumpkit.lab.sources import PackageSource, newest_kernels, parse_index_targets, transport_options


def targets(*rows: tuple[str, str, str, str, str, str]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


BOOKWORM = ("Packages", "Debian", "http://archive.example/debian/", "bookworm", "bookworm", "main")
SECURITY = ("Packages", "Debian", "http://archive.example/security/", "bookworm-security", "bookworm-security", "main")
UPDATES = ("Packages", "Debian", "http://archive.example/debian/", "bookworm-updates", "bookworm-updates", "main")


def test_release_updates_and_security_are_taken() -> None:
    found = parse_index_targets(targets(BOOKWORM, SECURITY, UPDATES), "bookworm")
    assert {source.suite for source in found} == {"bookworm", "bookworm-security", "bookworm-updates"}


@pytest.mark.parametrize(
    "other",
    [
        ("Packages", "Example", "http://third.example/", "bookworm", "bookworm", "main"),
        ("Packages", "Debian", "http://archive.example/debian/", "trixie", "trixie", "main"),
        ("Packages", "Debian", "http://archive.example/debian/", "bookworm", "bookworm", "non-free"),
        ("Translations", "Debian", "http://archive.example/debian/", "bookworm", "bookworm", "main"),
        ("Packages", "Debian Backports", "http://archive.example/debian/", "x", "bookworm-backports", "main"),
    ],
)
def test_what_is_not_this_release_of_debian_is_left_out(other: tuple[str, str, str, str, str, str]) -> None:
    assert parse_index_targets(targets(other), "bookworm") == []
    assert len(parse_index_targets(targets(BOOKWORM, other), "bookworm")) == 1


@pytest.mark.parametrize("text", ["", "\n\n", "Packages\tDebian\n", "no tabs here\n"])
def test_nothing_usable_gives_nothing(text: str) -> None:
    assert parse_index_targets(text, "bookworm") == []


def test_the_same_target_twice_is_one_source() -> None:
    assert len(parse_index_targets(targets(BOOKWORM, BOOKWORM), "bookworm")) == 1


def test_a_source_as_a_stanza() -> None:
    text = PackageSource("http://archive.example/debian/", "bookworm", ("main",)).deb822()
    assert text.startswith("Types: deb\nURIs: http://archive.example/debian/\nSuites: bookworm\nComponents: main\n")
    assert text.endswith("\n")


def test_proxies_and_dates_are_passed_on_and_hooks_are_not() -> None:
    dump = (
        'APT::Update::Post-Invoke "";\n'
        'APT::Update::Post-Invoke:: "rm -rf /";\n'
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::https::CaInfo "/etc/ssl/own.pem";\n'
        'Acquire::Check-Valid-Until "false";\n'
        'Acquire::IndexTargets::deb::Packages::MetaKey "x";\n'
        'DPkg::Post-Invoke:: "reboot";\n'
    )
    kept = transport_options(dump).splitlines()
    assert kept == [
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::https::CaInfo "/etc/ssl/own.pem";',
        'Acquire::Check-Valid-Until "false";',
    ]


PATTERN = r"linux-image-(6)\.(1)\.(0)-(\d+)-cloud-amd64"


def test_the_newest_kernels_by_number_not_by_text() -> None:
    names = [f"linux-image-6.1.0-{number}-cloud-amd64" for number in (9, 47, 100, 56)]
    names += ["linux-image-6.1.0-200-cloud-amd64-dbg", "linux-image-6.1.0-300-amd64", "linux-image-cloud-amd64"]
    assert newest_kernels(names, PATTERN, 2) == [
        "linux-image-6.1.0-56-cloud-amd64",
        "linux-image-6.1.0-100-cloud-amd64",
    ]


def test_one_kernel_where_two_are_needed_is_an_error() -> None:
    with pytest.raises(LabError, match="offer 1 kernels"):
        newest_kernels(["linux-image-6.1.0-56-cloud-amd64"] * 3, PATTERN, 2)
