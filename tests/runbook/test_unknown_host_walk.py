"""Bad input on a host of a distribution that nobody knows: each stage comes to its end, and nothing is changed.

The host is the documented one of ``void/check``, with one of its files, or all of them, not there, empty, or garbage,
or with one of its answers spoilt. What was a check before is a check then, and what it cannot tell is UNKNOWN.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kdumpkit.evidence.transcript import Record, read_transcript
from tests.recordings.from_documents import DOCUMENTS, HERE, make_recording

VOID = HERE / "void/check"
GARBAGE = b"\xff\xfe\x00garbage %s\n"
SPOILT: dict[str, bytes | None] = {"absent": None, "empty": b"\n", "garbage": GARBAGE}
#: the stage that each of them opens asks for these at once, and says what it did not get
OPENS = "uname and os-release"
Findings = dict[str, str]


def findings(records: tuple[Record, ...]) -> Findings:
    return {
        f"{record.stage[:2]} {found['id']}": found["status"]
        for record in records
        if record.kind == "findings"
        for found in record.data["findings"]
    }


def walk(tmp_path: Path, spoil: Callable[[Path], None], mode: str = "check") -> tuple[Record, ...]:
    """All six stages over documents that were spoilt."""
    documents = tmp_path / DOCUMENTS
    shutil.copytree(VOID / DOCUMENTS, documents, symlinks=True)
    spoil(documents)
    about: dict[str, Any] = yaml.safe_load((documents / "host.yaml").read_text())
    about["given"].update(mode=mode, consent="void01")
    measure = {"command": "makedumpfile --mem-usage /proc/kcore", "exit_status": 127, "stderr": "not found"}
    about["answers"] = [*about.get("answers", ()), measure]
    (documents / "host.yaml").write_text(yaml.safe_dump(about))
    records = read_transcript(make_recording(documents, tmp_path / "out"))
    shutil.rmtree(documents)
    shutil.rmtree(tmp_path / "out")
    return records


def overwrite(path: Path, data: bytes | None) -> None:
    path.unlink() if data is None else path.write_bytes(data)


def nothing_was_changed(records: tuple[Record, ...]) -> bool:
    return not [record for record in records if record.kind in ("intent", "applied", "undo")]


def judged(records: tuple[Record, ...], before: Findings) -> None:
    """Each stage came to its end, each check was made, and none is better than it was with the input whole."""
    ends = {record.stage: record.data["error_text"] for record in records if record.kind == "notebook"}
    assert ends == dict.fromkeys(ends, "")
    assert nothing_was_changed(records)
    now = findings(records)
    assert set(before) <= set(now)
    better = {id for id, status in now.items() if status == "PASS" and before.get(id) != "PASS"}
    assert better == set()


@pytest.fixture(scope="module")
def whole() -> Findings:
    return findings(read_transcript(VOID))


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("mode", ["check", "plan"])
def test_where_no_file_can_be_read_every_check_is_made_and_tells_nothing(
    tmp_path: Path, whole: Findings, how: str, mode: str
) -> None:
    def spoil(documents: Path) -> None:
        for path in (documents / "root").rglob("*"):
            if path.is_file():
                overwrite(path, SPOILT[how])

    def without_its_name(documents: Path) -> None:
        spoil(documents)
        # without os-release the stages say so and stop, see below
        (documents / "root/etc").mkdir(exist_ok=True)
        shutil.copy(VOID / DOCUMENTS / "root/etc/os-release", documents / "root/etc/os-release")

    records = walk(tmp_path, without_its_name, mode)
    judged(records, whole)
    now = findings(records)
    for id in ("crashkernel.configured", "crashkernel.reserved", "kexec.loaded", "kexec.load_allowed"):
        assert {status for name, status in now.items() if name[3:] == id} == {"UNKNOWN"}, id


@pytest.mark.parametrize("how", ["absent", "empty", "garbage"])
def test_a_host_without_a_name_for_its_system_is_not_guessed_at(tmp_path: Path, whole: Findings, how: str) -> None:
    records = walk(tmp_path, lambda documents: overwrite(documents / "root/etc/os-release", SPOILT[how]))
    judged(records, whole)
    assert findings(records)["01 host.supported"] == "WARN"


def test_in_apply_it_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    records = walk(tmp_path, lambda documents: None, "apply")
    ends = [record.data["error_name"] for record in records if record.kind == "notebook"]
    assert ends == ["UnsupportedHost"] * 6
    assert nothing_was_changed(records)


@pytest.mark.slow
@pytest.mark.parametrize("how", SPOILT)
def test_any_one_file_may_be_spoilt(tmp_path: Path, whole: Findings, how: str) -> None:
    root = VOID / DOCUMENTS / "root"
    files = [path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file()]
    assert len(files) > 25
    for file in files:
        judged(walk(tmp_path, lambda documents, at=file: overwrite(documents / "root" / at, SPOILT[how])), whole)


def spoil_answer(shown: str, answer: dict[str, Any]) -> Callable[[Path], None]:
    def spoil(documents: Path) -> None:
        about = yaml.safe_load((documents / "host.yaml").read_text())
        about["answers"] = [{"command": shown, **answer}]
        (documents / "host.yaml").write_text(yaml.safe_dump(about))

    return spoil


def test_a_host_that_tells_no_kernel_is_nothing_to_go_on_with(tmp_path: Path) -> None:
    records = walk(tmp_path, spoil_answer(OPENS, {"exit_status": 127, "stderr": "not found"}))
    texts = [record.data["error_text"] for record in records if record.kind == "notebook"]
    assert len(texts) == 6
    for text in texts:
        assert "uname and os-release: absent" in text
        # the title of a command is no file to look into
        assert "next: on the host, see: uname and os-release" in text


@pytest.mark.slow
@pytest.mark.parametrize("answer", [{"exit_status": 127, "stderr": "not found"}, {"stdout": "\0garbage %s\n"}, {}])
def test_any_one_answer_may_be_spoilt(tmp_path: Path, whole: Findings, answer: dict[str, Any]) -> None:
    asked = dict.fromkeys(
        record.data.get("title") or shlex.join(record.data["argv"])
        for record in read_transcript(VOID)
        if record.kind == "command" and record.data["host"] == "target"
    )
    for shown in asked:
        records = walk(tmp_path, spoil_answer(shown, answer))
        if shown == OPENS or (answer.get("exit_status") and shown.startswith("read ")):
            # a host that tells no kernel, or has no shell, is nothing to go on with: the stages say what they lack
            ends = {record.data["error_name"] for record in records if record.kind == "notebook"}
            assert ends <= {"", "FactNotCollected", "CommandFailed"}
            assert ends != {""}
            assert nothing_was_changed(records)
            continue
        judged(records, whole)
