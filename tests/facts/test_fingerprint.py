"""fingerprint: digests of files, the parts that are known and those that are not, and the way into a record."""

from __future__ import annotations

import hashlib

import pytest

from kdumpkit.errors import ParseError
from kdumpkit.facts.boot_id import BootIdentity
from kdumpkit.facts.fingerprint import (
    FileDigests,
    Fingerprint,
    fingerprint_as_json,
    fingerprint_from_json,
    fingerprint_of,
    parse_sha256sum,
    read_file_digests,
)
from kdumpkit.facts.kernel_build_id import KernelBuildId
from kdumpkit.facts.kernel_command_line import parse_kernel_command_line
from kdumpkit.facts.packages import Package, Packages, PackageStatus
from kdumpkit.facts.uname import Uname
from kdumpkit.facts.unknown import Unknown, Why

from .conftest import TreeHost

DENIED = Unknown("sha256sum", Why.NOT_PERMITTED, "", (9,))
PATHS = ("/boot/vmlinuz-1", "/var/lib/kdump/initrd.img", "/etc/default/kdump-tools")
DIGESTS = FileDigests({PATHS[0]: "a" * 64, PATHS[1]: "b" * 64, PATHS[2]: None}, (6,))
PACKAGES = Packages(
    (Package("kdump-tools", "1:1.8.1", PackageStatus.INSTALLED), Package("crash", None, PackageStatus.NOT_INSTALLED)),
    (5,),
)


def made(
    digests: FileDigests | Unknown = DIGESTS,
    packages: Packages | Unknown = PACKAGES,
    machine_id: str | Unknown = "m" * 32,
    words: bytes = b"root=UUID=6f7c crashkernel=256M",
    build_id: KernelBuildId | Unknown = KernelBuildId("/sys/kernel/notes", "ab" * 20, (3,)),  # noqa: B008
) -> Fingerprint:
    return fingerprint_of(
        boot=BootIdentity("boot", 1.0, machine_id, "web01", (1,)),
        uname=Uname("web01", "6.1.0-56-amd64", "#1 SMP", "x86_64", (2,)),
        build_id=build_id,
        command_line=parse_kernel_command_line(words, (4,)),
        packages=packages,
        digests=digests,
        kernel=PATHS[0],
        initramfs=PATHS[1],
        settings=PATHS[2:],
    )


def test_parts() -> None:
    found = made()
    assert found.parts == {
        "machine": hashlib.sha256(b"m" * 32).hexdigest(),
        "kernel release": "6.1.0-56-amd64",
        "kernel build id": "ab" * 20,
        "command line": hashlib.sha256(b"root=UUID=6f7c crashkernel=256M").hexdigest(),
        "capture kernel": "a" * 64,
        "capture initramfs": "b" * 64,
        "settings /etc/default/kdump-tools": "absent",
        "package kdump-tools": "1:1.8.1",
    }
    assert found.unknown == {}
    assert found.records == (1, 2, 3, 4, 5, 6)


def test_what_is_not_known_is_told_and_is_no_part() -> None:
    found = made(DENIED, DENIED, Unknown("/etc/machine-id", Why.ABSENT))
    assert set(found.unknown) == {
        "machine",
        "capture kernel",
        "capture initramfs",
        "settings /etc/default/kdump-tools",
        "package",
    }
    assert found.unknown["package"] == "sha256sum: not permitted"
    assert not set(found.unknown) & set(found.parts)


def test_a_kernel_without_a_build_id_has_none_and_one_that_hides_it_is_unknown() -> None:
    assert made(build_id=Unknown("/sys/kernel/notes", Why.ABSENT)).parts["kernel build id"] == "absent"
    assert "kernel build id" in made(build_id=DENIED).unknown


def test_a_secret_on_the_command_line_makes_no_difference() -> None:
    one, other = made(words=b"root=/dev/sda1 password=one"), made(words=b"root=/dev/sda1 password=other")
    assert one.parts == other.parts


def test_into_a_record_and_back() -> None:
    found = made(DENIED)
    back = fingerprint_from_json(fingerprint_as_json(found))
    assert (back.parts, back.unknown) == (found.parts, found.unknown)


@pytest.mark.parametrize(
    "data", [None, [], {}, {"parts": {}}, {"parts": {"a": 1}, "unknown": {}}, {"parts": [], "unknown": {}}]
)
def test_what_is_no_fingerprint(data: object) -> None:
    with pytest.raises(ParseError):
        fingerprint_from_json(data)


def test_digests_of_files(tree: TreeHost) -> None:
    tree.write("/boot/a", b"one")
    tree.write("/boot/with space", b"two")
    found = read_file_digests(tree, ["/boot/a", "/boot/with space", "/boot/none", "/boot/a"])
    assert isinstance(found, FileDigests)
    assert found.digests == {
        "/boot/a": hashlib.sha256(b"one").hexdigest(),
        "/boot/with space": hashlib.sha256(b"two").hexdigest(),
        "/boot/none": None,
    }
    assert found.records == (0,)


@pytest.mark.parametrize(
    ("stdout", "stderr", "words"),
    [
        (b"", b"sha256sum: /a: Permission denied\n", "Permission denied"),
        (b"", b"", "nothing was said"),
        (b"zz  /a\n", b"", "is not a digest"),
        (b"0" * 64 + b"  /b\n", b"", "not a digest of a file that was asked for"),
        (b"\\" + b"0" * 64 + b"  /a\\n\n", b"", "is not a digest"),
    ],
)
def test_digests_that_are_not_understood(stdout: bytes, stderr: bytes, words: str) -> None:
    with pytest.raises(ParseError, match=words):
        parse_sha256sum(stdout, stderr, ["/a"])


def test_a_host_without_sha256sum(tree: TreeHost) -> None:
    tree.answers["sha256sum"] = (127, b"", b"sh: sha256sum: not found\n")
    found = read_file_digests(tree, ["/a"])
    assert isinstance(found, Unknown)
    assert found.why is Why.ABSENT
