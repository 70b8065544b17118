"""The guest's own package source, read by real dpkg and apt."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kdumpkit.errors import LabError
from kdumpkit.lab.package_source import write_package_source

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on this machine")


def build_package(folder: Path, name: str, file_name: str) -> None:
    root = folder / f".{name}"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1:2.0-1\nArchitecture: all\nMaintainer: Nobody <nobody@example>\n"
        "Description: a package of a test\n with a second line\n"
    )
    subprocess.run(["dpkg-deb", "--build", str(root), str(folder / file_name)], check=True, capture_output=True)
    shutil.rmtree(root)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("srv/packages/partial", "etc/apt/sources.list.d", "var/lib/apt/lists/partial"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/apt/sources.list.d/0000debian.sources").write_text("Types: deb\n")
    (tmp_path / "var/lib/apt/lists/old_Packages").write_text("Package: old\n")
    (tmp_path / "srv/packages/lock").write_text("")
    return tmp_path


@needs_dpkg
def test_the_source_is_the_only_one_and_names_what_is_there(tree: Path) -> None:
    packages = tree / "srv/packages"
    build_package(packages, "makedumpfile", "makedumpfile_1%3a2.0-1_all.deb")
    build_package(packages, "crash", "crash_2.0-1_all.deb")
    assert sorted(write_package_source(tree, "srv/packages")) == ["crash", "makedumpfile"]
    assert list((tree / "etc/apt/sources.list.d").iterdir()) == []
    assert (tree / "etc/apt/sources.list").read_text() == "deb [trusted=yes] file:/srv/packages ./\n"
    assert not (tree / "var/lib/apt/lists/old_Packages").exists()
    assert not (packages / "lock").exists()
    assert not (packages / "partial").exists()

    index = (packages / "Packages").read_bytes()
    stanzas = index.decode().strip().split("\n\n")
    assert len(stanzas) == 2
    for stanza in stanzas:
        named = re.search(r"^Filename: \./(\S+)$", stanza, re.MULTILINE)
        digest = re.search(r"^SHA256: (\S+)$", stanza, re.MULTILINE)
        size = re.search(r"^Size: (\d+)$", stanza, re.MULTILINE)
        assert named is not None
        assert digest is not None
        assert size is not None
        assert "%" not in named[1]
        content = (packages / named[1]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest[1]
        assert len(content) == int(size[1])
    release = (packages / "Release").read_text()
    assert f" {hashlib.sha256(index).hexdigest()} {len(index)} Packages\n" in release


@needs_dpkg
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt on this machine")
def test_apt_reads_it_without_network_and_without_complaint(tree: Path, tmp_path: Path) -> None:
    build_package(tree / "srv/packages", "makedumpfile", "makedumpfile_1%3a2.0-1_all.deb")
    write_package_source(tree, "srv/packages")
    sources = tmp_path / "sources.list"
    sources.write_text(f"deb [trusted=yes] file:{tree}/srv/packages ./\n")
    state = tmp_path / "state"
    (state / "lists/partial").mkdir(parents=True)
    options = [
        *("-o", f"Dir::Etc::SourceList={sources}", "-o", "Dir::Etc::SourceParts=-", "-o", f"Dir::State={state}"),
        *("-o", f"Dir::State::status={state}/status", "-o", f"Dir::Cache={state}", "-o", "APT::Sandbox::User="),
    ]
    (state / "status").write_text("")
    done = subprocess.run(["apt-get", *options, "update"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Err:" not in done.stdout
    policy = subprocess.run(
        ["apt-cache", *options, "policy", "makedumpfile"], capture_output=True, text=True, check=True
    )
    assert "Candidate: 1:2.0-1" in policy.stdout


def test_a_source_without_packages_is_an_error(tree: Path) -> None:
    with pytest.raises(LabError, match="were not fetched"):
        write_package_source(tree, "srv/packages")
