"""Debug symbols through stand-ins for apt that hand out a real package with a real ELF file."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

from kdumpkit.errors import DiskFull, LabError
from kdumpkit.lab import packages, symbols

RELEASE = "6.1.0-56-cloud-amd64"
BUILD_ID = "3b43fad5034874490492495d552c0af6a5fab235"

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine")


def elf_with_build_id(build_id: str) -> bytes:
    note = struct.pack("<III", 4, len(build_id) // 2, 3) + b"GNU\0" + bytes.fromhex(build_id)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(note), len(note), 4)
    return header + segment + note


class Apt:
    """A folder with programs named apt-get and apt-cache, first in PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.calls.write_text("")

    def offer(self, version: str, member: str | None = None, build_id: str = BUILD_ID) -> None:
        root = self.folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        (root / "DEBIAN").mkdir(parents=True)
        package = f"linux-image-{RELEASE}-dbg"
        (root / "DEBIAN/control").write_text(
            f"Package: {package}\nVersion: {version}\nArchitecture: all\nMaintainer: N <n@example>\nDescription: x\n"
        )
        vmlinux = root / (member or f"usr/lib/debug/boot/vmlinux-{RELEASE}")
        vmlinux.parent.mkdir(parents=True)
        vmlinux.write_bytes(elf_with_build_id(build_id))
        deb = self.folder / f"{package}_{version}_all.deb"
        subprocess.run(["dpkg-deb", "--build", str(root), str(deb)], check=True, capture_output=True)
        self.program("apt-cache", f"printf 'Package: {package}\\nVersion: {version}\\nSize: {deb.stat().st_size}\\n'")
        self.program("apt-get", f"cp '{deb}' .")

    def program(self, name: str, body: str) -> None:
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> "{self.calls}"\n{body}\n')
        path.chmod(0o755)

    def downloads(self) -> int:
        return sum(line.startswith("apt-get") for line in self.calls.read_text().splitlines())


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Apt(folder)


def kept(tmp_path: Path) -> list[str]:
    root = tmp_path / "cache/kdumpkit/symbols"
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def test_fetched_once_and_kept_by_build_id(apt: Apt, tmp_path: Path) -> None:
    apt.offer("6.1.192-2")
    said: list[str] = []
    vmlinux = symbols.fetch_symbols(RELEASE, said.append)
    assert vmlinux == tmp_path / f"cache/kdumpkit/symbols/{BUILD_ID}/vmlinux"
    assert vmlinux.read_bytes() == elf_with_build_id(BUILD_ID)
    assert "fetched once" in said[0]
    # the package is gone, and so is the folder it was fetched into
    assert kept(tmp_path) == [BUILD_ID]
    assert sorted(path.name for path in vmlinux.parent.iterdir()) == ["about.json", "vmlinux"]
    assert symbols.fetch_symbols(RELEASE, said.append) == vmlinux
    assert apt.downloads() == 1


def test_another_build_of_the_same_release_is_fetched_beside_the_first(apt: Apt, tmp_path: Path) -> None:
    apt.offer("6.1.192-2")
    symbols.fetch_symbols(RELEASE, lambda _: None)
    apt.offer("6.1.192-3", build_id="ab" * 20)
    assert symbols.fetch_symbols(RELEASE, lambda _: None).parent.name == "ab" * 20
    assert kept(tmp_path) == sorted([BUILD_ID, "ab" * 20])


def test_what_is_kept_does_while_the_archive_no_longer_has_it(apt: Apt) -> None:
    apt.offer("6.1.192-2")
    vmlinux = symbols.fetch_symbols(RELEASE, lambda _: None)
    apt.program("apt-cache", "echo 'E: No packages found' >&2; exit 100")
    assert symbols.fetch_symbols(RELEASE, lambda _: None) == vmlinux


def test_a_package_that_is_not_offered(apt: Apt, tmp_path: Path) -> None:
    apt.program("apt-cache", "echo 'E: No packages found' >&2; exit 100")
    with pytest.raises(LabError) as caught:
        symbols.fetch_symbols(RELEASE, lambda _: None)
    assert f"linux-image-{RELEASE}-dbg" in caught.value.message
    assert "apt-get update" in caught.value.hint
    assert kept(tmp_path) == []


def test_a_failed_download_leaves_nothing(apt: Apt, tmp_path: Path) -> None:
    apt.offer("6.1.192-2")
    apt.program("apt-get", "echo 'E: Failed to fetch: 404 Not Found' >&2; exit 100")
    with pytest.raises(LabError, match="404 Not Found"):
        symbols.fetch_symbols(RELEASE, lambda _: None)
    assert kept(tmp_path) == []


def test_a_package_without_vmlinux_leaves_nothing(apt: Apt, tmp_path: Path) -> None:
    apt.offer("6.1.192-2", member="usr/lib/debug/other")
    with pytest.raises(LabError, match=f"has no ./usr/lib/debug/boot/vmlinux-{RELEASE}"):
        symbols.fetch_symbols(RELEASE, lambda _: None)
    assert kept(tmp_path) == []


def test_no_room_is_told_before_the_download(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> None:
    apt.offer("6.1.192-2")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 30, 1 << 30, 1 << 20))
    with pytest.raises(DiskFull, match="1 MiB are free"):
        symbols.fetch_symbols(RELEASE, lambda _: None)
    assert apt.downloads() == 0


@pytest.mark.parametrize("release", ["", "-o", "6.1; reboot", "../../etc", "6.1 x", "6" * 200])
def test_what_is_no_kernel_release_is_refused(apt: Apt, release: str) -> None:
    with pytest.raises(LabError, match="is not a kernel release"):
        symbols.fetch_symbols(release, lambda _: None)
    assert apt.calls.read_text() == ""


def test_a_folder_without_its_vmlinux_is_not_taken(apt: Apt, tmp_path: Path) -> None:
    folder = tmp_path / f"cache/kdumpkit/symbols/{BUILD_ID}"
    folder.mkdir(parents=True)
    (folder / "about.json").write_text(json.dumps({"kernel_release": RELEASE, "version": "6.1.192-2"}))
    assert symbols.find_symbols(RELEASE) is None
    (folder / "vmlinux").write_bytes(b"x")
    assert symbols.find_symbols(RELEASE) == folder / "vmlinux"
    assert symbols.find_symbols(RELEASE, "6.1.192-3") is None
    assert symbols.find_symbols("6.1.0-55-cloud-amd64") is None


@pytest.mark.parametrize("text", ["", "Package: x\n", "Version: 1\n", "Version: 1\nSize: many\n"])
def test_an_answer_that_says_too_little(text: str) -> None:
    assert packages.parse_offer(text) is None


def test_the_first_stanza_is_the_candidate() -> None:
    text = "Package: x\nVersion: 1:2-3\nSize: 42\n\nPackage: x\nVersion: 1:1-1\nSize: 7\n"
    assert packages.parse_offer(text) == ("1:2-3", 42)
