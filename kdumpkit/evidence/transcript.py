"""The record of a run: one JSON line per event, each carrying the digest of the line before it.

A line is on disk before the next thing is done, so the last line tells how far a run came that was killed,
or whose host died. Large outputs lie in ``blobs/<sha256>`` beside it.

The chain proves that nothing was changed in the middle; it does not prove *when* it was written, and whoever
holds the folder could write a whole new chain. That is what a signature over the manifest is for.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdumpkit.command import Command, CommandResult
from kdumpkit.errors import DiskFull, EvidenceError, HostError, KdumpkitError
from kdumpkit.evidence.redact import redact, redact_text

TRANSCRIPT = "transcript.jsonl"
BLOBS = "blobs"
#: what the first line carries as the digest of the line before it
GENESIS = "0" * 64
#: outputs above this size go to a blob
INLINE_BYTES = 16 * 1024


@dataclass(frozen=True)
class Record:
    """One line of a transcript."""

    #: counts from 0
    number: int
    kind: str
    stage: str
    #: counts from 1; a stage that is run again in the same run gets the next number
    attempt: int
    step: str
    #: seconds since the epoch at which the event began
    started_at: float
    duration_s: float
    #: what depends on the kind; for a command: host, argv, exit_status, stdout, stderr, ...
    data: Mapping[str, Any]

    @property
    def ended_at(self) -> float:
        return self.started_at + self.duration_s


class Transcript:
    """Appends records to ``<folder>/transcript.jsonl``; several processes may do so one after the other.

    ``stage``, ``attempt`` and ``step`` are set by the session and go into every record.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stage = ""
        self.attempt = 0
        self.step = ""
        self._path = folder / TRANSCRIPT
        self._size = -1
        self._next = 0
        self._previous = GENESIS
        #: end of the newest timed event: the clock of everything that is decided or shown
        self.now = 0.0

    def append(
        self, kind: str, data: Mapping[str, Any], *, started_at: float | None = None, duration_s: float = 0.0
    ) -> int:
        """Write one record, synced to disk, and return its number.

        Raises DiskFull where there is no room here; what was there before is then whole.
        """
        started = time.time() if started_at is None else started_at
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._catch_up(descriptor)
            number = self._next
            line = _encode(
                {
                    "n": number,
                    "kind": kind,
                    "stage": self.stage,
                    "attempt": self.attempt,
                    "step": self.step,
                    "started_at": round(started, 6),
                    "duration_s": round(duration_s, 6),
                    **data,
                    "previous": self._previous,
                }
            )
            before = os.lseek(descriptor, 0, os.SEEK_END)
            try:
                with _disk_full_said(self._path):
                    _write_all(descriptor, line + b"\n")
                    os.fsync(descriptor)
            except BaseException:
                # half a line would make everything after it unreadable
                os.ftruncate(descriptor, before)
                self._size = -1
                raise
            self._size = before + len(line) + 1
        finally:
            os.close(descriptor)
        if number == 0:
            sync_folder(self.folder)
        self._next = number + 1
        self._previous = hashlib.sha256(line).hexdigest()
        if kind in TIMED_KINDS:
            self.now = round(started, 6) + round(duration_s, 6)
        return number

    def record_command(self, host: str, command: Command, result: CommandResult) -> int:
        """Keep one command and its result."""
        return self.append(
            "command",
            {
                **command_key(host, command),
                "exit_status": result.exit_status,
                "stdout": self._stored(result.stdout),
                "stderr": self._stored(result.stderr),
            },
            started_at=result.started_at,
            duration_s=result.duration_s,
        )

    def record_failure(
        self, host: str, command: Command, error: HostError, started_at: float, duration_s: float
    ) -> int:
        """Keep one command that has no exit status, because the host could not be talked to."""
        return self.append(
            "command",
            {**command_key(host, command), "failure": failure_as_json(error)},
            started_at=started_at,
            duration_s=duration_s,
        )

    def _stored(self, raw: bytes) -> dict[str, Any]:
        data = redact(raw)
        if len(data) > INLINE_BYTES:
            digest = hashlib.sha256(data).hexdigest()
            blob = self.folder / BLOBS / digest
            if not blob.exists():
                write_synced(blob, data)
            return {"blob": digest, "size_bytes": len(data)}
        return encode_bytes(data)

    def _catch_up(self, descriptor: int) -> None:
        # Another process (the notebook before this one, the runner) may have written since.
        size = os.fstat(descriptor).st_size
        if size == self._size:
            return
        lines = _whole_lines(descriptor).splitlines()
        self._next = len(lines)
        self._previous = hashlib.sha256(lines[-1]).hexdigest() if lines else GENESIS


