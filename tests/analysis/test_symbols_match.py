"""One verdict on symbols: what `kdumpkit analyse` and stage 06 say of the same search, live and out of its document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kdumpkit.analysis import symbols_search
from kdumpkit.analysis.dump_symbols import symbols_match
from kdumpkit.analysis.symbols import CandidateState, SymbolSearch, search_symbols
from kdumpkit.analysis.symbols_search import parse_symbols_search
from kdumpkit.errors import ParseError
from tests.vmcore import dumps

OTHER = "00" * 19 + "01"
RELEASE = "0.0.0-none"  # no machine has it installed


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def put(path: Path, build_id: str = dumps.BUILD_ID) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dumps.vmlinux(build_id))
    return path


def printed(capsys: pytest.CaptureFixture[str], build_id: str, given: Path | None) -> SymbolSearch:
    """The search as stage 06 has it: out of what the command printed."""
    arguments = ["--build-id", build_id, "--release", RELEASE, *(() if given is None else ("--given", str(given)))]
    assert symbols_search.main(arguments) == 0
    return parse_symbols_search(capsys.readouterr().out.encode(), build_id, RELEASE)


@pytest.mark.parametrize(
    ("case", "status", "words"),
    [
        ("fits", "PASS", f"has the dump's build id {dumps.BUILD_ID}"),
        ("folder fits", "PASS", f"has the dump's build id {dumps.BUILD_ID}"),
        ("another build", "FAIL", f"vmlinux has build id {OTHER}, and the kernel that died ({RELEASE}) has"),
        ("folder of another build", "FAIL", "1 of another build were left alone"),
        ("no vmlinux", "FAIL", "is no vmlinux"),
        (
            "nowhere",
            "WARN",
            f"no vmlinux with the dump's build id {dumps.BUILD_ID} is on this machine: the log carries",
        ),
        ("not compared", "WARN", "was not compared with it"),
        ("nothing to compare", "WARN", "the dump does not name its kernel's build id"),
    ],
)
def test_both_say_the_same(
    case: str, status: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_id, given = dumps.BUILD_ID, None
    inside = tmp_path / "package" / "usr/lib/debug/boot" / f"vmlinux-{RELEASE}"
    if case in ("fits", "not compared"):
        given = put(tmp_path / "vmlinux")
    elif case == "another build":
        given = put(tmp_path / "vmlinux", OTHER)
    elif case.startswith("folder"):
        put(inside, dumps.BUILD_ID if case == "folder fits" else OTHER)
        given = tmp_path / "package"
    elif case == "no vmlinux":
        given = tmp_path / "notes"
        given.write_bytes(b"words")
    if case in ("not compared", "nothing to compare"):
        build_id = ""
    live = search_symbols(build_id or None, RELEASE, given)
    stage = printed(capsys, build_id, given)
    found = [symbols_match(search, given=given is not None, remedy="install them") for search in (live, stage)]
    assert found[0] == found[1]
    assert found[0].status == status
    assert words in found[0].reason
    assert found[0].remedy == ("" if live.path is not None else "install them")
    assert (live.path is not None) == (case in ("fits", "folder fits", "not compared"))
    assert live.path == stage.path


def test_a_document_that_does_not_name_states() -> None:
    rows = [
        {"path": "/a/vmlinux", "build_id": OTHER, "why": "vmlinux is another build"},
        {"path": "/b/notes", "build_id": None, "why": "notes is no vmlinux"},
        {"path": "/c/vmlinux", "build_id": dumps.BUILD_ID, "why": "vmlinux has the dump's build id"},
    ]
    document = json.dumps({"vmlinux": "/c/vmlinux", "candidates": rows}).encode()
    found = parse_symbols_search(document, dumps.BUILD_ID, RELEASE)
    assert [candidate.state for candidate in found.candidates] == [
        CandidateState.OTHER_BUILD,
        CandidateState.NOT_A_VMLINUX,
        CandidateState.MATCHES,
    ]
    assert found.path == Path("/c/vmlinux")
    assert symbols_match(found, given=False, remedy="").status == "PASS"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no JSON",
        b"[]",
        b'{"vmlinux": null}',
        b'{"vmlinux": null, "candidates": [1]}',
        b'{"vmlinux": null, "candidates": [{"path": "/a", "state": "odd", "build_id": null, "why": ""}]}',
        # taken, and never looked at: not believed
        b'{"vmlinux": "/a/vmlinux", "candidates": []}',
    ],
)
def test_what_is_no_such_document_is_no_verdict(content: bytes) -> None:
    with pytest.raises(ParseError):
        parse_symbols_search(content, dumps.BUILD_ID, RELEASE)
