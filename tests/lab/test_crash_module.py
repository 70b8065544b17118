"""The lab's module: which packages it is built with, what is said where it cannot be, and a real build where it can."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kdumpkit.errors import LabError
from kdumpkit.lab import crash_module
from kdumpkit.lab.crash_module import MODULE, SOURCE, build_module, headers_packages

RELEASE = "6.1.0-56-cloud-amd64"


@pytest.mark.parametrize(
    ("release", "packages"),
    [
        (RELEASE, ("linux-headers-6.1.0-56-cloud-amd64", "linux-headers-6.1.0-56-common", "linux-kbuild-6.1")),
        ("6.1.0-9-amd64", ("linux-headers-6.1.0-9-amd64", "linux-headers-6.1.0-9-common", "linux-kbuild-6.1")),
    ],
)
def test_packages_of_a_kernel(release: str, packages: tuple[str, ...]) -> None:
    assert headers_packages(release) == packages


@pytest.mark.parametrize("release", ["", "6.1.0", "3.10.0-1160.el7.x86_64", "6.1.0-56-cloud-amd64; reboot", "../x"])
def test_a_kernel_that_is_not_debian_s_is_refused_before_anything_is_fetched(
    release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crash_module, "read_offer", lambda _: pytest.fail("it looked for a package"))
    with pytest.raises(LabError, match="not a kernel release of Debian's form"):
        build_module(release, lambda _: None)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kdumpkit"


def test_no_make_and_no_compiler_are_said_with_the_command_that_installs_them(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crash_module, "find_program", lambda _: None)
    with pytest.raises(LabError) as caught:
        build_module(RELEASE, lambda _: None)
    assert "apt-get install make" in caught.value.hint


def test_packages_that_are_not_offered_leave_nothing_that_looks_complete(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crash_module, "find_program", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(crash_module, "read_offer", lambda _: None)
    with pytest.raises(LabError, match=f"do not have linux-headers-{RELEASE}"):
        build_module(RELEASE, lambda _: None)
    assert not list(cache.rglob("complete"))
    assert not list(cache.rglob("*.ko"))


def fake_headers(cache: Path, makefile: str) -> None:
    root = cache / "headers" / RELEASE
    folder = root / f"usr/src/linux-headers-{RELEASE}"
    folder.mkdir(parents=True)
    (folder / "Makefile").write_text(makefile)
    (folder / ".kernelvariables").write_text("CC = $(CROSS_COMPILE)gcc-12\n")
    (root / "complete").touch()


@pytest.mark.skipif(shutil.which("make") is None or shutil.which("gcc") is None, reason="no make or gcc here")
def test_a_build_that_fails_shows_its_last_lines_and_keeps_no_module(cache: Path) -> None:
    fake_headers(cache, "modules:\n\t@echo 'fatal error: linux/bug.h' >&2; exit 1\n")
    with pytest.raises(LabError, match=r"fatal error: linux/bug\.h"):
        build_module(RELEASE, lambda _: None)
    assert not list(cache.rglob("*.ko"))


@pytest.mark.skipif(shutil.which("make") is None or shutil.which("gcc") is None, reason="no make or gcc here")
def test_a_built_module_is_kept_until_its_source_changes(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_headers(cache, f"modules:\n\t@echo built >> {tmp_path}/builds; cp $(M)/{MODULE}.c $(M)/{MODULE}.ko\n")
    changed = tmp_path / "module"
    shutil.copytree(SOURCE, changed)
    monkeypatch.setattr(crash_module, "SOURCE", changed)
    first = build_module(RELEASE, lambda _: None)
    assert build_module(RELEASE, lambda _: None) == first
    (changed / f"{MODULE}.c").write_text("/* other */")
    second = build_module(RELEASE, lambda _: None)
    assert second != first
    assert second.read_text() == "/* other */"
    assert (tmp_path / "builds").read_text().count("built") == 2


def test_the_source_compiles_without_the_builder_s_folder_in_it(tmp_path: Path) -> None:
    """A real build, where this machine has the headers of some Debian kernel installed."""
    headers = sorted(Path("/usr/src").glob("linux-headers-*/.kernelvariables"))
    if not headers or shutil.which("make") is None:
        pytest.skip("no kernel headers are installed here; the tests of real crashes build it with fetched ones")
    work = tmp_path / "some-builder"
    shutil.copytree(SOURCE, work)
    subprocess.run(
        ["make", "-C", str(headers[-1].parent), f"M={work}", "modules"], check=True, capture_output=True, timeout=300
    )
    built = (work / f"{MODULE}.ko").read_bytes()
    assert b"license=Dual MIT/GPL" in built
    # the file name that BUG() prints
    assert b"kdumpkit_crash/kdumpkit_crash.c\0" in built
