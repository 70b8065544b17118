from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.records import Story, result_of
from kdumpkit.command import Command, command
from kdumpkit.errors import DiskFull, EvidenceError, HostLost
from kdumpkit.evidence.transcript import (
    BLOBS,
    GENESIS,
    INLINE_BYTES,
    TRANSCRIPT,
    Transcript,
    check_evidence_dir,
    decode_bytes,
    mend_transcript,
    read_transcript,
    write_synced,
)


def lines_of(folder: Path) -> list[bytes]:
    return (folder / TRANSCRIPT).read_bytes().splitlines()


def test_folder_that_is_no_evidence_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="not an evidence folder"):
        check_evidence_dir(tmp_path)


def test_every_line_carries_the_digest_of_the_line_before_it(tmp_path: Path) -> None:
    Story(tmp_path).run().begin("01-prerequisites").ask("uname", "-r").end()
    lines = lines_of(tmp_path)
    assert [json.loads(line)["n"] for line in lines] == [0, 1, 2, 3]
    previous = [json.loads(line)["previous"] for line in lines]
    assert previous == [GENESIS, *(hashlib.sha256(line).hexdigest() for line in lines[:-1])]


def test_append_gives_the_number_of_the_record(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path)
    assert [transcript.append("note", {}) for _ in range(3)] == [0, 1, 2]
    assert [r.number for r in read_transcript(tmp_path)] == [0, 1, 2]


def test_a_folder_without_a_transcript_has_no_records(tmp_path: Path) -> None:
    assert read_transcript(tmp_path) == ()


def test_the_transcript_is_for_its_owner_alone(tmp_path: Path) -> None:
    Story(tmp_path).run()
    assert (tmp_path / TRANSCRIPT).stat().st_mode & 0o777 == 0o600


def test_two_writers_one_after_the_other_make_one_chain(tmp_path: Path) -> None:
    runner, notebook = Transcript(tmp_path), Transcript(tmp_path)
    runner.append("run", {})
    notebook.append("stage", {})
    notebook.append("command", {})
    runner.append("notebook", {})
    notebook.append("result", {})
    assert [r.kind for r in read_transcript(tmp_path)] == ["run", "stage", "command", "notebook", "result"]


@pytest.mark.parametrize("torn", [b'{"n":2,"kind":"comm', b"{", b'{"n":2}', b"\xff\xfe"])
def test_a_torn_last_line_is_refused_until_it_is_mended(tmp_path: Path, torn: bytes) -> None:
    Story(tmp_path).run().begin("01-prerequisites")
    with (tmp_path / TRANSCRIPT).open("ab") as file:
        file.write(torn)
    with pytest.raises(EvidenceError, match="line 3 is torn"):
        read_transcript(tmp_path)
    assert mend_transcript(tmp_path) == len(torn)
    assert [r.kind for r in read_transcript(tmp_path)] == ["run", "stage"]
    assert mend_transcript(tmp_path) == 0


def test_whoever_writes_next_mends_a_torn_last_line(tmp_path: Path) -> None:
    Story(tmp_path).run()
    with (tmp_path / TRANSCRIPT).open("ab") as file:
        file.write(b'{"n":1,"ki')
    assert Transcript(tmp_path).append("resume", {}) == 1
    assert [r.kind for r in read_transcript(tmp_path)] == ["run", "resume"]


def test_mending_where_there_is_nothing(tmp_path: Path) -> None:
    assert mend_transcript(tmp_path) == 0
    assert not (tmp_path / TRANSCRIPT).exists()