def mend_transcript(folder: Path) -> int:
    """Cut off a last line that a killed process or a dead machine left half written; how many bytes that were.

    Nothing was done after such a line, because a record is synced before the next thing is. Lines that end are
    never touched. A folder without a transcript has nothing to mend.
    """
    try:
        descriptor = os.open(folder / TRANSCRIPT, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        return size - len(_whole_lines(descriptor))
    finally:
        os.close(descriptor)


def _whole_lines(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    raw = b""
    while len(raw) < size and (piece := os.pread(descriptor, size - len(raw), len(raw))):
        raw += piece
    whole = raw[: raw.rfind(b"\n") + 1]
    if len(whole) != size:
        os.ftruncate(descriptor, len(whole))
        os.fsync(descriptor)
    return whole


#: kinds whose end moves the clock on; the others are notes about what was decided
TIMED_KINDS = frozenset({"command", "fetch", "stage"})


def failure_as_json(error: KdumpkitError) -> dict[str, str]:
    """An error as a record keeps it, to be raised again by a replay."""
    return {"type": type(error).__name__, "message": redact_text(error.message), "hint": redact_text(error.hint)}


def command_key(host: str, command: Command) -> dict[str, Any]:
    """What identifies a command in a record; a replay compares it."""
    key: dict[str, Any] = {"host": host, "argv": [redact_text(word) for word in command.argv]}
    if command.title:
        key["title"] = command.title
    if command.as_root:
        key["as_root"] = True
    if command.stdin:
        key["stdin_sha256"] = hashlib.sha256(redact(command.stdin)).hexdigest()
    return key


def encode_bytes(data: bytes) -> dict[str, Any]:
    """Bytes as JSON: text where they are UTF-8, base64 otherwise."""
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def decode_bytes(stored: Mapping[str, Any], folder: Path) -> bytes:
    """The bytes that :meth:`Transcript.record_command` kept. Raises EvidenceError where a blob is not as recorded."""
    if "text" in stored:
        return str(stored["text"]).encode("utf-8")
    if "base64" in stored:
        return base64.b64decode(stored["base64"])
    digest = str(stored.get("blob", ""))
    path = folder / BLOBS / digest
    if len(digest) != 64 or not digest.isalnum():
        raise EvidenceError(f"a record names a blob {digest!r} that cannot be one", "take a fresh copy of the evidence")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{BLOBS}/{digest} is missing: {error.strerror}", "take a complete copy of it") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise EvidenceError(f"{BLOBS}/{digest} does not hold what its name says", "take a fresh copy of the evidence")
    return data


def read_transcript(folder: Path) -> tuple[Record, ...]:
    """All records of a folder, the chain checked on the way.

    Raises EvidenceError where a line is torn, altered, missing or out of order; a folder without a transcript
    has no records.
    """
    try:
        raw = (folder / TRANSCRIPT).read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise EvidenceError(f"{folder / TRANSCRIPT} cannot be read: {error.strerror}") from error
    return tuple(_records(raw, folder))


def _records(raw: bytes, folder: Path) -> Iterator[Record]:
    previous = GENESIS
    for index, line in enumerate(raw.splitlines(keepends=True)):
        try:
            fields = json.loads(line)
            good = line.endswith(b"\n") and fields.pop("n") == index and fields.pop("previous") == previous
            record = Record(
                index,
                str(fields.pop("kind")),
                str(fields.pop("stage")),
                int(fields.pop("attempt")),
                str(fields.pop("step")),
                float(fields.pop("started_at")),
                float(fields.pop("duration_s")),
                fields,
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _broken(folder, index) from error
        if not good:
            raise _broken(folder, index)
        previous = hashlib.sha256(line.rstrip(b"\n")).hexdigest()
        yield record


def _broken(folder: Path, index: int) -> EvidenceError:
    return EvidenceError(
        f"{folder / TRANSCRIPT}: line {index + 1} is torn, altered or out of order; nothing after it can be trusted",
        "take a fresh copy of the evidence from where it was first written",
    )


def check_evidence_dir(path: Path) -> Path:
    """``path`` if it is an evidence folder. Raises EvidenceError otherwise."""
    if not (path / TRANSCRIPT).is_file():
        raise EvidenceError(
            f"{path} is not an evidence folder: it holds no {TRANSCRIPT}",
            "name a folder such as evidence/<host>/<run id>",
        )
    return path


def write_synced(path: Path, data: bytes) -> None:
    """Write a file so that it is wholly there or not at all, even when the machine dies in between.

    Raises DiskFull where there is no room here.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with _disk_full_said(path), temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        # in an evidence folder a left-over would count as evidence
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder as durable as the files' contents."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _disk_full_said(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(f"no room to write {path} on this machine: {error.strerror}", f"df -h {path.parent}") from error


def _encode(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
