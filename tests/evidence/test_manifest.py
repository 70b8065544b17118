from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from evidence.records import STAGES, Story
from kdumpkit.checks.finding import Status
from kdumpkit.errors import EvidenceError, UsageError
from kdumpkit.evidence.manifest import (
    MANIFEST,
    NAMESPACE,
    SIGNATURE,
    build_manifest,
    check_manifest,
    check_signature,
    sign_manifest,
    write_manifest,
)

needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no OpenSSH client on this machine")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = tmp_path / "web01" / "r1"
    story = Story(run).run().begin(STAGES[0]).ask("dmesg", stdout=b"y" * 20_000).find(("a", Status.WARN)).end()
    story.begin(STAGES[1]).end().note("seal", status="WARN")
    (run / "01-prerequisites.ipynb").write_bytes(b'{"cells": []}\n')
    (run / "result.json").write_bytes(b"{}\n")
    (run / "empty").write_bytes(b"")
    write_manifest(run, STAGES)
    return run


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = tmp_path_factory.mktemp("keys")
    for name in ("mine", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", there / name], check=True)
    return there


def signers(keys: Path, line: str, name: str = "mine") -> Path:
    path = keys / "allowed_signers"
    path.write_text(f"{line} {(keys / f'{name}.pub').read_text()}")
    return path


def test_it_is_an_in_toto_statement_over_every_file(folder: Path) -> None:
    statement = json.loads((folder / MANIFEST).read_bytes())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    subjects = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
    blob = hashlib.sha256(b"y" * 20_000).hexdigest()
    names = ["01-prerequisites.ipynb", f"blobs/{blob}", "empty", "result.json", "transcript.jsonl"]
    assert list(subjects) == names
    assert subjects == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    predicate = statement["predicate"]
    assert (predicate["host"], predicate["run_id"], predicate["status"]) == ("web01", "r1", "WARN")
    assert (predicate["exit_status"], predicate["transcript_records"], predicate["sealed_at"]) == (0, 8, 950.0)


def test_the_same_files_give_the_same_bytes_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    os.utime(copy / "result.json", (0, 0))
    assert build_manifest(copy, STAGES) == (folder / MANIFEST).read_bytes()
    check_manifest(copy, STAGES)


def every_file(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_one_changed_byte_in_any_file_is_found(folder: Path) -> None:
    files = [path for path in every_file(folder) if path.name != MANIFEST and path.stat().st_size]
    assert len(files) == 4
    for path in files:
        raw = path.read_bytes()
        for at in {0, len(raw) // 2, len(raw) - 1}:
            path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
            with pytest.raises(EvidenceError):
                check_manifest(folder, STAGES)
        path.write_bytes(raw)
    check_manifest(folder, STAGES)


def test_any_changed_byte_of_the_manifest_itself_is_found(folder: Path) -> None:
    path = folder / MANIFEST
    raw = path.read_bytes()
    for at in range(0, len(raw), 7):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(EvidenceError):
            check_manifest(folder, STAGES)
    for spoilt in (raw + b"\n", raw[:-1], b"", b"[]", b'{"subject": 1}', b"\xff", b"null"):
        path.write_bytes(spoilt)
        with pytest.raises(EvidenceError, match=r"manifest\.json"):
            check_manifest(folder, STAGES)


def _spoil(folder: Path, how: str) -> None:
    match how:
        case "missing":
            (folder / "result.json").unlink()
        case "added":
            (folder / "extra.txt").write_bytes(b"")
        case "added hidden":
            (folder / ".hidden").write_bytes(b"")
        case "added below":
            (folder / "blobs" / "more").write_bytes(b"")
        case "a link to the same bytes":
            target = folder.parent / "result.json"
            (folder / "result.json").rename(target)
            (folder / "result.json").symlink_to(target)
        case "a link to nowhere":
            (folder / "dangling").symlink_to("nowhere")
        case "a link to a folder":
            (folder / "there").symlink_to("/")
        case "a pipe":
            os.mkfifo(folder / "pipe")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", "result.json is missing"),
        ("added", "extra.txt was added"),
        ("added hidden", ".hidden was added"),
        ("added below", "blobs/more was added"),
        ("a link to the same bytes", "result.json is neither a file nor a folder"),
        ("a link to nowhere", "dangling is neither"),
        ("a link to a folder", "there is neither"),
        ("a pipe", "pipe is neither"),
    ],
)
def test_a_file_that_is_missing_added_or_no_file_is_named(folder: Path, how: str, said: str) -> None:
    _spoil(folder, how)
    with pytest.raises(EvidenceError, match=said) as caught:
        check_manifest(folder, STAGES)
    assert caught.value.exit_status == 5


def test_a_folder_that_was_never_sealed_says_so(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    with pytest.raises(EvidenceError, match="was not sealed"):
        check_manifest(folder, STAGES)


def test_without_a_signature_the_words_say_so(folder: Path, tmp_path: Path) -> None:
    assert check_signature(folder, None) == "not signed"
    allowed = tmp_path / "allowed"
    allowed.write_text("")
    with pytest.raises(EvidenceError, match="it is not signed"):
        check_signature(folder, allowed)


@needs_ssh_keygen
def test_a_signature_is_part_of_no_digest_and_checks_with_ssh_keygen_alone(folder: Path, keys: Path) -> None:
    sign_manifest(folder, keys / "mine")
    check_manifest(folder, STAGES)
    words = ["ssh-keygen", "-Y", "verify", "-f", str(signers(keys, "auditor@example.org")), "-I", "auditor@example.org"]
    words += ["-n", "kdumpkit-evidence@v1", "-s", str(folder / SIGNATURE)]
    subprocess.run(words, input=(folder / MANIFEST).read_bytes(), check=True, capture_output=True)
    assert NAMESPACE == "kdumpkit-evidence@v1"


@needs_ssh_keygen
def test_without_a_list_the_key_is_named_and_said_to_be_unchecked(folder: Path, keys: Path) -> None:
    sign_manifest(folder, keys / "mine")
    words = check_signature(folder, None)
    assert "not checked against a list" in words
    printed = subprocess.run(["ssh-keygen", "-lf", keys / "mine.pub"], capture_output=True, text=True, check=True)
    assert printed.stdout.split()[1] in words


@needs_ssh_keygen
@pytest.mark.parametrize(
    ("line", "who"),
    [
        ("auditor@example.org", "auditor@example.org"),
        ("a@example.org,b@example.org", "a@example.org"),
        ("*@example.org", "*@example.org"),
        ('ops namespaces="kdumpkit-evidence@v1"', "ops"),
        ('ops namespaces="kdumpkit-*,git"', "ops"),
    ],
)
def test_a_signer_on_the_list_is_named(folder: Path, keys: Path, line: str, who: str) -> None:
    sign_manifest(folder, keys / "mine")
    assert check_signature(folder, signers(keys, line)) == f"signed by {who}"


@needs_ssh_keygen
@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("auditor@example.org", "other"),
        ('auditor@example.org namespaces="git"', "mine"),
        ('auditor@example.org valid-before="20200101"', "mine"),
    ],
)
def test_a_key_that_is_not_allowed_does_not_verify(folder: Path, keys: Path, line: str, name: str) -> None:
    sign_manifest(folder, keys / "mine")
    with pytest.raises(EvidenceError, match="is by nobody in"):
        check_signature(folder, signers(keys, line, name))