def test_a_full_disk_leaves_whole_lines_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript = Transcript(tmp_path)
    transcript.append("run", {})
    whole = (tmp_path / TRANSCRIPT).read_bytes()
    real = os.write

    def half_then_full(descriptor: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, bytes(data)[: len(data) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half_then_full)
        with pytest.raises(DiskFull, match="no room to write"):
            transcript.append("stage", {})
    assert (tmp_path / TRANSCRIPT).read_bytes() == whole
    assert transcript.append("stage", {}) == 1
    assert [r.kind for r in read_transcript(tmp_path)] == ["run", "stage"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"
    write_synced(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        write_synced(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["result.json"]


def test_other_failures_to_write_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError):
        write_synced(tmp_path / "file" / "below", b"")


def _altered(lines: list[bytes], how: str) -> list[bytes]:
    match how:
        case "a value":
            return [lines[0], lines[1].replace(b"uname", b"uptime"), *lines[2:]]
        case "a line taken out":
            return [lines[0], *lines[2:]]
        case "two lines changed over":
            return [lines[0], lines[2], lines[1], *lines[3:]]
        case "a line twice":
            return [*lines[:2], lines[1], *lines[2:]]
        case "a line before the first":
            return [lines[0], *lines]
        case "white space":
            return [lines[0], lines[1].replace(b",", b", ", 1), *lines[2:]]
        case "not JSON":
            return [lines[0], b"what", *lines[2:]]
        case "not a mapping":
            return [lines[0], b"[1,2]", *lines[2:]]
        case "nesting without end":
            return [lines[0], b"[" * 200_000, *lines[2:]]
        case "an empty line":
            return [lines[0], b"", *lines[1:]]
    raise ValueError(how)


@pytest.mark.parametrize(
    "how",
    [
        "a value",
        "a line taken out",
        "two lines changed over",
        "a line twice",
        "a line before the first",
        "white space",
        "not JSON",
        "not a mapping",
        "nesting without end",
        "an empty line",
    ],
)
def test_a_change_in_the_middle_is_found(tmp_path: Path, how: str) -> None:
    story = Story(tmp_path).run()
    for _ in range(3):
        story.ask("uname", "-r")
    (tmp_path / TRANSCRIPT).write_bytes(b"".join(line + b"\n" for line in _altered(lines_of(tmp_path), how)))
    with pytest.raises(EvidenceError, match="torn, altered or out of order"):
        read_transcript(tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_before_the_last_line_is_found(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "run"
    if not folder.exists():
        Story(folder).run().ask("uname", "-r", stdout=b"6.1.0\n").end()
    raw = (folder / TRANSCRIPT).read_bytes()
    end = raw.rstrip(b"\n").rfind(b"\n")
    at = data.draw(st.integers(0, end))
    value = data.draw(st.integers(0, 255).filter(lambda v: v != raw[at]))
    changed = tmp_path / "changed"
    changed.mkdir(exist_ok=True)
    (changed / TRANSCRIPT).write_bytes(raw[:at] + bytes([value]) + raw[at + 1 :])
    with pytest.raises(EvidenceError):
        read_transcript(changed)


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"plain\n",
        "ü\u2028\u0085 \U0001f600".encode(),
        b"\xff\xfe\x00binary",
        b"\r\n\x0b\x0c\x1c",
        b"x" * INLINE_BYTES,
        b"x" * (INLINE_BYTES + 1),
        bytes(range(256)) * 100,
    ],
)
def test_output_comes_back_byte_for_byte(tmp_path: Path, output: bytes) -> None:
    Story(tmp_path).ask("cat", "file", stdout=output)
    (record,) = read_transcript(tmp_path)
    assert decode_bytes(record.data["stdout"], tmp_path) == output
    assert (tmp_path / BLOBS).exists() == (len(output) > INLINE_BYTES)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(output=st.binary(max_size=200), words=st.lists(st.text(max_size=20), min_size=1, max_size=3))
def test_any_bytes_and_any_words_are_kept_and_chained(tmp_path: Path, output: bytes, words: list[str]) -> None:
    before = len(read_transcript(tmp_path))
    made = Command(tuple(words))
    number = Transcript(tmp_path).record_command("target", made, result_of(made, output))
    records = read_transcript(tmp_path)
    assert number == before == len(records) - 1


def test_the_same_large_output_is_kept_once(tmp_path: Path) -> None:
    Story(tmp_path).ask("dmesg", stdout=b"y" * 50_000).ask("dmesg", stdout=b"y" * 50_000)
    (blob,) = (tmp_path / BLOBS).iterdir()
    assert blob.name == hashlib.sha256(b"y" * 50_000).hexdigest()
    assert all(r.data["stdout"] == {"blob": blob.name, "size_bytes": 50_000} for r in read_transcript(tmp_path))


def test_a_blob_that_was_changed_or_lost_is_evidence_that_does_not_verify(tmp_path: Path) -> None:
    Story(tmp_path).ask("dmesg", stdout=b"y" * 50_000)
    (record,) = read_transcript(tmp_path)
    (blob,) = (tmp_path / BLOBS).iterdir()
    blob.write_bytes(b"z" * 50_000)
    with pytest.raises(EvidenceError, match="does not hold what its name says"):
        decode_bytes(record.data["stdout"], tmp_path)
    blob.unlink()
    with pytest.raises(EvidenceError, match="is missing"):
        decode_bytes(record.data["stdout"], tmp_path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "/" * 64, "a" * 63])
def test_a_blob_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(EvidenceError, match="cannot be one"):
        decode_bytes({"blob": name, "size_bytes": 1}, tmp_path)


def test_secrets_never_reach_the_disk(tmp_path: Path) -> None:
    canary = b"CANARY-hunter2"
    made = Command(("mount", "-o", "password=" + canary.decode()), stdin=b"secret: " + canary)
    transcript = Transcript(tmp_path)
    transcript.record_command("target", made, result_of(made, b"api_key=" + canary, b"passwd = '" + canary + b"'"))
    big = b"x" * 20_000 + b"\npassphrase=" + canary
    transcript.record_command("target", command("cat"), result_of(command("cat"), big))
    lost = HostLost(f"it said password={canary.decode()}", f"type secret={canary.decode()}")
    transcript.record_failure("target", made, lost, 1.0, 1.0)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert not [path for path in files if canary in path.read_bytes()]


def test_the_clock_is_the_end_of_the_newest_timed_event(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path)
    transcript.append("stage", {}, started_at=100.1234567)
    assert transcript.now == pytest.approx(100.123457, abs=1e-9)
    transcript.append("findings", {}, started_at=200.0)
    assert transcript.now == pytest.approx(100.123457, abs=1e-9)
    transcript.record_command("target", command("true"), result_of(command("true")))
    assert transcript.now == read_transcript(tmp_path)[-1].ended_at == 1000.25
