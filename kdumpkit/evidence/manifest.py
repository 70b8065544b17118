"""``manifest.json``: an in-toto Statement over every file of an evidence folder, and its signature.

The manifest is a function of the files alone, byte for byte, so a changed manifest is noticed even where
nobody signed it. Its form is the in-toto Statement v1 (in-toto attestation framework, spec v1).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import EvidenceError, UsageError
from kdumpkit.evidence.transcript import read_transcript, write_synced
from kdumpkit.evidence.verdict import judge
from kdumpkit.hosts.local import LocalHost

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
NAMESPACE = "kdumpkit-evidence@v1"
SSH_KEYGEN = "ssh-keygen"
_CHUNK_BYTES = 1 << 20


def build_manifest(folder: Path, stages: Sequence[str]) -> bytes:
    """The manifest that belongs to the files in ``folder`` as they are now."""
    records = read_transcript(folder)
    verdict = judge(records, stages)
    begin = next((record for record in records if record.kind == "run"), None)
    sealed = [record for record in records if record.kind == "seal"]
    predicate: dict[str, Any] = {
        "host": records[0].data.get("host") if begin else None,
        "run_id": begin.data.get("run_id") if begin else None,
        "versions": begin.data.get("versions") if begin else None,
        "templates": begin.data.get("templates") if begin else None,
        "sealed_at": sealed[-1].started_at if sealed else None,
        "transcript_records": len(records),
        "status": verdict.status,
        "exit_status": verdict.exit_status,
    }
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in _digests(folder)],
        "predicateType": "https://kdumpkit.invalid/run/v1",
        "predicate": predicate,
    }
    return (json.dumps(statement, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def write_manifest(folder: Path, stages: Sequence[str]) -> None:
    """Seal a folder: nothing in it is written after this but the signature."""
    write_synced(folder / MANIFEST, build_manifest(folder, stages))


def check_signing_key(key: Path) -> None:
    """Raise UsageError where there is no such key: a run ends with the signature, which is late to find that out."""
    if not key.expanduser().is_file():
        raise UsageError(
            f"signing_key is {key}, and there is no such file; nothing was done",
            "ls ~/.ssh, or leave signing_key empty",
        )


def sign_manifest(folder: Path, key: Path) -> None:
    """Sign the manifest with an SSH key (OpenSSH 8.2 or newer; agents and hardware keys work).

    Raises UsageError where ssh-keygen cannot sign with it.
    """
    result = _ssh_keygen(
        "-q", "-Y", "sign", "-f", str(key.expanduser()), "-n", NAMESPACE, str(folder / MANIFEST), stdin=b""
    )
    if not result.ok or not (folder / SIGNATURE).exists():
        said = result.stderr.decode("utf-8", "replace").strip()
        raise UsageError(f"the manifest could not be signed with {key}: {said}", f"ssh-keygen -y -f {key}")


def check_manifest(folder: Path, stages: Sequence[str]) -> None:
    """Raise EvidenceError naming the first file that is missing, added or changed since the folder was sealed."""
    try:
        written = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise EvidenceError(
            f"{folder} has no {MANIFEST}: the run was not sealed, so nothing says what its files were",
            "kdumpkit run HOST.yaml --resume finishes and seals a run",
        ) from error
    try:
        subjects = json.loads(written)["subject"]
        listed = {str(s["name"]): str(s["digest"]["sha256"]) for s in subjects}
    except (ValueError, KeyError, TypeError) as error:
        raise _altered(folder, f"{MANIFEST} is not a manifest any more") from error
    present = dict(_digests(folder))
    for name, digest in listed.items():
        if name not in present:
            raise _altered(folder, f"{name} is missing")
        if present[name] != digest:
            raise _altered(folder, f"{name} is not as it was when the run was sealed")
    for name in present:
        if name not in listed:
            raise _altered(folder, f"{name} was added after the run was sealed")
    if build_manifest(folder, stages) != written:
        raise _altered(folder, f"{MANIFEST} was changed")


def check_signature(folder: Path, allowed_signers: Path | None) -> str:
    """Who signed, in words. Raises EvidenceError where a signature does not fit.

    Without ``allowed_signers`` the signature is only checked to be one of some key over this manifest, and the
    words say so; without a signature the words say that. With it, a folder that is not signed is refused.
    """
    if allowed_signers is not None and not allowed_signers.is_file():
        raise UsageError(
            f"{allowed_signers}: there is no such file of allowed signers", "see ALLOWED SIGNERS in ssh-keygen(1)"
        )
    if not (folder / SIGNATURE).exists():
        if allowed_signers is not None:
            raise EvidenceError(
                f"{folder}: it is not signed: there is no {SIGNATURE}",
                "a run is signed where signing_key is set; without --signers all else is verified",
            )
        return "not signed"
    if not _is_as_ssh_keygen_writes(folder / SIGNATURE):
        # ssh-keygen reads over white space and unused bits, so it would not notice that they were changed
        raise _altered(folder, f"{SIGNATURE} is not in the form in which ssh-keygen writes signatures")
    signature = str(folder / SIGNATURE)
    manifest = (folder / MANIFEST).read_bytes()
    if allowed_signers is None:
        checked = _ssh_keygen("-Y", "check-novalidate", "-n", NAMESPACE, "-s", signature, stdin=manifest)
        if not checked.ok:
            raise _altered(folder, f"{SIGNATURE} is no signature of this {MANIFEST}")
        return "signed by a key that was not checked against a list: " + _last_line(checked.stdout)
    signers = ("-f", str(allowed_signers))
    found = _ssh_keygen("-Y", "find-principals", *signers, "-s", signature, stdin=manifest)
    for principal in found.text.splitlines() if found.ok else ():
        who = ("-I", principal, "-n", NAMESPACE)
        if _ssh_keygen("-Y", "verify", *signers, *who, "-s", signature, stdin=manifest).ok:
            return f"signed by {principal}"
    raise _altered(folder, f"{SIGNATURE} is by nobody in {allowed_signers}, or of another {MANIFEST}")


def _ssh_keygen(*words: str, stdin: bytes) -> CommandResult:
    result = LocalHost("this machine").run(Command((SSH_KEYGEN, *words), stdin=stdin, timeout_s=120))
    if result.exit_status == 127:
        raise UsageError("ssh-keygen is not installed on this machine", "apt-get install openssh-client")
    return result


def _is_as_ssh_keygen_writes(path: Path) -> bool:
    raw = path.read_bytes()
    head, tail = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
    try:
        signature = base64.b64decode(b"".join(raw[len(head) : -len(tail)].split(b"\n")), validate=True)
    except binascii.Error:
        return False
    text = base64.b64encode(signature)
    lines = b"".join(text[at : at + 70] + b"\n" for at in range(0, len(text), 70))
    return raw == head + lines + tail


def _digests(folder: Path) -> list[tuple[str, str]]:
    names = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise _altered(folder, f"{name} is neither a file nor a folder, and evidence holds nothing else")
        if path.is_file() and name not in (MANIFEST, SIGNATURE):
            names.append(name)
    names.sort()
    return [(name, file_sha256(folder / name)) for name in names]


def file_sha256(path: Path) -> str:
    """The digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _last_line(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def _altered(folder: Path, what: str) -> EvidenceError:
    return EvidenceError(f"{folder}: {what}", "take a fresh copy of the evidence from where it was first written")
