"""What a run changed, taken back later: from its own record, in reverse order, byte for byte, or not at all."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kdumpkit.actions.apply import Done
from kdumpkit.actions.plan import Change, CommandChange, FileChange, Plan
from kdumpkit.command import Command
from kdumpkit.errors import GateClosed, NotVerified, ParseError
from kdumpkit.evidence.redact import MASK


@dataclass(frozen=True)
class ChangedFile:
    """A file that a change wrote. ``before`` and ``after`` are SHA-256 in hex, None where there was or is no file."""

    path: str
    before: str | None
    after: str | None
    #: where its original is kept on the host; None where there was no file
    backup: str | None
    mode: int


@dataclass(frozen=True)
class RecordedChange:
    """One change as the record of a run has it. ``command`` and ``undo`` are None for a change to a file alone.

    ``finished`` False: the command failed, and had written these files all the same.
    """

    what: str
    command: Command | None
    undo: Command | None
    files: tuple[ChangedFile, ...]
    finished: bool = True


@dataclass(frozen=True)
class HostFile:
    """A file as it is on the host now, or a backup; both None: it is not there."""

    digest: str | None
    content: bytes | None


def change_as_json(done: Done) -> dict[str, Any]:
    """A change that was made, as it is kept in the record right after it."""
    kept = dict(done.kept)
    change = done.change
    command, undo = (None, None) if isinstance(change, FileChange) else (change.command, change.undo)
    return {
        "what": change.path if isinstance(change, FileChange) else change.command.shown(),
        "command": _command_as_json(command),
        "undo": _command_as_json(undo),
        "files": [
            {
                "path": file.path,
                "before": _digest(file.before),
                "after": _digest(file.after),
                "backup": kept.get(file.path),
                "mode": file.mode,
            }
            for file in done.files
        ],
        "finished": done.finished,
    }


def change_from_json(data: Any) -> RecordedChange:
    """The change that :func:`change_as_json` wrote. Raises ParseError for anything else."""
    try:
        files = tuple(
            ChangedFile(
                str(file["path"]), _optional(file["before"]), _optional(file["after"]), _optional(file["backup"]),
                int(file["mode"]),
            )
            for file in data["files"]
        )  # fmt: skip
        commands = [None if data[name] is None else _command_from_json(data[name]) for name in ("command", "undo")]
        return RecordedChange(str(data["what"]), commands[0], commands[1], files, bool(data["finished"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ParseError(f"the record of a change is none ({type(error).__name__})") from error


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _optional(value: Any) -> str | None:
    return None if value is None else str(value)


def _command_as_json(command: Command | None) -> dict[str, Any] | None:
    if command is None:
        return None
    return {
        "argv": list(command.argv),
        "timeout_s": command.timeout_s,
        "stdin": command.stdin.decode("utf-8", "surrogateescape"),
        "as_root": command.as_root,
    }


def _command_from_json(data: Any) -> Command:
    argv = tuple(str(word) for word in data["argv"])
    stdin = str(data["stdin"]).encode("utf-8", "surrogateescape")
    return Command(argv, timeout_s=float(data["timeout_s"]), stdin=stdin, as_root=bool(data["as_root"]))


def paths_of(changes: Sequence[RecordedChange]) -> tuple[str, ...]:
    """Every file that these changes wrote, and every backup: what has to be read before they can be taken back."""
    files = [file for change in changes for file in change.files]
    return tuple(dict.fromkeys(path for file in files for path in (file.path, file.backup) if path is not None))


def plan_rollback(run_id: str, changes: Sequence[RecordedChange], files: Mapping[str, HostFile], host: str) -> Plan:
    """The plan that takes these changes back, last one first. ``files`` are those of :func:`paths_of`, as they are now.

    A file that has its old content already is left alone. Raises GateClosed, and nothing is planned, where a file was
    changed by somebody else since, or a backup is gone or is not what was kept; its hint shows the difference.
    """
    now = dict(files)
    planned: list[Change] = []
    notes: list[str] = []
    conflicts: list[tuple[str, str]] = []
    for change in reversed(_without_pairs(changes)):
        if change.undo is not None and change.finished:
            _refuse_masked(change.undo, host)
            planned.append(CommandChange(change.undo, f"takes back: {change.what}", change.command))
        elif change.command is not None and not change.files:
            notes.append(f"there is no way back from `{change.what}`, which stays as it is")
        for file in reversed(change.files):
            step, why = _restore(file, now)
            if why:
                conflicts.append((why, f"diff -u {shlex.quote(file.backup or '/dev/null')} {shlex.quote(file.path)}"))
            elif step is not None:
                planned.append(step)
                now[file.path] = HostFile(file.before, step.after)
            elif _written_by_boot_loader(file, now):
                notes.append(f"the boot loader itself has written {file.path} since, so it stays as it is")
    if conflicts:
        raise GateClosed(
            f"{host}: run {run_id} is not taken back: {'; '.join(why for why, _ in conflicts)}; nothing was changed",
            f"on {host}: {'; '.join(dict.fromkeys(hint for _, hint in conflicts))}",
        )
    reason = "" if planned else "everything is as it was before"
    return Plan(f"take back what run {run_id} changed", tuple(planned), reason, tuple(dict.fromkeys(notes)))


def expected_after(changes: Sequence[RecordedChange], files: Mapping[str, HostFile]) -> dict[str, str | None]:
    """The digest that each file has to have once everything is taken back, by path."""
    first: dict[str, str | None] = {}
    for change in changes:
        for file in change.files:
            if not _written_by_boot_loader(file, files):
                first.setdefault(file.path, file.before)
    return first


def check_taken_back(expected: Mapping[str, str | None], digests: Mapping[str, str | None], host: str) -> None:
    """Raise NotVerified naming the first file that has not the content that it had before the run."""
    for path, before in expected.items():
        if digests.get(path) != before:
            raise NotVerified(
                f"{host}: {path} was put back, and is not what it was before the run "
                f"({digests.get(path) or 'absent'} instead of {before or 'absent'})",
                f"on {host}: ls -l --time-style=full-iso {shlex.quote(path)}",
            )


def _restore(file: ChangedFile, now: Mapping[str, HostFile]) -> tuple[FileChange | None, str]:
    # the step that puts a file back (None: nothing to do), or why it cannot be
    found = now[file.path]
    if found.digest == file.before or _written_by_boot_loader(file, now):
        return None, ""
    if found.digest != file.after:
        state = "is gone" if found.digest is None else "was changed by somebody else"
        return None, f"{file.path} {state} since"
    if file.before is None:
        return FileChange(file.path, found.content, None, file.mode), ""
    backup = now.get(file.backup or "", HostFile(None, None))
    if backup.digest is None or backup.content is None:
        return None, f"the original of {file.path} is no longer at {file.backup}"
    if backup.digest != file.before:
        return None, f"{file.backup} is not the original of {file.path}"
    return FileChange(file.path, found.content, backup.content, file.mode), ""


def _written_by_boot_loader(file: ChangedFile, now: Mapping[str, HostFile]) -> bool:
    # GRUB takes next_entry out of its environment block, and sets recordfail in it, at each boot
    return file.path.endswith("/grubenv") and now[file.path].digest not in (file.before, file.after)


def _without_pairs(changes: Sequence[RecordedChange]) -> list[RecordedChange]:
    # a stop that a start followed has changed nothing
    left: list[RecordedChange] = []
    for change in changes:
        last = left[-1] if left else None
        if (
            last is not None
            and not last.files
            and not change.files
            and last.undo is not None
            and change.undo is not None
            and last.undo.argv == _argv(change)
            and change.undo.argv == _argv(last)
        ):
            left.pop()
        else:
            left.append(change)
    return left


def _argv(change: RecordedChange) -> tuple[str, ...]:
    return change.command.argv if change.command is not None else ()


def _refuse_masked(undo: Command, host: str) -> None:
    if any(MASK.decode() in word for word in undo.argv) or MASK in undo.stdin:
        raise GateClosed(
            f"{host}: `{undo.shown()}` cannot be run: the record has no secrets, and one belongs into it",
            "run it by hand, with the secret in its place",
        )
