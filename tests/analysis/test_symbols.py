from __future__ import annotations

import os
from pathlib import Path

import pytest

from kdumpkit.analysis.symbols import CandidateState, check_symbols, find_vmlinux, symbols_folder
from kdumpkit.errors import SymbolsMismatch, VmcoreError
from kdumpkit.vmcore.elf import read_build_id
from kdumpkit.vmcore.vmcoreinfo import Vmcoreinfo
from tests.vmcore import dumps

OTHER = "00" * 19 + "01"
RELEASE = "0.0.0-none"  # no machine has it installed


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(path: Path, build_id: str = dumps.BUILD_ID) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dumps.vmlinux(build_id))
    return path


@pytest.mark.parametrize("order", ["<", ">"])
def test_build_id(order: str) -> None:
    assert read_build_id(dumps.BytesView(dumps.vmlinux(dumps.BUILD_ID, order))) == dumps.BUILD_ID
    assert read_build_id(dumps.BytesView(dumps.elf_core())) is None


def test_cache_is_found(own_cache: Path) -> None:
    path = put(own_cache / "kdumpkit" / "symbols" / dumps.BUILD_ID / "vmlinux")
    search = find_vmlinux(dumps.BUILD_ID, RELEASE)
    assert search.path == path
    assert search.taken is not None
    assert search.taken.state is CandidateState.MATCHES


def test_cache_folder_of_the_environment() -> None:
    assert symbols_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/kdumpkit/symbols")
    assert symbols_folder({"XDG_CACHE_HOME": "relative", "HOME": "/h"}) == Path("/h/.cache/kdumpkit/symbols")


@pytest.mark.parametrize(
    "place",
    [
        f"usr/lib/debug/boot/vmlinux-{RELEASE}",
        f"usr/lib/debug/lib/modules/{RELEASE}/vmlinux",
        f"usr/lib/debug/usr/lib/modules/{RELEASE}/vmlinux.debug",
        f"usr/lib/debug/.build-id/{dumps.BUILD_ID[:2]}/{dumps.BUILD_ID[2:]}.debug",
    ],
)
def test_unpacked_package_of_each_distribution(tmp_path: Path, place: str) -> None:
    path = put(tmp_path / "root" / place)
    assert find_vmlinux(dumps.BUILD_ID, RELEASE, search=[tmp_path / "root"]).path == path


def test_other_build_is_passed_over_and_named(tmp_path: Path) -> None:
    wrong = put(tmp_path / "root" / f"usr/lib/debug/boot/vmlinux-{RELEASE}", OTHER)
    right = put(tmp_path / "root" / f"usr/lib/debug/lib/modules/{RELEASE}/vmlinux")
    search = find_vmlinux(dumps.BUILD_ID, RELEASE, search=[tmp_path / "root"])
    assert search.path == right
    seen = {candidate.path: candidate for candidate in search.candidates}
    assert seen[wrong].state is CandidateState.OTHER_BUILD
    assert OTHER in seen[wrong].reason


def test_given_file_is_the_only_one(tmp_path: Path, own_cache: Path) -> None:
    put(own_cache / "kdumpkit" / "symbols" / dumps.BUILD_ID / "vmlinux")
    wrong = put(tmp_path / "mine", OTHER)
    search = find_vmlinux(dumps.BUILD_ID, RELEASE, given=wrong)
    assert search.taken is None
    assert [candidate.path for candidate in search.candidates] == [wrong]


def test_nothing_found_says_where_it_looked() -> None:
    search = find_vmlinux(dumps.BUILD_ID, RELEASE)
    assert search.path is None
    assert len(search.candidates) >= 5
    assert {candidate.state for candidate in search.candidates} == {CandidateState.ABSENT}


def test_dump_without_build_id(tmp_path: Path) -> None:
    path = put(tmp_path / "vmlinux")
    search = find_vmlinux(None, RELEASE, given=path)
    assert search.taken is not None
    assert search.taken.state is CandidateState.NOT_COMPARED
    match = check_symbols(Vmcoreinfo(release="4.18.0"), path)
    assert not match.compared
    assert "names no build id" in match.reason


def test_release_cannot_lead_elsewhere(tmp_path: Path) -> None:
    search = find_vmlinux(None, "../../../etc/passwd", search=[tmp_path])
    assert not any("passwd" in str(candidate.path) for candidate in search.candidates)


def test_not_permitted_is_not_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "vmlinux")
    real = os.open

    def refuse(name: Path, flags: int) -> int:
        if name == path:
            raise PermissionError(13, os.strerror(13))
        return real(name, flags)

    monkeypatch.setattr(os, "open", refuse)
    assert find_vmlinux(dumps.BUILD_ID, RELEASE, given=path).candidates[0].state is CandidateState.NOT_PERMITTED


def test_a_fifo_does_not_hold_up_the_search(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "vmlinux")
    taken = find_vmlinux(dumps.BUILD_ID, dumps.RELEASE, tmp_path / "vmlinux")
    assert taken.path is None
    assert [candidate.state for candidate in taken.candidates] == [CandidateState.NOT_A_VMLINUX]


def test_mismatch_names_both_build_ids(tmp_path: Path) -> None:
    info = Vmcoreinfo(release=dumps.RELEASE, build_id=dumps.BUILD_ID)
    assert check_symbols(info, put(tmp_path / "right")).compared
    with pytest.raises(SymbolsMismatch) as caught:
        check_symbols(info, put(tmp_path / "vmlinux", OTHER))
    assert OTHER in caught.value.message
    assert dumps.BUILD_ID in caught.value.message
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"MZ compressed kernel", dumps.elf_core()])
def test_no_vmlinux(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(content)
    with pytest.raises(VmcoreError, match="vmlinuz"):
        check_symbols(Vmcoreinfo(build_id=dumps.BUILD_ID), path)
    with pytest.raises(VmcoreError, match="not there"):
        check_symbols(Vmcoreinfo(build_id=dumps.BUILD_ID), tmp_path / "absent")
