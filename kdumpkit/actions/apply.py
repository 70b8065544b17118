"""The one executor of plans: each change is checked against the host, backed up, made, and read back."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from kdumpkit.actions.plan import Change, CommandChange, FileChange, Plan
from kdumpkit.command import Command, CommandResult, command
from kdumpkit.errors import DiskFull, GateClosed, HostError, KdumpkitError
from kdumpkit.hosts.base import Host
from kdumpkit.hosts.files import Absent, FileContent, read_files, remove_file, write_file

#: originals are kept here, where no tool takes them for configuration (GRUB would source a copy in grub.d)
BACKUP_ROOT = "/var/backups/kdumpkit"

#: a file that is larger is not one that the kit changes
_MAX_BYTES = 4 << 20

_BACKUP = """\
umask 077
backup=$2; n=1
while [ -e "$backup" ]; do n=$((n + 1)); backup=$2.$n; done
mkdir -p -- "${backup%/*}" && cp -p -- "$1" "$backup" && cmp -- "$1" "$backup" && printf '%s' "$backup"
"""


@dataclass(frozen=True)
class Done:
    """One change that was made. ``files`` are the files that it wrote, with their content before and after.

    ``undo`` are the commands that take it back, () where nothing does. ``result`` is set for commands.
    """

    change: Change
    files: tuple[FileChange, ...]
    backups: tuple[str, ...]
    undo: tuple[Command, ...]
    result: CommandResult | None = None
    #: False: the command failed, and had written these files all the same
    finished: bool = True
    #: where the original of each of ``files`` that was there is kept: path, backup
    kept: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Applied:
    """What was done of a plan, in order."""

    title: str
    done: tuple[Done, ...]

    @property
    def undo_commands(self) -> tuple[Command, ...]:
        """The commands that take everything back, in the order in which to run them."""
        return tuple(step for done in reversed(self.done) for step in done.undo)

    @property
    def undo_lines(self) -> tuple[str, ...]:
        """:attr:`undo_commands` as lines to paste into a root shell on the host."""
        return tuple(shlex.join(step.argv) for step in self.undo_commands)

    @property
    def records(self) -> tuple[int, ...]:
        """Transcript records of the commands that were run."""
        return tuple(done.result.record for done in self.done if done.result and done.result.record >= 0)


def apply_plan(
    host: Host,
    plan: Plan,
    *,
    backup_suffix: str,
    backup_root: str = BACKUP_ROOT,
    on_done: Callable[[Done], None] | None = None,
) -> Applied:
    """The plan, carried out in order; an empty plan does nothing.

    A file is written only if it still is what the plan was made from; its original goes to
    ``<backup_root>/<backup_suffix>/<path>`` first (``.2`` is added where that is taken), the new content replaces it
    in one step and is read back. A command must end with an accepted status. ``on_done`` is called after each change,
    also after a command that failed and had written files all the same.

    Stops at the first failure and raises it, with what had been done in its message, the commands to undo that in its
    hint, and the same as a value from :func:`partly_applied`: GateClosed (a file is not what the plan was made from),
    NotVerified, DiskFull, CommandFailed, or a HostError.
    """
    made: list[Done] = []
    backup = f"{backup_root.rstrip('/')}/{_safe(backup_suffix)}"
    for number, change in enumerate(plan.changes, 1):
        try:
            done = _write(host, change, backup) if isinstance(change, FileChange) else _run(host, change, backup, made)
        except KdumpkitError as error:
            _tell(error, plan, number, Applied(plan.title, tuple(made)))
            if on_done is not None and made and not made[-1].finished:
                on_done(made[-1])
            raise
        made.append(done)
        if on_done is not None:
            on_done(done)
    return Applied(plan.title, tuple(made))


def partly_applied(error: KdumpkitError) -> Applied | None:
    """What :func:`apply_plan` had done when it raised this; None for errors from elsewhere."""
    found = vars(error).get("applied")
    return found if isinstance(found, Applied) else None


def _write(host: Host, change: FileChange, backup_directory: str) -> Done:
    now, mode = _content(host, change.path)
    if now != change.before:
        raise GateClosed(
            f"{host.name}: {change.path} {_difference(now, change.before)} since the plan was made; it was not touched",
            "make the plan again and look at its diff",
        )
    if now is None:
        undo = command("rm", "-f", "--", change.path, as_root=True)
        backups: tuple[str, ...] = ()
    else:
        backups = (_back_up(host, change.path, backup_directory),)
        undo = command("cp", "-p", "--", backups[0], change.path, as_root=True)
    if change.after is None:
        remove_file(host, change.path)
    else:
        write_file(host, change.path, change.after, mode=mode if mode is not None else change.mode)
    kept = replace(change, mode=mode if mode is not None else change.mode)
    where = tuple((change.path, backup) for backup in backups)
    return Done(change, (kept,), backups, (undo,), kept=where)


def _run(host: Host, change: CommandChange, backup_directory: str, made: list[Done]) -> Done:
    before = {path: _content(host, path) for path in change.rewrites}
    backups = {
        path: _back_up(host, path, backup_directory) for path, (content, _) in before.items() if content is not None
    }
    try:
        result = host.run(change.command)
        if not result.ok and b"No space left on device" in result.stderr:
            raise _disk_full(host, f"`{change.command.shown()}`", result)
        result.checked()
    except KdumpkitError:
        try:
            files = _rewritten(host, before)
        except HostError:
            files = ()
        if files:
            kept = tuple(backups.items())
            made.append(Done(change, files, tuple(backups.values()), _restores(files, backups), None, False, kept))
        raise
    files = _rewritten(host, before)
    undo = (change.undo,) if change.undo is not None else ()
    restores = (*undo, *_restores(files, backups))
    return Done(change, files, tuple(backups.values()), restores, result, kept=tuple(backups.items()))


def _rewritten(host: Host, before: dict[str, tuple[bytes | None, int | None]]) -> tuple[FileChange, ...]:
    files = []
    for path, (old, mode) in before.items():
        new, new_mode = _content(host, path)
        if new != old:
            bits = mode if mode is not None else new_mode
            files.append(FileChange(path, old, new, bits if bits is not None else 0o644))
    return tuple(files)


def _restores(files: tuple[FileChange, ...], backups: dict[str, str]) -> tuple[Command, ...]:
    return tuple(
        command("cp", "-p", "--", backups[file.path], file.path, as_root=True)
        if file.path in backups
        else command("rm", "-f", "--", file.path, as_root=True)
        for file in reversed(files)
    )


def _content(host: Host, path: str) -> tuple[bytes | None, int | None]:
    # content and mode; (None, None) where there is no such file
    state = read_files(host, [path], max_bytes=_MAX_BYTES, as_root=True, modes=True)[path]
    if isinstance(state, FileContent) and not state.truncated:
        return state.data, state.mode
    if isinstance(state, Absent):
        return None, None
    reason = (
        f"longer than {_MAX_BYTES} bytes"
        if isinstance(state, FileContent)
        else getattr(state, "reason", "not permitted")
    )
    raise GateClosed(
        f"{host.name}: {path} cannot be read ({reason}), so it is not changed", f"ls -l {shlex.quote(path)}"
    )


def _back_up(host: Host, path: str, directory: str) -> str:
    target = f"{directory}/{path.lstrip('/')}"
    argv = ("sh", "-c", _BACKUP, "sh", path, target)
    result = host.run(
        command(*argv, timeout_s=60, as_root=True, title=f"back up {path} below {directory}", inline=True)
    )
    if result.ok and result.stdout:
        return result.text
    if b"No space left on device" in result.stderr:
        raise _disk_full(host, f"the backup of {path}", result)
    said = result.stderr.decode("utf-8", "replace").strip()[-300:]
    raise GateClosed(
        f"{host.name}: {path} could not be backed up to {target} ({said or 'no reason given'}), so it was not changed",
        f"mkdir -p {shlex.quote(directory)}",
    )


def _disk_full(host: Host, what: str, result: CommandResult) -> DiskFull:
    said = result.stderr.decode("utf-8", "replace").strip().splitlines()
    return DiskFull(
        f"{host.name}: {what} found no room on the disk: {said[-1][:300]}",
        "df -h; make room, then run this stage again",
    )


def _difference(now: bytes | None, expected: bytes | None) -> str:
    if now is None:
        return "is no longer there"
    if expected is None:
        return "is there and was not"
    return "has other content"


def _safe(suffix: str) -> str:
    # a run id; nothing that leads out of the backup folder
    if (
        not suffix
        or suffix.startswith(".")
        or not all(ch.isascii() and (ch.isalnum() or ch in "._:-") for ch in suffix)
    ):
        raise GateClosed(f"{suffix!r} cannot be the name of a backup folder", "use letters, digits and . _ : -")
    return suffix


def _tell(error: KdumpkitError, plan: Plan, number: int, applied: Applied) -> None:
    # the error keeps its type, and with it the exit status; it learns what was done and how to undo it
    where = f"stopped at change {number} of {len(plan.changes)} of `{plan.title}`"
    if not applied.done:
        error.message = f"{error.message} ({where}; nothing had been changed)"
    else:
        made = ", ".join(_name(done.change) for done in applied.done)
        error.message = f"{error.message} ({where}; made before: {made})"
        undo = " && ".join(applied.undo_lines) or "there is no way back from what was made"
        error.hint = f"{error.hint}; to undo what was made: {undo}" if error.hint else f"to undo what was made: {undo}"
    error.args = (error.message,)
    vars(error)["applied"] = applied


def _name(change: Change) -> str:
    return change.path if isinstance(change, FileChange) else f"`{change.command.shown()}`"