@needs_ssh_keygen
def test_a_signature_for_another_purpose_does_not_verify(folder: Path, keys: Path) -> None:
    words = ["ssh-keygen", "-q", "-Y", "sign", "-f", keys / "mine", "-n", "git", folder / MANIFEST]
    subprocess.run(words, check=True, capture_output=True)
    for allowed in (None, signers(keys, "auditor@example.org")):
        with pytest.raises(EvidenceError):
            check_signature(folder, allowed)


@needs_ssh_keygen
def test_a_signature_of_another_manifest_does_not_verify(folder: Path, keys: Path) -> None:
    sign_manifest(folder, keys / "mine")
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes() + b"\n")
    for allowed in (None, signers(keys, "auditor@example.org")):
        with pytest.raises(EvidenceError):
            check_signature(folder, allowed)


@needs_ssh_keygen
def test_any_changed_byte_of_the_signature_is_found(folder: Path, keys: Path) -> None:
    sign_manifest(folder, keys / "mine")
    path = folder / SIGNATURE
    raw = path.read_bytes()
    body = raw.index(b"\n") + 1
    # ssh-keygen itself reads over white space, over what is before the first line and over unused bits at the end
    ends = [at for at, byte in enumerate(raw) if byte == 0x0A]
    last = raw.index(b"=") - 1
    for at in [0, 5, body - 2, *ends, body, body + 30, body + 100, last, last + 1]:
        for change in (1, 2, 0x20):
            path.write_bytes(raw[:at] + bytes([raw[at] ^ change]) + raw[at + 1 :])
            with pytest.raises(EvidenceError):
                check_signature(folder, None)
    for spoilt in (b"", raw + b"\n", b" " + raw, raw.replace(b"\n", b"\r\n"), raw[:-1], raw * 2):
        path.write_bytes(spoilt)
        with pytest.raises(EvidenceError):
            check_signature(folder, None)
    path.write_bytes(raw)
    check_signature(folder, None)


@needs_ssh_keygen
def test_a_key_that_cannot_sign_is_wrong_use(folder: Path, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "no-key").write_text("what")
    for key in (tmp_path / "missing", tmp_path / "no-key"):
        with pytest.raises(UsageError, match="could not be signed") as caught:
            sign_manifest(folder, key)
        assert caught.value.exit_status == 2
    assert not (folder / SIGNATURE).exists()


def test_what_was_never_signed_is_not_to_be_fetched_again(folder: Path, keys: Path) -> None:
    with pytest.raises(EvidenceError, match="it is not signed") as caught:
        check_signature(folder, signers(keys, "auditor@example.org"))
    assert "signing_key" in caught.value.hint


def test_a_list_of_signers_that_is_missing_is_wrong_use(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file of allowed signers"):
        check_signature(folder, tmp_path / "nowhere")


def test_a_machine_without_ssh_keygen_says_so(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # LocalHost looks in the sbin folders too, so the program itself is renamed
    monkeypatch.setattr("kdumpkit.evidence.manifest.SSH_KEYGEN", "ssh-keygen-that-is-not-there")
    with pytest.raises(UsageError, match="ssh-keygen is not installed"):
        sign_manifest(folder, tmp_path / "key")
